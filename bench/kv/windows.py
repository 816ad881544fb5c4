"""Windows of text to score on: a prefix whose KV cache a coder restores, and tokens that then attend to it.

A window has 2,048 tokens of prefix, 512 tokens that are given one after another (teacher-forced), and the one that
follows. Its exact cache is made once and kept with the dumps.
"""

import dataclasses
import os
import pathlib
import sys

import numpy as np

_BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_BENCH / "lib"), str(_BENCH / "corpora"), str(_BENCH / "corpora" / "kv")]

import kv  # pylint: disable=wrong-import-position
import planes  # pylint: disable=wrong-import-position
import texts  # pylint: disable=wrong-import-position
from reference_model import KvCache, Observed, ReferenceModel  # pylint: disable=wrong-import-position
from reference_model import from_bf16, rotated, rounded, to_bf16  # pylint: disable=wrong-import-position

PREFIX_TOKENS = 2048
SCORED_TOKENS = 512
CHUNK_TOKENS = 256


@dataclasses.dataclass(frozen=True)
class Prefix:
  """The exact cache of a prefix: fp32 values of bf16, each [model layers, tokens, channels].

  Attributes:
    keys: after their rotation by position.
    values: as cached.
    unrotated: keys before it, rounded to bf16 too.
  """
  keys: np.ndarray
  values: np.ndarray
  unrotated: np.ndarray

  def chunks(self) -> list["Prefix"]:
    """Returns the prefix in chunks of CHUNK_TOKENS."""
    cuts = range(0, self.keys.shape[1], CHUNK_TOKENS)
    cut = lambda plane, begin: plane[:, begin:begin + CHUNK_TOKENS]
    return [Prefix(*(cut(plane, begin) for plane in (self.keys, self.values, self.unrotated))) for begin in cuts]


@dataclasses.dataclass(frozen=True)
class Window:
  """One window of one model: `ids` are all its tokens, those of the prefix first."""
  name: str
  ids: list[int]
  prefix: Prefix

  @property
  def scored_ids(self) -> list[int]:
    return self.ids[PREFIX_TOKENS:-1]

  @property
  def following_ids(self) -> list[int]:
    return self.ids[PREFIX_TOKENS + 1:]


def rotate_keys(model: ReferenceModel, unrotated: np.ndarray, first_position: int = 0) -> np.ndarray:
  """Returns [model layers, tokens, channels] of keys after their rotation, rounded to bf16."""
  turned = []
  for layer, keys in enumerate(unrotated):
    heads = keys.reshape(len(keys), model.kv_heads, model.head_dim)
    turned.append(rounded(rotated(heads, model.rope(layer)[0], first_position)).reshape(keys.shape))
  return np.stack(turned)


def as_cache(model: ReferenceModel, keys: np.ndarray, values: np.ndarray) -> KvCache:
  """Returns a cache of restored keys and values, each [model layers, tokens, channels]."""
  shape = (keys.shape[1], model.kv_heads, model.head_dim)
  return KvCache([layer.reshape(shape) for layer in keys], [layer.reshape(shape) for layer in values])


def prefix_of(model: ReferenceModel, ids: list[int]) -> Prefix:
  """Runs a model over a prefix."""
  before: dict[int, list[np.ndarray]] = {}

  def observe(seen: Observed) -> None:
    before.setdefault(seen.layer, []).append(seen.keys_before_rotation)

  cache = model.empty_cache()
  model.run(ids, cache, observe)
  flat = lambda layers: np.stack([layer.reshape(len(ids), -1) for layer in layers])
  unrotated = [np.concatenate(before[layer]) for layer in range(model.layers)]
  return Prefix(flat(cache.keys), flat(cache.values), rounded(flat(unrotated)))


def _write_prefix(path: pathlib.Path, prefix: Prefix) -> None:
  found = {"keys": prefix.keys, "values": prefix.values, "unrotated": prefix.unrotated}
  path.parent.mkdir(parents=True, exist_ok=True)
  work = path.with_suffix(f".{os.getpid()}")
  planes.write(work, {name: to_bf16(plane) for name, plane in found.items()}, "BF16", {})
  os.replace(work, path)


def kept_prefix(path: pathlib.Path, model: ReferenceModel, ids: list[int]) -> Prefix:
  """Returns the prefix kept in a file, made and kept first where it is missing."""
  if not path.exists():
    _write_prefix(path, prefix_of(model, ids))
  found = planes.read(path)
  return Prefix(*(from_bf16(found[name]) for name in ("keys", "values", "unrotated")))


def load(model_name: str, model: ReferenceModel, text: str) -> Window:
  """Returns the window at the start of a text."""
  ids = kv.token_ids(model_name, text, PREFIX_TOKENS + SCORED_TOKENS + 1)
  path = kv.folder() / "windows" / f"{model_name}-{text}.safetensors"
  return Window(text, ids, kept_prefix(path, model, ids[:PREFIX_TOKENS]))


def names(set_name: str) -> list[str]:
  """Returns the windows of a set, the kinds of text in turn."""
  return sorted((text.name for text in texts.of_set(set_name)), key=lambda name: int(name.split("-")[2]))


def main() -> None:
  """Makes the windows of the sets and models named on the command line: windows.py MODEL SET..."""
  model_name, *set_names = sys.argv[1:]
  model = kv.load_model(model_name)
  for name in (name for set_name in set_names for name in names(set_name)):
    load(model_name, model, name)
    print(model_name, name, flush=True)


if __name__ == "__main__":
  main()
