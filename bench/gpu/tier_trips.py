"""Prints how often a warp goes round the loops of the tier kernels on a .safetensors file's BF16 tensors.

These are the trips and branch frequencies of the tier kernels' tables in kernels.json. Blocks of 128 Ki weights take
the cheapest of the shapes that the encoder chooses from; groups are of 4096 weights. Needs numpy.
"""

import argparse
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "corpora"))

from safetensors_file import SafetensorsFile  # pylint: disable=wrong-import-position
from tier_shapes import LISTED_SHAPES, payload_bits  # pylint: disable=wrong-import-position

_BLOCK_WEIGHTS = 128 << 10
_MIN_ELEMENTS = 65536
_GROUP = 4096
_UNIT, _PIECE, _LANES = 64, 16, 32
_NARROW_UNITS, _NARROW_SYMBOLS = 64, 2048
_MAX_LEVELS = 6


def ranks(exponents: np.ndarray) -> np.ndarray:
  """Returns each exponent's place among the block's, the commonest being 0."""
  order = np.argsort(-np.bincount(exponents, minlength=256), kind="stable")
  place = np.empty(256, dtype=np.int64)
  place[order] = np.arange(256)
  return place[exponents]


def cheapest_shape(places: np.ndarray) -> str:
  """Returns the digit widths that take the fewest bits for a block."""
  known = np.concatenate([[0], np.cumsum(np.bincount(places, minlength=256))])[None, :]
  return min(LISTED_SHAPES, key=lambda shape: payload_bits(known, shape)[0])


def level_counts(places: np.ndarray, shape: str) -> np.ndarray:
  """Returns, for each whole group, the symbols of every level below the first; those of the last are raw."""
  groups = places[:len(places) // _GROUP * _GROUP].reshape(-1, _GROUP)
  symbols, counts = 0, []
  for width in map(int, shape):
    symbols += (1 << width) - 1
    counts.append((groups >= symbols).sum(axis=1))
  return np.stack(counts, axis=1)


def steps(items: np.ndarray) -> np.ndarray:
  """Returns the steps of a warp in which each lane takes one item."""
  return -(-items // _LANES)


def group_trips(counts: np.ndarray) -> dict[str, np.ndarray]:
  """Returns for each group what the kernel's loops and branches depend on; `counts` is as level_counts gives it."""
  deep, raw = counts[:, :-1], counts[:, -1]
  units = (-(-deep // _UNIT)).sum(axis=1)
  return {
      "levels": np.full(len(counts), counts.shape[1]),
      "units of deep levels": units,
      "steps of deep units": steps(units),
      "steps of raw words": steps(raw // 4 + 3),
      "steps of deep pieces": steps(-(-deep // _PIECE)).sum(axis=1),
      "symbols of level 1": counts[:, 0],
      "too wide for narrow": (units > _NARROW_UNITS) | (counts[:, 0] > _NARROW_SYMBOLS),
      **{f"more than {few} levels": np.full(len(counts), counts.shape[1] > few) for few in range(1, _MAX_LEVELS)},
  }


def file_blocks(path: str):
  """Yields the exponents of every block of the file's BF16 tensors."""
  file = SafetensorsFile(path)
  for info in file.tensors.values():
    if info.dtype == "BF16" and info.num_elements >= _MIN_ELEMENTS:
      exponents = np.frombuffer(file.data(info.name), dtype=np.uint16) >> 7 & 0xff
      for begin in range(0, len(exponents), _BLOCK_WEIGHTS):
        yield exponents[begin:begin + _BLOCK_WEIGHTS]


def main() -> int:
  """Prints the mean of each figure over all groups."""
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("file")
  found: dict[str, list[np.ndarray]] = {}
  for exponents in file_blocks(parser.parse_args().file):
    places = ranks(exponents)
    for name, values in group_trips(level_counts(places, cheapest_shape(places))).items():
      found.setdefault(name, []).append(values)
  if not found:
    sys.exit("tier_trips: found no BF16 tensor of 65536 elements, expected one at least")
  for name, values in found.items():
    print(f"{name:24} {np.concatenate(values).mean():.4f}")
  return 0


if __name__ == "__main__":
  sys.exit(main())
