#!/usr/bin/env python3
"""Writes tests/golden/dfloat11: a few weights, and the checkpoint that DFloat11's own encoder makes of them.

Runs in the environment of setup_reference.sh. The same bytes every time.

  bench/dfloat11/make_fixture.py FOLDER
"""

import pathlib
import random
import struct
import sys

import reference

from safetensors_file import NewTensor, write


def _weights(counts: list[int], seed: int) -> bytes:
  """Returns bf16 words whose exponents 100, 101, ... occur as often as `counts` says, in a random order."""
  source = random.Random(seed)
  exponents = [100 + i for i, count in enumerate(counts) for _ in range(count)]
  source.shuffle(exponents)
  words = [source.getrandbits(1) << 15 | exponent << 7 | source.getrandbits(7) for exponent in exponents]
  return struct.pack(f"<{len(words)}H", *words)


def _tensor(name: str, dtype: str, shape: tuple[int, ...], data: bytes) -> NewTensor:
  return NewTensor(name, dtype, shape, lambda: [data])


# Fibonacci numbers: codes get longer from exponent to exponent, and go on in sub-tables.
_ONE_BIT = [1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89]  # the most frequent one has a code of one bit
_LONG_CODES = _ONE_BIT + [144, 233, 377, 300, 300]
_EVEN = [40] * 12


def _tensors() -> list[NewTensor]:
  long_codes = _weights(_LONG_CODES, 1)
  half = len(long_codes) // 2
  return [
      _tensor("blocks.0.down.weight", "BF16", (13, 61), long_codes[:half]),
      _tensor("blocks.0.up.weight", "BF16", (61, 13), long_codes[half:]),
      _tensor("blocks.0.norm.weight", "BF16", (17,), _weights([17], 2)),
      _tensor("embed_tokens.weight", "BF16", (20, 24), _weights(_EVEN, 3)),
      _tensor("lm_head.weight", "BF16", (8, 29), _weights(_ONE_BIT, 4)),
      _tensor("scale", "F32", (), struct.pack("<f", 0.5)),
  ]


def main(folder: str) -> None:
  path = pathlib.Path(folder)
  path.mkdir(parents=True, exist_ok=True)
  weights = path / "weights.safetensors"
  write(weights, _tensors(), {"format": "pt"})
  reference.encode(str(weights), str(path / "checkpoint"), [r"blocks\.\d+=up,down", "embed_tokens", "lm_head"])


if __name__ == "__main__":
  main(sys.argv[1])
