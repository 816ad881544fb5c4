#!/usr/bin/env python3
"""Finds the steps that a profile of a model recommends, on the texts of the set `tune` alone.

  profile_stats.py MODEL      writes kv/MODEL-stats.safetensors in the corpora's cache

The rule: a key's channel has a step in proportion to 1 / RMS of the query channels that meet it, averaged over the pair
that is rotated together; a value's layer has one step in proportion to its median token's RMS. Each plane is then
quantized alone, which gives its KL divergence; its steps are multiplied by that divergence to the power of -EXPONENT.
Last, all are scaled together until the base alone does the divergence TARGET.
"""

import argparse
import dataclasses
import hashlib
import pathlib
import sys

import numpy as np

import windows
from damage import Exact
from quantizer import SINK_TOKENS, Steps, base_index
from windows import kv

import safetensors_file  # pylint: disable=wrong-import-order
from reference_model import Observed, ReferenceModel, rounded  # pylint: disable=wrong-import-order
from safetensors_file import NewTensor  # pylint: disable=wrong-import-order

EXPONENT = 0.5
TARGET = 0.01
_SCORED_TOKENS = 256
_SENSITIVITY_WINDOWS = 3  # one of each kind of text
_LEAST_DIVERGENCE = 1e-8
_LEAST_QUERY = 2.0**-8  # of the largest channel in its layer


class TuneWindow:
  """One window of the tuning texts with what its exact run computed.

  Attributes:
    exact: the predictions to compare with.
    query_squares: mean squares of query channels by key channel, [model layers, channels].
  """

  def __init__(self, model: ReferenceModel, window: windows.Window, every: int):
    self._model = model
    self.window = window
    self._cache = windows.as_cache(model, window.prefix.keys, window.prefix.values)
    ids, following = window.scored_ids[:_SCORED_TOKENS], window.following_ids[:_SCORED_TOKENS]
    self.exact = Exact(model, self._cache, ids, following, every)
    self._streams, squares = [model.embed(ids)], []

    def observe(seen: Observed) -> None:
      squares.append(_by_key_channel(np.mean(seen.queries**2, axis=0), model.kv_heads))

    cache = self._cache.copy()
    for layer in range(model.layers):
      self._streams.append(model.run_layer(layer, self._streams[-1], cache, observe))
    self.query_squares = np.stack(squares)

  def divergence_of_plane(self, layer: int, plane: str, restored: np.ndarray) -> float:
    """Returns the mean divergence with one plane replaced; layers before it are not run again."""
    cache = self._cache.copy()
    held = cache.keys if plane == "k" else cache.values
    held[layer] = restored.reshape(held[layer].shape)
    stream = self._streams[layer]
    for following in range(layer, self._model.layers):
      stream = self._model.run_layer(following, stream, cache)
    return float(self.exact.damage_of_outputs(self._model.finish(stream)).divergence.mean())

  def divergence(self, steps: Steps) -> float:
    """Returns the mean divergence with every plane quantized."""
    keys, values = base_of_prefix(self.window.prefix, steps)
    return float(self.exact.damage_of(windows.as_cache(self._model, keys, values)).divergence.mean())


def _by_key_channel(squares: np.ndarray, kv_heads: int) -> np.ndarray:
  """Returns [channels] from [query heads, head_dim]: means over the heads of a key and over rotated pairs."""
  per_head = squares.reshape(kv_heads, -1, squares.shape[-1]).mean(axis=1)
  pairs = per_head.reshape(kv_heads, 2, -1).mean(axis=1, keepdims=True)
  return np.broadcast_to(pairs, (kv_heads, 2, pairs.shape[-1])).reshape(-1)


def base_of_prefix(prefix: windows.Prefix, steps: Steps) -> tuple[np.ndarray, np.ndarray]:
  """Returns the restored base of keys and values, chunk by chunk, with exact sink tokens."""
  found = []
  for chunk in prefix.chunks():
    step = steps.of_values(chunk.values)
    found.append((base_index(chunk.keys, steps.of_keys()) * steps.of_keys(), base_index(chunk.values, step) * step))
  keys, values = (rounded(np.concatenate(part, axis=1)) for part in zip(*found))
  keys[:, :SINK_TOKENS], values[:, :SINK_TOKENS] = prefix.keys[:, :SINK_TOKENS], prefix.values[:, :SINK_TOKENS]
  return keys, values


def median_rms(prefixes: list[windows.Prefix]) -> np.ndarray:
  """Returns the RMS of the median token's values, [model layers]."""
  return np.median(np.concatenate([np.sqrt(np.mean(prefix.values**2, axis=2)) for prefix in prefixes], axis=1), axis=1)


