#!/usr/bin/env python3
"""Prints what rans frequencies cost a .safetensors file's BF16 tensors, by most levels, in bits per weight above the limit.

The limit is the order-0 entropy of the symbols of each block, the exponents: with --mantissa-bits K, their low 8 - K bits
with the first K of the mantissa below (wide symbols have one) and, apart, the others. Counted are the digits, at what their frequencies of
1/128 promise, and the raw symbols; beside them the level tables. States, renormalisation and headers are left out. For
tensors of at least 65536 elements: the figures behind "Why so" in codec/rans/FORMAT.md and "Why wide" in
codec/block/FORMAT.md. Needs numpy.
"""

import argparse
import sys

import numpy as np

from safetensors_file import SafetensorsFile

_MIN_ELEMENTS = 65536
_SYMBOLS = 256
_EXPONENT_BITS, _MANTISSA_BITS = 8, 7
_SLOTS = 128
_MAX_DIGITS = 16
_MAX_LEVELS = 3
_ESCAPE_PART = 32  # a level takes symbols until less than this part of its input would escape
_COUNT_BYTES = 4


def frequencies(counts: np.ndarray) -> np.ndarray:
  """Returns the slots of each digit: its share, at least one, moved where they cost least until they add up."""
  slots = np.maximum(1, np.floor(counts * _SLOTS / counts.sum() + 0.5).astype(int))
  while (left := _SLOTS - slots.sum()) != 0:
    step = 1 if left > 0 else -1
    allowed = slots + step >= 1
    gain = np.where(allowed, counts * np.log2(np.maximum(1, slots + step) / slots), -np.inf)
    slots[np.argmax(gain)] += step
  return slots


def level(counts: np.ndarray, last: bool) -> tuple[int, float, int]:
  """Returns how many of the commonest symbols a level knows, the bits of its digits, and the bytes of its table."""
  tails = counts.sum() - np.cumsum(counts)
  known = min(int(np.argmax(tails * _ESCAPE_PART < counts.sum())) + 1, _MAX_DIGITS - 1)
  if len(counts) <= _MAX_DIGITS and (last or len(counts) <= known + 1):
    known = len(counts)
  digits = counts[:known] if known == len(counts) else np.append(counts[:known], tails[known - 1])
  bits = float((digits * np.log2(_SLOTS / frequencies(digits))).sum()) if len(digits) > 1 else 0.0
  return known, bits, _COUNT_BYTES + 1 + len(digits) + known


def block_cost(counts: np.ndarray, most_levels: int) -> tuple[float, int]:
  """Returns the bits of digits and raw symbols of one block, and the bytes of its tables."""
  left = np.sort(counts[counts != 0])[::-1].astype(float)
  bits, table_bytes = 0.0, 0
  for index in range(most_levels):
    if len(left) == 0:
      break
    known, level_bits, level_bytes = level(left, index + 1 == _MAX_LEVELS)
    if index > 0 and level_bits + 8 * level_bytes >= 8 * left[:known].sum():
      break
    bits, table_bytes, left = bits + level_bits, table_bytes + level_bytes, left[known:]
  return bits + 8 * left.sum(), table_bytes


def count_block(bf16_bytes: memoryview, mantissa_bits: int) -> tuple[np.ndarray, np.ndarray]:
  """Returns the counts of a block's symbols, and those of the exponent bits above them."""
  words = np.frombuffer(bf16_bytes, dtype="<u2")
  wide = (words >> (_MANTISSA_BITS - mantissa_bits)) & ((1 << (_EXPONENT_BITS + mantissa_bits)) - 1)
  counts = np.bincount(wide, minlength=_SYMBOLS << mantissa_bits).reshape(-1, _SYMBOLS)
  return counts.sum(axis=0), counts.sum(axis=1)


def entropy_bits(counts: np.ndarray) -> float:
  """Returns what an ideal coder spends on symbols with these counts."""
  present = counts[counts != 0].astype(float)
  return float((present * np.log2(present.sum() / present)).sum())


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("file")
  parser.add_argument("--block-log2", type=int, default=18, help="log2 of weights per block")
  parser.add_argument("--mantissa-bits", type=int, default=0, help="mantissa bits in a symbol")
  arguments = parser.parse_args()
  file = SafetensorsFile(arguments.file)
  counted = [info for info in file.tensors.values() if info.dtype == "BF16" and info.num_elements >= _MIN_ELEMENTS]
  if not counted:
    sys.exit("rans_levels: no BF16 tensor of 65536 elements or more")
  limit, above = 0.0, 0.0
  costs = np.zeros((_MAX_LEVELS, 2))
  block_bytes = 2 << arguments.block_log2
  for info in counted:
    data = file.data(info.name)
    for begin in range(0, len(data), block_bytes):
      counts, above_counts = count_block(data[begin:begin + block_bytes], arguments.mantissa_bits)
      limit += entropy_bits(counts)
      above += entropy_bits(above_counts)
      costs += [block_cost(counts, most) for most in range(1, _MAX_LEVELS + 1)]
  weights = sum(info.num_elements for info in counted)
  raw_bits = 1 + _MANTISSA_BITS - arguments.mantissa_bits
  print(f"limit  {raw_bits + (limit + above) / weights:.4f} bits per weight, {above / weights:.4f} of them for exponent bits above")
  for most, (bits, table_bytes) in enumerate(costs, start=1):
    print(f"{most} levels  {(bits - limit) / weights:+.4f} digits and raw symbols  {8 * table_bytes / weights:+.4f} tables")
  return 0


if __name__ == "__main__":
  sys.exit(main())
