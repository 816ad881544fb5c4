"""Writes the tensors of a .safetensors file as other formats hold them: an ONNX model, a GGUF file.

Both are files that Plait has no parser for. They are valid (the onnx and gguf packages read them), but hold no more
than weights: an ONNX graph without nodes, a GGUF file without vocabulary.
"""

import os
import struct
from collections.abc import Iterable

from safetensors_file import SafetensorsFile

# ONNX: onnx.proto. Field numbers and element types.
_ONNX_TYPES = {"F32": 1, "I64": 7, "F16": 10, "BF16": 16}
_MODEL_IR_VERSION, _MODEL_GRAPH, _MODEL_OPSET = 1, 7, 8
_GRAPH_NAME, _GRAPH_INITIALIZER = 2, 5
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9
_OPSET_VERSION = 2

# GGUF: version 3.
_GGUF_TYPES = {"F32": 0, "F16": 1, "I64": 27, "BF16": 30}
_GGUF_ALIGNMENT = 32
_GGUF_STRING = 8


def _varint(value: int) -> bytes:
  coded = bytearray()
  while value >= 0x80:
    coded.append(value & 0x7F | 0x80)
    value >>= 7
  coded.append(value)
  return bytes(coded)


def _number(field: int, value: int) -> bytes:
  return _varint(field << 3) + _varint(value)


def _prefix(field: int, num_bytes: int) -> bytes:
  """Returns what stands before a string, message or bytes field of this length."""
  return _varint(field << 3 | 2) + _varint(num_bytes)


def _onnx_tensors(file: SafetensorsFile) -> Iterable[tuple[bytes, memoryview]]:
  """Yields each initializer as (all but its data, data)."""
  for info in file.tensors.values():
    name, data = info.name.encode(), file.data(info.name)
    fields = b"".join(_number(_TENSOR_DIMS, size) for size in info.shape)
    fields += _number(_TENSOR_TYPE, _ONNX_TYPES[info.dtype]) + _prefix(_TENSOR_NAME, len(name)) + name
    fields += _prefix(_TENSOR_RAW, len(data))
    yield _prefix(_GRAPH_INITIALIZER, len(fields) + len(data)) + fields, data


def write_onnx(path: str | os.PathLike, file: SafetensorsFile) -> None:
  """Writes a model whose graph has the tensors as initializers."""
  tensors = list(_onnx_tensors(file))
  graph_name = _prefix(_GRAPH_NAME, 7) + b"weights"
  graph_bytes = len(graph_name) + sum(len(fields) + len(data) for fields, data in tensors)
  opset = _number(_OPSET_VERSION, 17)
  with open(path, "wb") as out:
    out.write(_number(_MODEL_IR_VERSION, 8) + _prefix(_MODEL_OPSET, len(opset)) + opset)
    out.write(_prefix(_MODEL_GRAPH, graph_bytes) + graph_name)
    for fields, data in tensors:
      out.write(fields)
      out.write(data)


def _gguf_string(text: str) -> bytes:
  return struct.pack("<Q", len(text.encode())) + text.encode()


def write_gguf(path: str | os.PathLike, file: SafetensorsFile) -> None:
  """Writes a GGUF file of the tensors, in the file's order."""
  header = b"GGUF" + struct.pack("<IQQ", 3, len(file.tensors), 1)
  header += _gguf_string("general.architecture") + struct.pack("<I", _GGUF_STRING) + _gguf_string("bert")
  offset = 0
  for info in file.tensors.values():
    sizes = struct.pack(f"<I{len(info.shape)}Q", len(info.shape), *reversed(info.shape))
    header += _gguf_string(info.name) + sizes + struct.pack("<IQ", _GGUF_TYPES[info.dtype], offset)
    offset += _padded(info.end - info.begin)
  with open(path, "wb") as out:
    out.write(header.ljust(_padded(len(header)), b"\0"))
    for info in file.tensors.values():
      out.write(file.data(info.name))
      out.write(bytes(_padded(info.end - info.begin) - (info.end - info.begin)))


def _padded(num_bytes: int) -> int:
  return -(-num_bytes // _GGUF_ALIGNMENT) * _GGUF_ALIGNMENT
