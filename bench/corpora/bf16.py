"""Casts float32 to bfloat16, rounding to nearest, ties to even. Needs numpy."""

from collections.abc import Iterator

import numpy as np

_CHUNK_ELEMENTS = 1 << 22  # 16 MiB of float32: bounds the memory that a cast of any tensor needs.


def round_to_bf16(bits: np.ndarray) -> np.ndarray:
  """Returns the uint16 bfloat16 patterns of uint32 float32 patterns.

  Denormals stay denormals; values past the largest bfloat16 become infinity. A NaN keeps its sign and its upper
  payload bits and becomes quiet, so that a payload in the lower 16 bits cannot turn it into infinity.
  """
  half_minus_one_or_half = np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
  rounded = ((bits + half_minus_one_or_half) >> np.uint32(16)).astype(np.uint16)
  is_nan = (bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
  rounded[is_nan] = (bits[is_nan] >> np.uint32(16)) | np.uint32(0x0040)
  return rounded


def cast_chunks(float32_bytes: memoryview) -> Iterator[memoryview]:
  """Yields the bfloat16 bytes of a tensor of little-endian float32 bytes, a few MiB at a time."""
  bits = np.frombuffer(float32_bytes, dtype="<u4")
  for begin in range(0, len(bits), _CHUNK_ELEMENTS):
    yield memoryview(round_to_bf16(bits[begin:begin + _CHUNK_ELEMENTS]).astype("<u2", copy=False)).cast("B")
