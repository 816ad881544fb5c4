"""Files that acceptance rows compress: odd ones, hopeless ones, and large ones. Random bytes are seeded."""

import json
import os
import pathlib
import struct
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "corpora"))

import safetensors_file  # pylint: disable=wrong-import-position
from safetensors_file import NewTensor, SafetensorsFile  # pylint: disable=wrong-import-position

_SEED = 20261124
_COPY_BYTES = 1 << 28


def random_bytes(num_bytes: int, seed: int = _SEED) -> bytes:
  """Returns bytes that no compressor can shrink, the same ones for the same arguments."""
  return np.random.default_rng(seed).bytes(num_bytes)


def write_tensors(path: pathlib.Path, tensors: list[tuple[str, str, tuple[int, ...], bytes | memoryview]]) -> None:
  """Writes a .safetensors file of (name, dtype, shape, data)."""
  made = [NewTensor(name, dtype, shape, lambda data=data: [data]) for name, dtype, shape, data in tensors]
  safetensors_file.write(path, made, {})


def scalar_tensors(path: pathlib.Path, count: int) -> None:
  """Writes a file of `count` BF16 scalars: almost nothing but header."""
  data = random_bytes(2 * count)
  write_tensors(path, [(f"model.layers.{i}.scale", "BF16", (), data[2 * i:2 * i + 2]) for i in range(count)])


