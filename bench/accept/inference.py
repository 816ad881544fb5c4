"""Rows of `gpu` about examples/runner: a language model whose weights stay compressed while it runs, on the CPU."""

import dataclasses
import functools
import json
import pathlib

import numpy as np

from rows import Bench, Outcome, Row, require

import corpus_sizes
import files
from gguf_tokens import Vocabulary
from plait_command import Peak, watch_memory
from reference_model import ReferenceModel

_MODELS = ("smollm2", "gemma3")
_PROMPT = ("The lighthouse keeper climbed the stairs every evening to light the lamp. One night, when the storm was at "
           "its worst, he looked out over the water and saw")
_TOKENS = 64
_THREADS = 2
_ALLOWANCE = 64 << 20
_MOST_OF_CODED = 1.02  # an image has an index besides
# Of the logits' root mean square. A wrong angle, window or norm is some hundred times that; rounding is below it.
_MOST_FROM_NUMPY = 0.01


@dataclasses.dataclass(frozen=True)
class Run:
  """One run of the program: its logits [tokens, vocabulary], its own report, and its memory as seen from outside."""
  logits_path: pathlib.Path
  report: dict
  peak: Peak

  def logits(self) -> np.ndarray:
    return np.fromfile(self.logits_path, "<f4").reshape(_TOKENS, -1)


def runner_path(bench: Bench) -> pathlib.Path:
  """Returns the program, in the build folder of plait."""
  path = pathlib.Path(bench.plait.path).parents[1] / "examples" / "runner" / "plait_runner"
  require(path.is_file(), f"{path} is not built; cmake --build builds it as plait_runner")
  return path


class Inference:
  """One model, plain and compressed; each is run once, in a folder of the model's own."""

  def __init__(self, bench: Bench, model: str):
    self._bench = bench
    self._model = model
    self._folder = bench.work / f"inference-{model}"

  @functools.cached_property
  def _plain_path(self) -> pathlib.Path:
    return corpus_sizes.corpus_path(f"dequantized-{self._model}")

  @functools.cached_property
  def _config_path(self) -> pathlib.Path:
    return corpus_sizes.corpus_path(f"{self._model}-config")

  @functools.cached_property
  def _prompt(self) -> list[int]:
    return Vocabulary(str(corpus_sizes.corpus_path(f"{self._model}-gguf"))).encode(_PROMPT)

  def _run(self, model_path: pathlib.Path) -> Run:
    self._folder.mkdir(exist_ok=True)
    ids, report, logits = (self._folder / f"{model_path.stem}.{kind}" for kind in ("ids", "report", "logits"))
    ids.write_text(" ".join(map(str, self._prompt)))
    words = (runner_path(self._bench), "--config", self._config_path, "--ids", ids, "--tokens", _TOKENS, "--threads",
             _THREADS, "--logits", logits, "--report", report, model_path)
    peak = watch_memory([str(word) for word in words])
    return Run(logits, json.loads(report.read_text()), peak)

  @functools.cached_property
  def plain(self) -> Run:
    return self._run(self._plain_path)

  @functools.cached_property
  def compressed(self) -> Run:
    self._folder.mkdir(exist_ok=True)
    container = self._folder / f"{self._model}.plait.safetensors"
    self._bench.plait.compress(self._plain_path, container, threads=_THREADS)
    return self._run(container)

  def same_logits(self) -> Outcome:
    plain, compressed = self.plain, self.compressed
    require(compressed.report["compressed"] and not plain.report["compressed"], "the runs are not what they should be")
    same = files.same_bytes(plain.logits_path, compressed.logits_path)
    text = (f"{_TOKENS} steps, {plain.logits_path.stat().st_size / 1e6:.0f} MB of fp32 logits "
            f"{'the same' if same else 'differ'}")
    return Outcome(same, text)

  def near_numpy(self) -> Outcome:
    found = self.compressed.logits()
    ids = [int(token) for token in found.argmax(axis=1)]
    reference = ReferenceModel(self._plain_path, json.loads(self._config_path.read_text()))
    wanted = reference.logits(self._prompt + ids[:-1], first=len(self._prompt) - 1)
    distance = float(np.sqrt(np.mean((found - wanted)**2) / np.mean(wanted**2)))
    agreed = int(np.sum(wanted.argmax(axis=1) == ids))
    text = f"{100 * distance:.2f} % of the logits' RMS, {agreed} of {_TOKENS} tokens the likeliest in both"
    return Outcome(distance <= _MOST_FROM_NUMPY, text)

  def memory(self) -> Outcome:
    run = self.compressed
    report = run.report
    peak = max(run.peak.anonymous, report["peak_anonymous_bytes"])
    most = report["coded_bytes"] + _ALLOWANCE + report["kv_cache_bytes"]
    megabytes = lambda num_bytes: f"{num_bytes / 1e6:.1f} MB"
    rest = peak - report["image_bytes"]
    text = (f"{megabytes(peak)}, of it coded weights and their index {megabytes(report['image_bytes'])}, KV cache "
            f"{megabytes(report['kv_cache_bytes'])}; coded bytes in the file {megabytes(report['coded_bytes'])}; largest "
            f"matrix {megabytes(report['largest_matrix_bytes'])}; resident with all mapped pages "
            f"{megabytes(run.peak.resident)}, of plain weights {megabytes(self.plain.peak.resident)}")
    is_coded = report["image_bytes"] <= _MOST_OF_CODED * report["coded_bytes"]
    return Outcome(peak <= most and is_coded and rest < report["largest_matrix_bytes"], text)


def _rows_of(bench: Bench, model: str) -> list[Row]:
  inference = Inference(bench, model)
  name = f"inference, {model} (dequantized bf16)"
  return [
      Row(f"{name}: logits", "bit-identical to those of plain weights", inference.same_logits),
      Row(f"{name}: against NumPy", f"within {100 * _MOST_FROM_NUMPY:.0f} % of the logits' RMS", inference.near_numpy),
      Row(f"{name}: peak RssAnon", "<= coded bytes + 64 MiB + KV cache, and besides those < the largest matrix",
          inference.memory),
  ]


def make_rows(bench: Bench) -> list[Row]:
  return [row for model in _MODELS for row in _rows_of(bench, model)]
