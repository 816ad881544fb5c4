"""Passkey retrieval: whether a model, asked for a number that stands somewhere in its prefix, still gives all of it.

Only trials count that the exact cache passes, and only if it passes at least MIN_EXACT of them. An answer is right if
at each of its tokens, given those before, the right one is the likeliest: what greedy decoding would find.
"""

import numpy as np

import windows
from reference_model import ReferenceModel
from windows import PREFIX_TOKENS, kv

MIN_EXACT = 0.8
_DEPTHS = (0.1, 0.3, 0.5, 0.7, 0.9)
_QUESTION = "\n\nQuestion: What is the pass key?\nAnswer: The pass key is"
_HAYSTACK = "tune-prose-2"  # its text matters to no other figure


def _needle(key: str) -> str:
  return f"\n\nRemember this: the pass key is {key}. {key} is the pass key.\n\n"


class Trial:
  """One key at one depth: the prefix, the question and the answer as tokens."""

  def __init__(self, model_name: str, vocabulary, number: int):
    self.name = f"passkey-{number}"
    key = str(int(np.random.default_rng(number).integers(10000, 99999)))
    # A vocabulary with a first token gives it to each part.
    first = vocabulary.encode("")
    encode = lambda text: vocabulary.encode(text)[len(first):]
    needle, self.question, self.answer = encode(_needle(key)), encode(_QUESTION), encode(f" {key}")
    haystack = kv.token_ids(model_name, _HAYSTACK, PREFIX_TOKENS)[len(first):]
    room = PREFIX_TOKENS - len(first) - len(needle)
    cut = int(room * _DEPTHS[number % len(_DEPTHS)])
    self.prefix = first + haystack[:cut] + needle + haystack[cut:room]

  def passed(self, model: ReferenceModel, cache) -> bool:
    """Says whether the model answers rightly with a cache of the prefix, which is left as it is."""
    given = self.question + self.answer[:-1]
    outputs = model.run(given, cache.copy())[-len(self.answer):]
    return model.logits_of(outputs).argmax(axis=1).tolist() == self.answer


def trials(model_name: str, count: int) -> list[Trial]:
  from gguf_tokens import Vocabulary  # pylint: disable=import-outside-toplevel
  vocabulary = Vocabulary(str(kv.cache_dir() / f"{model_name}-gguf.gguf"))
  return [Trial(model_name, vocabulary, number) for number in range(count)]


def window_of(model_name: str, model: ReferenceModel, trial: Trial) -> windows.Window:
  """Returns a trial as a window, whose exact prefix is kept with the others."""
  path = kv.folder() / "windows" / f"{model_name}-{trial.name}.safetensors"
  return windows.Window(trial.name, trial.prefix, windows.kept_prefix(path, model, trial.prefix))
