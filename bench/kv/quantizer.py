"""The quantizer of KV objects in NumPy: steps that are powers of two, a base and refinements of it.

Arrays of a cache are fp32 [model layers, tokens, channels]. A quality is a number of refinements: 0 is the base, whose
index is the multiple of the step nearest to the magnitude (a half rounds up); refinement p is the cell of step / 2^p in
which the magnitude lies, restored as its middle.
"""

import dataclasses

import numpy as np

SINK_TOKENS = 4  # the first tokens of a text, which all others attend to, are exact
_LEAST_RELATIVE = 2.0**-16  # of a token's RMS: a row of zeros has a step too


@dataclasses.dataclass(frozen=True)
class Steps:
  """Real-valued binary logarithms of steps, before they are rounded.

  Attributes:
    keys: [model layers, channels].
    values: [model layers]; a token's step is this times the root of its RMS over that of the median token.
    median_rms: [model layers], the RMS of the median token's values in other texts.
  """
  keys: np.ndarray
  values: np.ndarray
  median_rms: np.ndarray

  def scaled(self, scale: float) -> "Steps":
    """Returns steps 2^scale as large."""
    return dataclasses.replace(self, keys=self.keys + np.float32(scale), values=self.values + np.float32(scale))

  def of_keys(self) -> np.ndarray:
    """Returns the steps of a chunk's keys, [model layers, 1, channels]."""
    return np.exp2(np.rint(self.keys))[:, None, :].astype(np.float32)

  def of_values(self, values: np.ndarray) -> np.ndarray:
    """Returns the steps of a chunk's values, [model layers, tokens, 1]."""
    rms = np.sqrt(np.mean(values * values, axis=2))
    relative = np.maximum(rms / self.median_rms[:, None], _LEAST_RELATIVE)
    return np.exp2(np.rint(self.values[:, None] + 0.5 * np.log2(relative)))[:, :, None].astype(np.float32)


def base_index(plane: np.ndarray, step: np.ndarray) -> np.ndarray:
  """Returns the signed index of the base."""
  return np.copysign(np.floor(np.abs(plane) / step + np.float32(0.5)), plane).astype(np.int32)


def restored(plane: np.ndarray, step: np.ndarray, refinements: int) -> np.ndarray:
  """Returns what a decoder restores with so many refinements."""
  if refinements == 0:
    return base_index(plane, step) * step
  cell = step * np.float32(2.0**-refinements)
  return np.copysign((np.floor(np.abs(plane) / cell) + np.float32(0.5)) * cell, plane)
