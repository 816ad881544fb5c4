"""Rounds float32 to the 8-bit floats e4m3 (finite, NaN only) and e5m2, with one scale for a tensor."""

import dataclasses
from collections.abc import Iterator

import numpy as np

_CHUNK_ELEMENTS = 1 << 20


@dataclasses.dataclass(frozen=True)
class Float8:
  """An 8-bit float: sign, exponent, mantissa from the top bit down.

  Attributes:
    dtype: its name in safetensors.
    nan: the code of NaN, without the sign.
    finite: the values of the codes 0 .. len(finite) - 1, rising; what is above the last rounds to it.
  """
  dtype: str
  nan: int
  finite: np.ndarray


def _values(mantissa_bits: int, bias: int, num_codes: int) -> np.ndarray:
  codes = np.arange(num_codes)
  exponents, mantissas = codes >> mantissa_bits, codes & ((1 << mantissa_bits) - 1)
  significands = np.where(exponents > 0, mantissas + (1 << mantissa_bits), mantissas)
  return np.ldexp(significands.astype(np.float32), np.maximum(exponents, 1) - bias - mantissa_bits)


E4M3 = Float8("F8_E4M3", 0x7F, _values(mantissa_bits=3, bias=7, num_codes=0x7F))
E5M2 = Float8("F8_E5M2", 0x7F, _values(mantissa_bits=2, bias=15, num_codes=0x7C))


def scale_of(values: np.ndarray, kind: Float8) -> np.float32:
  """Returns what to divide a tensor by, so that its largest magnitude becomes the largest of the type."""
  largest = np.max(np.abs(values), initial=np.float32(0), where=np.isfinite(values))
  return np.float32(largest / kind.finite[-1]) or np.float32(1)


def round_to(values: np.ndarray, kind: Float8) -> np.ndarray:
  """Rounds float32 to codes (uint8): to the nearest, ties to even, past the largest to the largest; NaN stays NaN."""
  midpoints = (kind.finite[:-1] + kind.finite[1:]) / np.float32(2)  # exact in float32
  magnitudes = np.abs(values)
  codes = np.searchsorted(midpoints, magnitudes, side="left").astype(np.uint8)
  is_tie = np.searchsorted(midpoints, magnitudes, side="right") != codes
  codes += (is_tie & (codes % 2 == 1)).astype(np.uint8)
  codes[np.isnan(values)] = kind.nan
  return codes | (np.signbit(values).astype(np.uint8) << 7)


def cast_chunks(float32_bytes: memoryview, kind: Float8) -> Iterator[memoryview]:
  """Yields the codes of a tensor of little-endian float32 bytes, divided by its scale_of, a MiB at a time."""
  values = np.frombuffer(float32_bytes, dtype="<f4")
  scale = scale_of(values, kind)
  for begin in range(0, len(values), _CHUNK_ELEMENTS):
    yield memoryview(round_to(values[begin:begin + _CHUNK_ELEMENTS] / scale, kind))