def random_weights(path: pathlib.Path, num_bytes: int) -> None:
  """Writes BF16 tensors whose bits are random, exponents too."""
  tensor_bytes = num_bytes // 4
  shape = (tensor_bytes // 2048, 1024)
  write_tensors(path, [(f"noise.{i}", "BF16", shape, random_bytes(tensor_bytes, _SEED + i)) for i in range(4)])


def odd_files(folder: pathlib.Path, weights: pathlib.Path, elf: pathlib.Path) -> dict[str, pathlib.Path]:
  """Writes files that are no checkpoints, or not quite, and returns them by name.

  Args:
    folder: where to write.
    weights: a small .safetensors file.
    elf: any binary.
  """
  checkpoint = weights.read_bytes()
  (header_bytes,) = struct.unpack_from("<Q", checkpoint)
  contents = {
      "0 bytes": b"",
      "1 byte": b"\x2a",
      "ELF": elf.read_bytes(),
      "trailing junk": checkpoint + b"junk after the last tensor",
      "truncated checkpoint": checkpoint[:len(checkpoint) // 2 + 1],
      "header alone": checkpoint[:8 + header_bytes],
      "random bytes": random_bytes(3_000_001),
      "text": b"The quick brown fox jumps over the lazy dog.\n" * 40_000,
      "zeros": bytes(5_000_001),
      "huge header length": struct.pack("<Q", 1 << 62) + b"{}",
  }
  paths = {}
  for name, data in contents.items():
    paths[name] = folder / name.replace(" ", "-")
    paths[name].write_bytes(data)
  return paths


def mixed_checkpoint(path: pathlib.Path, weights: pathlib.Path) -> None:
  """Writes a few MB: real weights in several tensors (framed), and some that stay plain."""
  file = SafetensorsFile(weights)
  bf16 = [info for info in file.tensors.values() if info.dtype == "BF16"]
  largest = sorted(bf16, key=lambda info: -info.num_elements)
  tensors = []
  for i, elements in enumerate((1_200_000, 500_000, 400_000, 300_000, 131_072, 70_000, 5_000)):
    tensors.append((f"layer.{i}.weight", "BF16", (elements,), file.data(largest[i].name)[:2 * elements]))
  tensors += [
      ("plain.noise", "U8", (50_000,), random_bytes(50_000)),
      ("plain.counter", "I64", (), struct.pack("<q", 12345)),
      ("plain.bias", "BF16", (64,), file.data(largest[0].name)[:128]),
      ("packed.floats", "F32", (100, 100), np.linspace(0, 1, 10_000, dtype="<f4").tobytes()),
      ("empty", "F16", (0, 8), b""),
  ]
  write_tensors(path, tensors)


# Bits of each type of the safetensors format.
DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64, "F16": 16,
    "BF16": 16, "F32": 32, "F64": 64, "C64": 64, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # yapf: disable


def every_dtype(path: pathlib.Path, weights: pathlib.Path) -> None:
  """Writes a tensor of every type whose bytes are real weights, one of random bytes, and one without elements."""
  file = SafetensorsFile(weights)
  largest = max(file.tensors.values(), key=lambda info: info.num_elements)
  entries, pieces, position = {}, [], 0
  for dtype, bits in DTYPE_BITS.items():
    num_bytes = 40_000 * bits // 8
    for what, data in (("weights", file.data(largest.name)[:num_bytes]), ("noise", random_bytes(num_bytes)),
                       ("none", b"")):
      shape = [200, 200] if data else [0, 200]
      entries[f"{dtype}.{what}"] = {"dtype": dtype, "shape": shape, "data_offsets": [position, position + len(data)]}
      position += len(data)
      pieces.append(data)
  text = json.dumps(entries).encode()
  path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(pieces))


class RepeatedCheckpoint:
  """A large .safetensors file: the BF16 tensors of a real one, of at least `min_elements`, under several names.

  The data is copied by the kernel, file to file, and never passes through this process.

  Args:
    source: the real file.
    min_bytes: the least size of the data section.
    sample_elements: elements of the one tensor SAMPLE more, the first of the largest tensor.
  """

  SAMPLE = "sample.weight"

  def __init__(self, source: pathlib.Path, min_bytes: int, sample_elements: int, min_elements: int = 65536):
    self._source_path = source
    file = SafetensorsFile(source)
    with open(source, "rb") as opened:
      self._source_data_begin = 8 + struct.unpack("<Q", opened.read(8))[0]
    infos = [info for info in file.tensors.values() if info.dtype == "BF16" and info.num_elements >= min_elements]
    copies = -(-min_bytes // sum(info.end - info.begin for info in infos))
    largest = max(infos, key=lambda info: info.num_elements)
    self.sample_data = bytes(file.data(largest.name)[:2 * sample_elements])
    if len(self.sample_data) != 2 * sample_elements:
      raise ValueError(f"{source}: no tensor has {sample_elements} elements")
    # name, shape, and the stretch of the source's data section
    self._pieces = [(f"copy{copy:02}.{info.name}", info.shape, info.begin, info.end)
                    for copy in range(copies) for info in infos]
    sample = (self.SAMPLE, (sample_elements // 2048, 2048), largest.begin, largest.begin + 2 * sample_elements)
    self._pieces.insert(len(self._pieces) // 2, sample)

  @property
  def num_tensors(self) -> int:
    return len(self._pieces)

  @property
  def first_name(self) -> str:
    return self._pieces[0][0]

  def header(self) -> bytes:
    """Returns the file's first bytes, up to its data."""
    entries = {}
    position = 0
    for name, shape, begin, end in self._pieces:
      offsets = [position, position + end - begin]
      entries[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": offsets}
      position = offsets[1]
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text

  def write(self, path: pathlib.Path) -> None:
    with open(path, "wb", buffering=0) as out, open(self._source_path, "rb") as source:
      out.write(self.header())
      for _, _, begin, end in self._pieces:
        _copy_range(source.fileno(), self._source_data_begin + begin, end - begin, out.fileno())

  def chunks(self):
    """Yields the bytes of the file, from the source: what a restored file must hold."""
    yield self.header()
    file = SafetensorsFile(self._source_path)
    views = {(info.begin, info.end): file.data(info.name) for info in file.tensors.values()}
    for name, _, begin, end in self._pieces:
      yield self.sample_data if name == self.SAMPLE else views[begin, end]


def _copy_range(source: int, offset: int, num_bytes: int, target: int) -> None:
  while num_bytes:
    copied = os.sendfile(target, source, offset, min(num_bytes, _COPY_BYTES))
    if copied == 0:
      raise ValueError("the source ended early")
    offset += copied
    num_bytes -= copied
