"""Trips of the loops of the DFloat11 kernel on real weights: huffman_trips.py FILE.safetensors

Codes the exponents of a file's BF16 tensors with one Huffman code and prints what the kernel's table in kernels.json
says: how often loops run in a warp, whose slowest lane counts, and how often one of its lanes needs a second lookup.
Needs numpy.
"""

import argparse
import heapq
import itertools
import sys

import numpy as np

from tier_trips import file_blocks

_MAX_WEIGHTS = 4 << 20
_THREAD_BITS, _LOOKUP_BITS, _LANES, _WARPS, _SLOT, _PIECE = 64, 8, 32, 16, 4, 16


def code_lengths(counts: np.ndarray) -> np.ndarray:
  """Returns the bits of each symbol's code, 0 of those that do not occur."""
  tie = itertools.count()
  heap = [(int(count), next(tie), (symbol,)) for symbol, count in enumerate(counts) if count]
  lengths = np.zeros(len(counts), dtype=np.int64)
  heapq.heapify(heap)
  while len(heap) > 1:
    (count_a, _, a), (count_b, _, b) = heapq.heappop(heap), heapq.heappop(heap)
    lengths[list(a + b)] += 1
    heapq.heappush(heap, (count_a + count_b, next(tie), a + b))
  return lengths


def warp_trips(lengths: np.ndarray) -> dict[str, float]:
  """Returns means over whole warps; `lengths` are the bits of consecutive codes."""
  starts = np.cumsum(lengths) - lengths
  threads = starts // _THREAD_BITS
  num_warps = int(threads[-1]) // _LANES
  counts = np.bincount(threads)[:num_warps * _LANES]
  by_warp = counts.reshape(num_warps, _LANES)
  # The step of its warp in which each code is decoded, and whether it is a long one.
  first = np.concatenate([[0], np.cumsum(counts)])
  step = np.arange(first[-1]) - np.repeat(first[:-1], counts)
  long_ones = lengths[:first[-1]] > _LOOKUP_BITS
  warp_steps = np.unique((threads[:first[-1]] // _LANES * _THREAD_BITS + step)[long_ones])
  groups = -(-by_warp.max(axis=1) // _SLOT)
  # Whole words behind the symbols in front of the first one.
  head = np.minimum(-first[:-1] % _SLOT, counts)
  words = (counts - head).reshape(num_warps, _LANES).max(axis=1) // _SLOT
  weights = by_warp.sum(axis=1).mean()
  return {
      "bits of a code": lengths.mean(),
      "weights of a warp": weights,
      "groups of four steps": groups.mean(),
      "share of steps with a second lookup": len(warp_steps) / (_SLOT * groups.sum()),
      "words moved": words.mean(),
      "steps of pieces": weights / (_PIECE * _LANES) + 1 / 2 / _WARPS,
  }


def main() -> int:
  """Prints the figures of a file."""
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("file")
  blocks = list(file_blocks(parser.parse_args().file))
  if not blocks:
    sys.exit("huffman_trips: found no BF16 tensor of 65536 elements, expected one at least")
  exponents = np.concatenate(blocks)[:_MAX_WEIGHTS]
  lengths = code_lengths(np.bincount(exponents, minlength=256))
  for name, value in warp_trips(lengths[exponents]).items():
    print(f"{name:36} {value:.4f}")
  return 0


if __name__ == "__main__":
  sys.exit(main())
