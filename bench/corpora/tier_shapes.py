#!/usr/bin/env python3
"""Prints what the tier code spends on a .safetensors file's BF16 tensors, by shape, in bits per weight.

A shape is written as the digit widths of its levels: 2122 has digits of 2, 1, 2 and 2 bits. Counts digits and raw
symbols of blocks of 128 Ki weights for tensors of at least 65536 elements, stream and block headers left out; the last
column adds what padding costs on average, half a byte for each bit plane of a level below the first in every group of
4096. A line of several shapes takes the cheapest for each block, padding counted: the figures behind codec/tier/FORMAT.md.
--shift takes the mean exponent of its row or column from every exponent first and counts a byte for each; the limit
stays that of the exponents as they are. Needs numpy.
"""

import argparse
import itertools
import sys

import numpy as np

from order0 import entropy_bits, exponent_counts
from safetensors_file import SafetensorsFile

_BLOCK_BYTES = 2 << 17
_MIN_ELEMENTS = 65536
_GROUP_SYMBOLS = 4096
_TABLE_SYMBOLS = 15
_PADDING_BITS = 4  # of a bit plane
_RAW_BITS = 8
_SHIFT_BITS = 8  # of a row or column

LISTED_SHAPES = ("1 2 12 22 122 222 1222 2222 12222 22222 211122 211222 221122 212122").split()


def shapes(widths: tuple[int, ...], max_levels: int) -> list[str]:
  """Returns all shapes of these digit widths whose symbols fit the table."""
  found = []
  for levels in range(1, max_levels + 1):
    for shape in itertools.product(widths, repeat=levels):
      if sum((1 << width) - 1 for width in shape) <= _TABLE_SYMBOLS:
        found.append("".join(map(str, shape)))
  return found


def payload_bits(known: np.ndarray, shape: str) -> np.ndarray:
  """Returns the bits of digits and raw symbols of every block.

  Args:
    known: for every block and k from 0 on, how many symbols are among the k commonest ones; the last column is all.
    shape: digit widths.
  """
  total = known[:, -1]
  left, symbols, bits = total, 0, 0
  for width in map(int, shape):
    bits = bits + width * left
    symbols += (1 << width) - 1
    left = total - known[:, symbols]
  return bits + _RAW_BITS * left


def padding_bits(shape: str) -> int:
  """Returns the average padding of a group's packet."""
  return _PADDING_BITS * sum(map(int, shape[1:]))


def shifted_exponents(data: memoryview, rows: int, shift: str) -> tuple[np.ndarray, int]:
  """Returns a matrix's exponent bytes without the mean of their "rows" or "columns", and how many means there are."""
  exponents = (np.frombuffer(data, dtype="<u2") >> 7 & 0xff).reshape(rows, -1).astype(np.int16)
  means = np.rint(exponents.mean(axis=1 if shift == "rows" else 0, keepdims=True)).astype(np.int16)
  return (exponents - means & 0xff).ravel(), means.size


class Corpus:
  """The exponent counts of a file's blocks."""

  def __init__(self, path: str, shift: str | None = None):
    file = SafetensorsFile(path)
    counts = []
    limit_bits = 0
    self.shift_bits = 0
    for info in file.tensors.values():
      if info.dtype != "BF16" or info.num_elements < _MIN_ELEMENTS:
        continue
      data = file.data(info.name)
      blocks = [exponent_counts(data[at:at + _BLOCK_BYTES]) for at in range(0, len(data), _BLOCK_BYTES)]
      limit_bits += info.num_elements * (8 + entropy_bits(sum(blocks)))
      if shift and len(info.shape) > 1:
        exponents, means = shifted_exponents(data, info.shape[0], shift)
        self.shift_bits += _SHIFT_BITS * means
        step = _BLOCK_BYTES // 2
        blocks = [np.bincount(exponents[at:at + step], minlength=256) for at in range(0, len(exponents), step)]
      counts += blocks
    if not counts:
      sys.exit("tier_shapes: no BF16 tensor of 65536 elements or more")
    by_count = -np.sort(-np.array(counts), axis=1)
    self.known = np.concatenate([np.zeros((len(counts), 1), dtype=np.int64), np.cumsum(by_count, axis=1)], axis=1)
    self.elements = int(self.known[:, -1].sum())
    self.groups = np.ceil(self.known[:, -1] / _GROUP_SYMBOLS)
    self.limit = limit_bits / self.elements

  def cheapest(self, candidates: list[str]) -> tuple[float, float, list[str]]:
    """Returns bits per weight without and with padding when every block takes its cheapest, and the usual winners."""
    payload = np.stack([payload_bits(self.known, shape) for shape in candidates])
    whole = payload + np.stack([self.groups * padding_bits(shape) for shape in candidates])
    best = whole.argmin(axis=0)
    chosen = np.arange(len(best))
    wins = np.bincount(best, minlength=len(candidates))
    usual = [f"{candidates[i]} {100 * wins[i] / len(best):.0f} %" for i in np.argsort(-wins)[:5] if wins[i] > 0]
    per_weight = lambda bits: 8 + float(bits[best, chosen].sum() + self.shift_bits) / self.elements
    return per_weight(payload), per_weight(whole), usual


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("file")
  parser.add_argument("--shift", choices=("rows", "columns"))
  args = parser.parse_args()
  corpus = Corpus(args.file, args.shift)
  print(f"limit {corpus.limit:.4f}")
  lines = {shape: [shape] for shape in ("222", "2222", "22222", "21122", "211122")}
  lines["2-bit levels, up to 5"] = shapes((2,), 5)
  lines["1- and 2-bit, up to 5"] = shapes((1, 2), 5)
  lines["1- and 2-bit, up to 6"] = shapes((1, 2), 6)
  lines["1- and 2-bit, up to 7"] = shapes((1, 2), 7)
  lines["1- to 3-bit, up to 6"] = shapes((1, 2, 3), 6)
  lines["listed in FORMAT.md"] = LISTED_SHAPES
  for name, candidates in lines.items():
    payload, whole, usual = corpus.cheapest(candidates)
    print(f"{name:24} {payload:.4f}  {whole:.4f}  +{100 * (whole / corpus.limit - 1):.2f} %  {', '.join(usual)}")
  return 0


if __name__ == "__main__":
  sys.exit(main())
