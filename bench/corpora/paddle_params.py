"""Reads the tensors of a PaddlePaddle `.pdiparams` stream, as far as its bytes go.

Each tensor is: u32 version 0, u64 number of level-of-detail tables (0), u32 version 0, i32 description bytes, a
protobuf description (field 1: type, field 2: dimensions, each a varint), then the data. Names are not in it.
"""

import math
import mmap
import struct

from safetensors_file import DTYPE_BYTES, NewTensor

_PREFIX = struct.Struct("<IQIi")
_DTYPES = {0: "BOOL", 2: "I32", 3: "I64", 5: "F32"}
_TAG_TYPE = 1 << 3
_TAG_DIMENSION = 2 << 3


def read_params(buffer: bytes | mmap.mmap) -> list[NewTensor]:
  """Returns the tensors that lie wholly in `buffer`, named param.0000 and so on in stream order."""
  view = memoryview(buffer)
  tensors = []
  position = 0
  while position + _PREFIX.size <= len(view):
    version, num_levels, tensor_version, description_bytes = _PREFIX.unpack_from(view, position)
    if version or num_levels or tensor_version or not 0 < description_bytes < 256:
      raise ValueError(f"no tensor prefix at byte {position}")
    begin = position + _PREFIX.size + description_bytes
    dtype, shape = _parse_description(bytes(view[begin - description_bytes:begin]))
    position = begin + math.prod(shape) * DTYPE_BYTES[dtype]
    if position > len(view):
      break
    tensors.append(_new_tensor(f"param.{len(tensors):04}", dtype, shape, view[begin:position]))
  return tensors


def _new_tensor(name: str, dtype: str, shape: tuple[int, ...], data: memoryview) -> NewTensor:
  return NewTensor(name, dtype, shape, lambda: [data])


def _parse_description(description: bytes) -> tuple[str, tuple[int, ...]]:
  """Returns the type and shape of a tensor description; raises ValueError on a type or field not known here."""
  fields = list(_varints(description))
  tags, values = fields[0::2], fields[1::2]
  if not tags or len(tags) != len(values) or tags[0] != _TAG_TYPE or values[0] not in _DTYPES:
    raise ValueError(f"no known tensor description: {description.hex()}")
  if any(tag != _TAG_DIMENSION for tag in tags[1:]):
    raise ValueError(f"unknown field in tensor description: {description.hex()}")
  return _DTYPES[values[0]], tuple(values[1:])


def _varints(data: bytes):
  """Yields the base-128 integers of `data`, low group first."""
  value = shift = 0
  for byte in data:
    value |= (byte & 0x7F) << shift
    shift += 7
    if byte < 0x80:
      yield value
      value = shift = 0
