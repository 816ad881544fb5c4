"""Uniform quantization with a range for each group, as KIVI has it, and an entropy coder behind it: a baseline.

Keys have a range for each channel of a chunk, values for each token and head; ranges are two numbers of 16 bits.
"""

import numpy as np

from rates import Tables

_RANGE_BITS = 32


def _quantize(plane: np.ndarray, axis: int, levels: int) -> tuple[np.ndarray, np.ndarray, int]:
  """Returns symbols centred on 0, the restored plane and the number of ranges."""
  least, most = plane.min(axis=axis, keepdims=True), plane.max(axis=axis, keepdims=True)
  step = np.where(most > least, (most - least) / (levels - 1), 1)
  symbols = np.rint((plane - least) / step)
  return symbols.astype(np.int32) - levels // 2, symbols * step + least, least.size


def _by_head(values: np.ndarray, heads: int) -> np.ndarray:
  layers, tokens, channels = values.shape
  return values.reshape(layers, tokens * heads, channels // heads)


class Uniform:
  """Uniform quantization.

  Args:
    levels: 16 or 256.
    heads: of keys and values.
    profile: (keys, values) of the chunks that the tables are made of.
  """

  def __init__(self, levels: int, heads: int, profile: list[tuple[np.ndarray, np.ndarray]]):
    self.name = f"uniform, {levels} levels"
    self._levels, self._heads = levels, heads
    coded = [self._symbols(*chunk) for chunk in profile]
    self._tables = [Tables([chunk[plane][0] for chunk in coded], largest=levels // 2) for plane in (0, 1)]

  def _symbols(self, keys: np.ndarray, values: np.ndarray):
    shape = values.shape
    of_keys = _quantize(keys, 1, self._levels)
    symbols, restored, ranges = _quantize(_by_head(values, self._heads), 2, self._levels)
    return of_keys, (symbols.reshape(shape), restored.reshape(shape), ranges)

  def encode(self, keys: np.ndarray, values: np.ndarray, first_token: int):
    """See coders.Coder."""
    del first_token
    bits, restored = {"classes": 0.0}, []
    for tables, (symbols, again, ranges) in zip(self._tables, self._symbols(keys, values)):
      bits["classes"] += tables.bits(symbols)["classes"] + _RANGE_BITS * ranges
      restored.append(again)
    return bits, *restored
