"""Real KV caches (bench/corpora/kv), cut and cast for acceptance, and what `plait kv` makes of them."""

import json
import pathlib
import subprocess

import numpy as np
from corpora import cache_dir  # pylint: disable=wrong-import-position
from plait_command import Plait
from safetensors_file import SafetensorsFile

MODELS = ("smollm2", "gemma3")
TEXTS = ("prose", "code", "mixed")
CHUNK_TOKENS = 256
_ZSTD_LEVEL = 19


class CacheMissing(Exception):
  """A dump is not there; the message says what makes it."""


def dump_path(model: str, part: str, text: str, suffix: str = "") -> pathlib.Path:
  """Returns the file of a dump; `part` is "profile" or "test", `suffix` "" for bf16 or "-f16"."""
  path = cache_dir() / "kv" / f"{model}-{part}-{text}{suffix}.safetensors"
  if not path.is_file():
    raise CacheMissing(f"{path.name} is missing: bench/corpora/kv/kv.py makes it")
  return path


def stats_path(model: str) -> pathlib.Path | None:
  """Returns the file of wanted steps, if it has been made."""
  path = cache_dir() / "kv" / f"{model}-stats.safetensors"
  return path if path.is_file() else None


def make_profile(plait: Plait, model: str, target: pathlib.Path, suffix: str = "") -> None:
  """Makes a profile from the three texts that are for nothing else; it is of one element type."""
  stats = stats_path(model)
  dumps = [dump_path(model, "profile", text, suffix) for text in TEXTS]
  plait.checked("kv", "profile", "-f", *dumps, "-o", target, *(["--stats", stats] if stats else []), "--model", model)


def read_planes(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Returns layers.N.k and layers.N.v, [tokens, heads, head_dim] of uint16, by model layer."""
  file = SafetensorsFile(path)
  names = sorted((name for name in file.tensors if name.split(".")[-1] in ("k", "v")),
                 key=lambda name: (int(name.split(".")[1]), name))
  return {name: np.frombuffer(file.data(name), "<u2").reshape(file.tensors[name].shape) for name in names}


def stacked(planes: dict[str, np.ndarray], begin: int, end: int) -> np.ndarray:
  """Returns [2, layers, tokens, heads, head_dim] of some tokens."""
  return np.stack([[plane[begin:end] for name, plane in planes.items() if name.endswith(kind)] for kind in (".k", ".v")])


def to_float8(bf16: np.ndarray, exponent_bits: int, mantissa_bits: int) -> np.ndarray:
  """Cuts bf16 to a type of 8 bits: mantissas cut off, exponents clamped. A cast for tests, not for use."""
  exponents = (bf16 >> 7 & 0xff).astype(np.int32) - 127 + (1 << (exponent_bits - 1)) - 1
  exponents = np.clip(exponents, 0, (1 << exponent_bits) - 2)
  mantissas = bf16 >> (7 - mantissa_bits) & ((1 << mantissa_bits) - 1)
  return ((bf16 >> 15) << 7 | exponents << mantissa_bits | mantissas).astype(np.uint8)


def encode(plait: Plait, dump, target: pathlib.Path, *options) -> dict:
  """Returns the document of `kv encode`."""
  return json.loads(plait.checked("kv", "encode", "-f", "--json", dump, "-o", target, *options))


def info(plait: Plait, path, *options) -> dict:
  return json.loads(plait.checked("kv", "info", "--json", path, *options))


def shuffled_zstd_bytes(cache: np.ndarray) -> int:
  """Returns what zstd -19 makes of a chunk whose planes are split into low and high bytes."""
  rows = cache.reshape(cache.shape[0] * cache.shape[1], -1)
  shuffled = b"".join(part.astype(np.uint8).tobytes() for row in rows for part in (row & 0xff, row >> 8))
  done = subprocess.run(["zstd", f"-{_ZSTD_LEVEL}", "-q", "-c"], input=shuffled, stdout=subprocess.PIPE, check=True)
  return len(done.stdout)
