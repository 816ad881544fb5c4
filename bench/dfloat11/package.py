"""DFloat11's own package, as other scripts use it: in its environment, as a process of its own."""

import functools
import pathlib
import random
import struct
import subprocess
import sys

_HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent / "corpora"))

from safetensors_file import NewTensor, SafetensorsFile, write  # pylint: disable=wrong-import-position


class PackageFailed(Exception):
  """It could not be installed, or did not do what it should."""


def _run(command: list) -> str:
  done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
  if done.returncode != 0:
    raise PackageFailed((done.stderr.strip().splitlines() or ["no message"])[-1])
  return done.stdout


@functools.cache
def _python() -> str:
  return _run([_HERE / "setup_reference.sh"]).splitlines()[-1]


def encode(source: pathlib.Path, folder: pathlib.Path, patterns: list[str]) -> None:
  """compress_model() of a model with the tensors of `source`; patterns as `plait export --pattern` takes them."""
  _run([_python(), _HERE / "reference.py", "encode", source, folder, *patterns])


def decode(folder: pathlib.Path, shapes: pathlib.Path, target: pathlib.Path) -> None:
  """What a model with the tensors of `shapes` computes with after its loader and hooks, the kernel transcribed."""
  _run([_python(), _HERE / "reference.py", "decode", folder, shapes, target])


def write_matrices(source: pathlib.Path, target: pathlib.Path, prefixes: tuple[str, ...]) -> int:
  """Writes the bf16 tensors called PREFIX...weight of a file with two dimensions or more, those of more (convolutions)
  as matrices [first, all others]: what DFloat11 codes. Returns how many weights there are."""
  file = SafetensorsFile(source)
  matrices = [info for info in file.tensors.values()
              if info.dtype == "BF16" and len(info.shape) > 1 and info.name.startswith(prefixes)
              and info.name.endswith(".weight")]
  write(target, [NewTensor(info.name, "BF16", (info.shape[0], info.num_elements // info.shape[0]),
                           lambda name=info.name: [file.data(name)]) for info in matrices], {"format": "pt"})
  return sum(info.num_elements for info in matrices)


def write_odd_modules(target: pathlib.Path, count: int) -> int:
  """Writes matrices m0.weight, m1.weight, ... of few weights whose exponents have few to many values, alike or one far
  more frequent than the others: codes of one bit, of many, and such that the package's encoder fails at. Returns how
  many weights there are."""
  source = random.Random(5)
  tensors, total = [], 0
  for i in range(count):
    weights = source.randrange(40, source.choice((400, 3000, 14000)))
    counts = [source.random()**(i % 6) for _ in range(source.randrange(1, 60))]
    exponents = source.choices(range(100, 100 + len(counts)), weights=counts, k=weights)
    words = [exponent << 7 | source.getrandbits(7) for exponent in exponents]
    data = struct.pack(f"<{weights}H", *words)
    tensors.append(NewTensor(f"m{i}.weight", "BF16", (1, weights), lambda data=data: [data]))
    total += weights
  write(target, tensors, {"format": "pt"})
  return total


def differing_tensors(left: pathlib.Path, right: pathlib.Path) -> list[str]:
  """Names of tensors that are not in both files with the same type, shape and bytes."""
  files = [SafetensorsFile(left), SafetensorsFile(right)]
  names = files[0].tensors.keys() | files[1].tensors.keys()

  def of(file: SafetensorsFile, name: str):
    info = file.tensors.get(name)
    return info and (info.dtype, info.shape, file.data(name))

  return sorted(name for name in names if of(files[0], name) != of(files[1], name))
