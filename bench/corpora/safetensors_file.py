"""Reads and writes .safetensors files, with the standard library alone.

A file is: u64 header length in bytes (little endian), the header (JSON, padded with spaces so that the data
section starts 8-byte aligned), the data section. The writer makes stable bytes: the same tensors and metadata
always give the same file, so its SHA-256 can be pinned.
"""

import dataclasses
import json
import math
import mmap
import os
import struct
from collections.abc import Callable, Iterable

_HEADER_ALIGNMENT = 8
_MAX_HEADER_BYTES = 100_000_000

# Bytes per element, in the order in which the safetensors library ranks types (it writes the last rank first).
DTYPE_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "C64": 8, "F64": 8, "I64": 8, "U64": 8,
}  # yapf: disable
_DTYPE_RANK = {dtype: rank for rank, dtype in enumerate(DTYPE_BYTES)}


@dataclasses.dataclass(frozen=True)
class NewTensor:
  """A tensor to write.

  `chunks` is called once, when the tensor is written; the buffers it yields, joined, are the data in bytes.
  """
  name: str
  dtype: str
  shape: tuple[int, ...]
  chunks: Callable[[], Iterable[bytes | memoryview]]

  @property
  def num_bytes(self) -> int:
    return math.prod(self.shape) * DTYPE_BYTES[self.dtype]


@dataclasses.dataclass(frozen=True)
class TensorInfo:
  """Where a tensor lies: `begin` and `end` are byte offsets into the data section."""
  name: str
  dtype: str
  shape: tuple[int, ...]
  begin: int
  end: int

  @property
  def num_elements(self) -> int:
    return math.prod(self.shape)


def file_order(tensors: Iterable) -> list:
  """Sorts tensors as the safetensors library does: widest type first, then by name."""
  return sorted(tensors, key=lambda tensor: (-_DTYPE_RANK[tensor.dtype], tensor.name))


def write(path: str | os.PathLike, tensors: Iterable[NewTensor], metadata: dict[str, str]) -> None:
  """Writes tensors, in file order and without gaps, to a new file at `path`."""
  ordered = file_order(tensors)
  with open(path, "wb") as out:
    out.write(_encode_header(ordered, metadata))
    for tensor in ordered:
      _write_tensor(out, tensor)


def _encode_header(ordered: list[NewTensor], metadata: dict[str, str]) -> bytes:
  """Returns the length field and the padded header."""
  header: dict = {"__metadata__": dict(sorted(metadata.items()))}
  begin = 0
  for tensor in ordered:
    if tensor.name in header:
      raise ValueError(f"tensor name {tensor.name!r} occurs twice")
    end = begin + tensor.num_bytes
    header[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [begin, end]}
    begin = end
  text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
  text += b" " * (-len(text) % _HEADER_ALIGNMENT)
  return struct.pack("<Q", len(text)) + text


def _write_tensor(out, tensor: NewTensor) -> None:
  written = sum(out.write(chunk) for chunk in tensor.chunks())
  if written != tensor.num_bytes:
    raise ValueError(f"tensor {tensor.name!r}: {written} bytes given, its shape and type need {tensor.num_bytes}")


class SafetensorsFile:
  """A memory-mapped .safetensors file.

  Attributes:
    header_bytes: what stands before the data section.
    tensors: TensorInfo by name, in the order of the data section.
    metadata: the `__metadata__` strings.
  """

  def __init__(self, path: str | os.PathLike):
    with open(path, "rb") as file:
      self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    self._data, header = _split(memoryview(self._map), os.fspath(path))
    self.header_bytes = len(self._map) - len(self._data)
    self.metadata: dict[str, str] = header.pop("__metadata__", {})
    infos = [_tensor_info(name, entry) for name, entry in header.items()]
    infos.sort(key=lambda info: (info.begin, info.end))
    _check_contiguous(infos, len(self._data))
    self.tensors = {info.name: info for info in infos}

  def data(self, name: str) -> memoryview:
    """Returns the bytes of one tensor; the view keeps the map alive."""
    info = self.tensors[name]
    return self._data[info.begin:info.end]


def _split(view: memoryview, path: str) -> tuple[memoryview, dict]:
  """Returns the data section and the parsed header."""
  if len(view) < 8:
    raise ValueError(f"{path}: {len(view)} bytes are no .safetensors file")
  (header_bytes,) = struct.unpack_from("<Q", view)
  if header_bytes > min(_MAX_HEADER_BYTES, len(view) - 8):
    raise ValueError(f"{path}: header length {header_bytes} exceeds the file or the limit")
  return view[8 + header_bytes:], json.loads(bytes(view[8:8 + header_bytes]))


def _tensor_info(name: str, entry: dict) -> TensorInfo:
  begin, end = entry["data_offsets"]
  info = TensorInfo(name, entry["dtype"], tuple(entry["shape"]), begin, end)
  element_bytes = DTYPE_BYTES.get(info.dtype)
  if element_bytes is None:
    raise ValueError(f"tensor {name!r}: type {info.dtype!r} is not supported here")
  if end - begin != info.num_elements * element_bytes:
    raise ValueError(f"tensor {name!r}: {end - begin} bytes do not match shape {info.shape} of {info.dtype}")
  return info


def _check_contiguous(infos: list[TensorInfo], data_bytes: int) -> None:
  """Raises unless the tensors, in order, cover the data section without gap or overlap."""
  position = 0
  for info in infos:
    if info.begin != position:
      raise ValueError(f"tensor {info.name!r} begins at {info.begin}, expected {position}")
    position = info.end
  if position != data_bytes:
    raise ValueError(f"tensors cover {position} of {data_bytes} data bytes")