def plane_divergences(tune: list[TuneWindow], steps: Steps) -> np.ndarray:
  """Returns the mean divergence that each plane does alone, [2, model layers], keys first."""
  layers = len(steps.values)
  found = np.zeros((2, layers))
  for one in tune:
    restored = base_of_prefix(one.window.prefix, steps)
    for layer in range(layers):
      for index, plane in enumerate("kv"):
        found[index, layer] += one.divergence_of_plane(layer, plane, restored[index][layer]) / len(tune)
  return found


def reference_steps(tune: list[TuneWindow]) -> tuple[Steps, np.ndarray]:
  """Returns steps before any factor of layers, and the RMS of queries [model layers, channels]."""
  query_rms = np.sqrt(np.mean([one.query_squares for one in tune], axis=0)).astype(np.float32)
  # Gemma has query channels that are always 0, so that any key does there.
  query_rms = np.maximum(query_rms, query_rms.max(axis=1, keepdims=True) * _LEAST_QUERY)
  median = median_rms([one.window.prefix for one in tune]).astype(np.float32)
  return Steps(-np.log2(query_rms), np.log2(median), median), query_rms


def with_factors(steps: Steps, divergences: np.ndarray, exponent: float) -> Steps:
  """Returns steps times (divergence of the plane)^-exponent."""
  logs = -exponent * np.log2(np.maximum(divergences, _LEAST_DIVERGENCE))
  logs = (logs - logs.mean()).astype(np.float32)
  return dataclasses.replace(steps, keys=steps.keys + logs[0][:, None], values=steps.values + logs[1])


def scaled_to_target(tune: list[TuneWindow], steps: Steps, target: float, rounds: int = 3) -> Steps:
  """Returns steps all scaled by one number, so that the mean divergence is about the target."""
  for _ in range(rounds):
    found = np.mean([one.divergence(steps) for one in tune])
    # The divergence grows about with the square of the steps; not more than two binades at once.
    steps = steps.scaled(np.clip(0.5 * np.log2(target / found), -2, 2))
    print(f"  divergence {found:.5f}", file=sys.stderr, flush=True)
  return steps


def load_tune_windows(model_name: str, model: ReferenceModel) -> list[TuneWindow]:
  every = 2 if model_name == "gemma3" else 1
  return [TuneWindow(model, windows.load(model_name, model, name), every) for name in windows.names("tune")]


def stats_path(model_name: str) -> pathlib.Path:
  return kv.folder() / f"{model_name}-stats.safetensors"


def write_stats(path: pathlib.Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
  contiguous = {name: np.ascontiguousarray(array, "<f4") for name, array in arrays.items()}
  tensors = [NewTensor(name, "F32", array.shape, lambda array=array: [memoryview(array).cast("B")])
             for name, array in contiguous.items()]
  safetensors_file.write(path, tensors, metadata)


def read_stats(path: pathlib.Path) -> dict[str, np.ndarray]:
  file = safetensors_file.SafetensorsFile(path)
  return {name: np.frombuffer(file.data(name), "<f4").reshape(info.shape) for name, info in file.tensors.items()}


def steps_of(stats: dict[str, np.ndarray]) -> Steps:
  return Steps(stats["k_log2_step"], stats["v_log2_step"], stats["v_median_rms"])


def recommend(model_name: str, model: ReferenceModel) -> tuple[dict[str, np.ndarray], dict[str, str]]:
  """Returns the arrays of a stats file and what it says about itself."""
  tune = load_tune_windows(model_name, model)
  first = tune[:_SENSITIVITY_WINDOWS]
  reference, query_rms = reference_steps(first)
  divergences = plane_divergences(first, reference)
  steps = scaled_to_target(tune, with_factors(reference, divergences, EXPONENT), TARGET)
  arrays = {"query_rms": query_rms, "k_log2_step": steps.keys, "v_log2_step": steps.values,
            "plane_divergence": divergences, "v_median_rms": reference.median_rms}  # yapf: disable
  digest = hashlib.sha256((kv.cache_dir() / f"dequantized-{model_name}.safetensors").read_bytes()).hexdigest()
  return arrays, {"model": model_name, "model_sha256": digest, "texts": " ".join(windows.names("tune")),
                  "pos_encoding": "post-rope", "exponent": str(EXPONENT),
                  "target_mean_kl": str(TARGET)}  # yapf: disable


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("model", choices=kv.MODELS)
  args = parser.parse_args()
  write_stats(stats_path(args.model), *recommend(args.model, kv.load_model(args.model)))


if __name__ == "__main__":
  main()
