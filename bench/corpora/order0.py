#!/usr/bin/env python3
"""Prints the order-0 limit of a .safetensors file's BF16 tensors, in bits per weight.

The limit of a tensor is the entropy of its exponent byte, counted over the whole tensor, plus 8 for sign and
mantissa. The file's limit is the mean over its BF16 tensors of at least --min-elements, weighted by elements.
Needs numpy.
"""

import argparse
import json
import sys

import numpy as np

from safetensors_file import SafetensorsFile

_CHUNK_ELEMENTS = 1 << 20  # np.bincount widens to 8 bytes an element: 8 MiB stays near the cache.
_RAW_BITS = 8  # sign and mantissa
_SIGNS, _EXPONENTS, _MANTISSAS = 2, 256, 128


def exponent_counts(bf16_bytes: memoryview) -> np.ndarray:
  """Returns how often each of the 256 exponent bytes occurs in little-endian bfloat16 data."""
  bits = np.frombuffer(bf16_bytes, dtype="<u2")
  counts = np.zeros(1 << 16, dtype=np.int64)
  for begin in range(0, len(bits), _CHUNK_ELEMENTS):
    counts += np.bincount(bits[begin:begin + _CHUNK_ELEMENTS], minlength=1 << 16)
  return counts.reshape(_SIGNS, _EXPONENTS, _MANTISSAS).sum(axis=(0, 2))


def entropy_bits(counts: np.ndarray) -> float:
  """Returns the entropy of a histogram in bits per symbol."""
  probabilities = counts[counts > 0] / counts.sum()
  return float(-(probabilities * np.log2(probabilities)).sum())


def order0_limit(path: str, min_elements: int) -> dict:
  """Returns the limit in bits per weight (None without a tensor to count), and what was counted."""
  file = SafetensorsFile(path)
  counted = [info for info in file.tensors.values() if info.dtype == "BF16" and info.num_elements >= min_elements]
  elements = sum(info.num_elements for info in counted)
  bits = sum(
      info.num_elements * (_RAW_BITS + entropy_bits(exponent_counts(file.data(info.name)))) for info in counted)
  return {
      "file": path,
      "min_elements": min_elements,
      "tensors": len(counted),
      "elements": elements,
      "bits_per_weight": bits / elements if elements else None,
  }


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("file")
  parser.add_argument("--min-elements", type=int, default=65536, help="smallest tensor that counts (65536)")
  parser.add_argument("--json", action="store_true")
  args = parser.parse_args()
  result = order0_limit(args.file, max(1, args.min_elements))
  if args.json:
    print(json.dumps(result))
  elif result["elements"]:
    print(f"{result['bits_per_weight']:.3f} bits per weight: {result['elements']} weights, {result['tensors']} tensors")
  else:
    print(f"{args.file}: no BF16 tensor of at least {args.min_elements} elements", file=sys.stderr)
    return 1
  return 0


if __name__ == "__main__":
  sys.exit(main())
