#!/usr/bin/env python3
"""Prints what the tier code spends on a .safetensors file's BF16 tensors, by number of levels, in bits per weight.

Counts the digits and raw symbols of blocks of 128 Ki weights, headers and byte alignment left out, for tensors of at
least 65536 elements: the figures behind "What a writer chooses" in codec/tier/FORMAT.md. Needs numpy.
"""

import argparse
import sys

import numpy as np

from order0 import exponent_counts
from safetensors_file import SafetensorsFile

_BLOCK_BYTES = 2 << 17
_MIN_ELEMENTS = 65536
_SYMBOLS_PER_LEVEL = 3
_MAX_LEVELS = 6


def block_bits(counts: np.ndarray) -> np.ndarray:
  """Returns the bits of one block, signs and mantissas included, for 1 to _MAX_LEVELS levels."""
  by_count = np.sort(counts)[::-1]
  total = left = int(counts.sum())
  digit_bits = 0
  bits = []
  for level in range(_MAX_LEVELS):
    digit_bits += 2 * left
    left -= int(by_count[level * _SYMBOLS_PER_LEVEL:(level + 1) * _SYMBOLS_PER_LEVEL].sum())
    bits.append(8 * total + digit_bits + 8 * left)
  return np.array(bits)


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("file")
  file = SafetensorsFile(parser.parse_args().file)
  counted = [info for info in file.tensors.values() if info.dtype == "BF16" and info.num_elements >= _MIN_ELEMENTS]
  if not counted:
    sys.exit("tier_levels: no BF16 tensor of 65536 elements or more")
  bits = np.zeros(_MAX_LEVELS)
  for info in counted:
    data = file.data(info.name)
    for begin in range(0, len(data), _BLOCK_BYTES):
      bits += block_bits(exponent_counts(data[begin:begin + _BLOCK_BYTES]))
  for level, value in enumerate(bits / sum(info.num_elements for info in counted), start=1):
    print(f"{level} levels  {value:.4f} bits per weight")
  return 0


if __name__ == "__main__":
  sys.exit(main())
