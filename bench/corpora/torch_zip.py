"""Reads the tensors of a torch checkpoint (a zip of data.pkl and raw storages) without torch.

The pickle is read by an unpickler that knows a handful of names and refuses every other, so a hostile file can
name no function to call. The zip is read from its local headers onwards, never from its central directory: a
file cut short still gives every entry that lies wholly in it.
"""

import collections
import dataclasses
import io
import math
import mmap
import pickle
import struct
import zlib

from safetensors_file import DTYPE_BYTES, NewTensor

_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_CENTRAL_SIGNATURE = b"PK\x01\x02"
_DESCRIPTOR = struct.Struct("<4s3I")
_DESCRIPTOR_SIGNATURE = b"PK\x07\x08"
_STORED = 0
_FLAG_HAS_DESCRIPTOR = 1 << 3


@dataclasses.dataclass(frozen=True)
class Storage:
  """Stand-in for a torch storage: the zip entry `data/<key>`."""
  dtype: str
  key: str
  num_elements: int


@dataclasses.dataclass(frozen=True)
class TensorRef:
  """Stand-in for a contiguous torch tensor: `shape` elements of a storage from element `offset` on."""
  storage: Storage
  offset: int
  shape: tuple[int, ...]


def _rebuild_tensor(storage, offset, shape, strides, *_unused) -> TensorRef:
  """Takes the arguments of torch._utils._rebuild_tensor_v2; strides are in elements."""
  expected = 1
  for size, stride in zip(reversed(shape), reversed(strides), strict=True):
    if size > 1 and stride != expected:
      raise pickle.UnpicklingError(f"tensor of shape {shape} and strides {strides} is not contiguous")
    expected *= size
  if offset < 0 or offset + math.prod(shape) > storage.num_elements:
    raise pickle.UnpicklingError(f"tensor of shape {shape} at {offset} leaves its storage {storage}")
  return TensorRef(storage, offset, tuple(shape))


_ALLOWED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "BFloat16Storage"): "BF16",
    ("torch", "LongStorage"): "I64",
}


class RestrictedUnpickler(pickle.Unpickler):
  """Gives stand-ins for the names in `_ALLOWED` and raises UnpicklingError for any other."""

  def find_class(self, module, name):
    if (module, name) not in _ALLOWED:
      raise pickle.UnpicklingError(f"refused: the pickle names {module}.{name}")
    return _ALLOWED[module, name]

  def persistent_load(self, pid):
    kind, dtype, key, _location, num_elements = pid
    if kind != "storage" or dtype not in DTYPE_BYTES:
      raise pickle.UnpicklingError(f"refused: persistent id {pid!r}")
    return Storage(dtype, key, num_elements)


def stored_entries(buffer: bytes | mmap.mmap) -> tuple[dict[str, memoryview], bool]:
  """Walks the local headers of a zip of stored (not deflated) entries.

  Returns the entries wholly present, each checked against its CRC-32, and whether the walk reached the central
  directory, which only a complete file has.
  """
  entries = {}
  view = memoryview(buffer)
  position = 0
  while view[position:position + 4] == _LOCAL_SIGNATURE and position + _LOCAL_HEADER.size <= len(view):
    name, begin = _parse_local_header(view, position)
    end = _find_descriptor(buffer, view, begin)
    if end is None:
      break
    entries[name] = view[begin:end]
    position = end + _DESCRIPTOR.size
  return entries, view[position:position + 4] == _CENTRAL_SIGNATURE


def _parse_local_header(view: memoryview, position: int) -> tuple[str, int]:
  """Returns the entry's name and the byte offset of its data."""
  _, _, flags, method, *_, name_bytes, extra_bytes = _LOCAL_HEADER.unpack_from(view, position)
  name_begin = position + _LOCAL_HEADER.size
  name = bytes(view[name_begin:name_begin + name_bytes]).decode()
  if method != _STORED or not flags & _FLAG_HAS_DESCRIPTOR:
    raise ValueError(f"zip entry {name!r} is not of the kind torch writes: method {method}, flags {flags:#x}")
  return name, name_begin + name_bytes + extra_bytes


def _find_descriptor(buffer: bytes | mmap.mmap, view: memoryview, begin: int) -> int | None:
  """Returns the offset of the data descriptor that ends the entry at `begin`: its sizes and CRC-32 must fit."""
  position = buffer.find(_DESCRIPTOR_SIGNATURE, begin)
  while 0 <= position <= len(view) - _DESCRIPTOR.size:
    _, crc, stored_bytes, full_bytes = _DESCRIPTOR.unpack_from(view, position)
    if stored_bytes == full_bytes == position - begin and crc == zlib.crc32(view[begin:position]):
      return position
    position = buffer.find(_DESCRIPTOR_SIGNATURE, position + 1)
  return None


def read_state_dict(buffer: bytes | mmap.mmap) -> tuple[list[NewTensor], list[str], bool]:
  """Reads the "state_dict" of a checkpoint.

  Returns the tensors whose bytes are present, the names of the others, and whether the zip is complete.
  """
  entries, complete = stored_entries(buffer)
  root = next(iter(entries), "").partition("/")[0]
  if f"{root}/data.pkl" not in entries:
    raise ValueError("no data.pkl: not a torch checkpoint")
  if entries.get(f"{root}/byteorder", b"little") != b"little":
    raise ValueError("the checkpoint is not little endian")
  state = RestrictedUnpickler(io.BytesIO(entries[f"{root}/data.pkl"])).load()["state_dict"]
  present, missing = [], []
  for name, ref in state.items():
    data = entries.get(f"{root}/data/{ref.storage.key}")
    if data is None:
      missing.append(name)
    else:
      present.append(_new_tensor(name, ref, data))
  return present, missing, complete


def _new_tensor(name: str, ref: TensorRef, data: memoryview) -> NewTensor:
  element_bytes = DTYPE_BYTES[ref.storage.dtype]
  if len(data) != ref.storage.num_elements * element_bytes:
    raise ValueError(f"tensor {name!r}: storage has {len(data)} bytes, expected {ref.storage}")
  begin = ref.offset * element_bytes
  piece = data[begin:begin + math.prod(ref.shape) * element_bytes]
  return NewTensor(name, ref.storage.dtype, ref.shape, lambda: [piece])
