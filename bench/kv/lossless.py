#!/usr/bin/env python3
"""Lossless baselines on dumps: bits of an element of K and V together.

  lossless.py NAME...      dumps of kv.py, as smollm2-test-prose; of each 2,048 tokens the first 256

A chunk of all planes is coded at once; ZipNN runs in the environment of bench/peers.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

_BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_BENCH / "lib"), str(_BENCH / "corpora"), str(_BENCH / "corpora" / "kv")]

import kv  # pylint: disable=wrong-import-position
import planes  # pylint: disable=wrong-import-position

CHUNK_TOKENS = 256
_EVERY_TOKENS = 2048
_TOP = 16
_SPLITZIP_CHUNK = 1024


def zstd_bytes(data: bytes, level: int = 19) -> int:
  """Returns the bytes of a zstd frame without checksum."""
  command = ["zstd", f"-{level}", "--no-check", "-c", "-q"]
  return len(subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout)


def shuffled(plane: np.ndarray) -> bytes:
  """Returns the low bytes of all elements, then the high bytes."""
  return np.ascontiguousarray(plane, "<u2").view(np.uint8).reshape(-1, 2).T.tobytes()


def top_exponents_bits(plane: np.ndarray) -> float:
  """Returns the bits of SplitZip's form: 4 bits for one of 16 exponents, sign and mantissa as they are.

  What has another exponent is an escape of its position in a chunk (16 bits) and its exponent (8); each chunk of 1,024
  elements has a count (16).
  """
  exponents = (plane.ravel() >> 7) & 0xFF
  counts = np.sort(np.bincount(exponents, minlength=256))
  escapes = counts[:-_TOP].sum()
  return 12 * plane.size + 24 * int(escapes) + 16 * -(-plane.size // _SPLITZIP_CHUNK)


def zipnn_bytes(chunks: list[np.ndarray]) -> float | None:
  """Returns the bytes that ZipNN makes of chunks, or None where it is not installed."""
  python = kv.cache_dir() / "peers" / "bin" / "python"
  if not python.exists():
    return None
  code = ("import sys, struct; from zipnn import ZipNN; total = 0; data = sys.stdin.buffer\n"
          "codec = ZipNN(method='HUFFMAN', input_format='byte', bytearray_dtype='bfloat16', threads=1)\n"
          "while head := data.read(8):\n"
          "  total += len(codec.compress(bytearray(data.read(struct.unpack('<Q', head)[0]))))\n"
          "print(total)")
  with tempfile.TemporaryFile() as work:
    for chunk in chunks:
      work.write(np.uint64(chunk.nbytes).tobytes() + np.ascontiguousarray(chunk).tobytes())
    work.seek(0)
    done = subprocess.run([python, "-c", code], stdin=work, stdout=subprocess.PIPE, text=True, check=True)
  return int(done.stdout)


def measure(name: str) -> dict[str, float | None]:
  """Returns bits of an element by baseline."""
  found = planes.read(kv.get(name))
  cut = []
  for begin in range(0, next(iter(found.values())).shape[0], _EVERY_TOKENS):
    chunk = [plane[begin:begin + CHUNK_TOKENS] for key, plane in found.items() if not key.endswith("pre_rope")]
    cut.append(np.stack(chunk))
  elements = sum(chunk.size for chunk in cut)
  zipnn = zipnn_bytes(cut)
  return {
      "zstd -19": 8 * sum(zstd_bytes(chunk.tobytes()) for chunk in cut) / elements,
      "zstd -19, shuffled": 8 * sum(zstd_bytes(shuffled(chunk)) for chunk in cut) / elements,
      "top-16 exponents": sum(top_exponents_bits(chunk) for chunk in cut) / elements,
      "ZipNN": None if zipnn is None else 8 * zipnn / elements,
  }


def main() -> None:
  for name in sys.argv[1:]:
    print(name, json.dumps(measure(name)), flush=True)


if __name__ == "__main__":
  main()
