"""Takes a Plait container apart: which of its bytes are payload and which are not.

Written from FORMAT.md in formats/container, formats/frame, codec/block and codec/tier, not from the C++ code, and
without any of it. Nothing is decoded and no hash is checked: this is a scale, not a reader.
"""

import collections
import dataclasses
import json
import mmap
import os
import struct
from collections.abc import Iterator

PAYLOAD = "payload"

_MANIFEST_NAME = "__plait__"
_FRAME_MAGIC = b"PLTFRM"
_FOOTER_FIXED_BYTES = 48
_BLOCK_HEADER_BYTES = 32
_BLOCK_ALIGNMENT = 64
_TABLE_ENTRY_BYTES = 8
_TIER = 2
_TIER_TABLE_BYTES = 16
_WHOLE_BYTES = 0
_NUM_PLANES = (1, 2, 4, 3, 8, 2, 2, 3, 5, 3)  # by plane kind (codec/block/FORMAT.md)
_DIRECTORY_ENTRY_BYTES = 8
_PLANE_ALIGNMENT = 16
_MANIFEST_FIXED_BYTES = 80
_MANIFEST_ENTRY_BYTES = 24
_FRAMED = 1

@dataclasses.dataclass(frozen=True)
class Part:
  """A stretch of the file: byte offsets, half-open."""
  kind: str
  begin: int
  end: int

  @property
  def num_bytes(self) -> int:
    return self.end - self.begin


def read_parts(path: str | os.PathLike) -> list[Part]:
  """Returns the parts of a container in order; together they are the file, without gap or overlap.

  The kind of a part is PAYLOAD (codec payloads and plain tensors) or the name of what it costs. Digits of the tier
  code are rounded up to bytes inside payloads; that is counted as payload.

  Raises:
    ValueError: the file is no container, or its parts do not fit together.
  """
  with open(path, "rb") as file:
    view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
  parts = [part for part in _container(view) if part.num_bytes]
  position = 0
  for part in parts:
    if part.begin != position or part.end < part.begin:
      raise ValueError(f"{path}: {part.kind} begins at {part.begin}, expected {position}")
    position = part.end
  if position != len(view):
    raise ValueError(f"{path}: parts cover {position} of {len(view)} bytes")
  return parts


def bytes_by_kind(parts: list[Part]) -> collections.Counter:
  """Returns the bytes of each kind of part."""
  sums = collections.Counter()
  for part in parts:
    sums[part.kind] += part.num_bytes
  return sums


def _container(view: mmap.mmap) -> Iterator[Part]:
  (json_bytes,) = struct.unpack_from("<Q", view)
  data_begin = 8 + json_bytes
  header = json.loads(view[8:data_begin])
  manifest_begin, manifest_end = (data_begin + offset for offset in header.pop(_MANIFEST_NAME)["data_offsets"])
  header.pop("__metadata__")
  yield Part("container header", 0, data_begin)
  frames = 0
  for entry in sorted(header.values(), key=lambda entry: entry["data_offsets"]):
    begin, end = (data_begin + offset for offset in entry["data_offsets"])
    if entry["dtype"] == "U8" and view[begin:begin + len(_FRAME_MAGIC)] == _FRAME_MAGIC:
      frames += 1
      yield from _frame(view, begin, end)
    else:
      yield Part(PAYLOAD, begin, end)
  if frames != _framed_entries(view, manifest_begin):
    raise ValueError(f"{frames} frames found, the manifest has {_framed_entries(view, manifest_begin)}")
  yield Part("manifest", manifest_begin, manifest_end)


def _framed_entries(view: mmap.mmap, manifest_begin: int) -> int:
  (entries,) = struct.unpack_from("<I", view, manifest_begin + 12)
  first = manifest_begin + _MANIFEST_FIXED_BYTES
  return sum(view[first + i * _MANIFEST_ENTRY_BYTES] == _FRAMED for i in range(entries))


def _frame(view: mmap.mmap, begin: int, end: int) -> Iterator[Part]:
  block_log2, _, header_bytes, elements = struct.unpack_from("<BBIQ", view, begin + 10)
  (footer_bytes,) = struct.unpack_from("<Q", view, end - 8)
  footer_begin = end - footer_bytes
  (blocks,) = struct.unpack_from("<I", view, footer_begin + 4)
  if blocks != -(-elements >> block_log2) or footer_bytes != _FOOTER_FIXED_BYTES + _TABLE_ENTRY_BYTES * blocks:
    raise ValueError(f"frame at {begin}: {blocks} blocks, footer of {footer_bytes} bytes, {elements} elements")
  yield Part("frame headers", begin, begin + header_bytes)
  position = begin + header_bytes
  table_begin = footer_begin + 8
  for block in range(blocks):
    block_begin = begin + -(-(position - begin) // _BLOCK_ALIGNMENT) * _BLOCK_ALIGNMENT
    yield Part("alignment", position, block_begin)
    entry = struct.unpack_from("<IBBH", view, table_begin + block * _TABLE_ENTRY_BYTES)
    yield from _block(view, block_begin, entry)
    position = block_begin + _BLOCK_HEADER_BYTES + entry[0]
  yield Part("alignment", position, footer_begin)
  yield from _footer(footer_begin, end, blocks)


def _footer(begin: int, end: int, blocks: int) -> Iterator[Part]:
  table_begin = begin + 8
  table_end = table_begin + _TABLE_ENTRY_BYTES * blocks
  yield Part("footers", begin, table_begin)
  yield Part("block tables", table_begin, table_end)
  yield Part("footers", table_end, end)


def _block(view: mmap.mmap, begin: int, table_entry: tuple) -> Iterator[Part]:
  payload_bytes, codec, plane_kind, _ = table_entry
  sync, own_codec, own_kind, _, own_payload_bytes = struct.unpack_from("<2sBBII", view, begin)
  if (sync, own_codec, own_kind, own_payload_bytes) != (b"PB", codec, plane_kind, payload_bytes):
    raise ValueError(f"block at {begin} is not what the block table says")
  payload_begin = begin + _BLOCK_HEADER_BYTES
  payload_end = payload_begin + payload_bytes
  yield Part("block headers", begin, payload_begin)
  if plane_kind == _WHOLE_BYTES:
    yield from _plane(codec, payload_begin, payload_end)
  else:
    yield from _planes(view, payload_begin, payload_end, _NUM_PLANES[plane_kind])


def _planes(view: mmap.mmap, begin: int, end: int, num_planes: int) -> Iterator[Part]:
  position = begin + num_planes * _DIRECTORY_ENTRY_BYTES
  yield Part("plane directories", begin, position)
  for entry in range(num_planes):
    codec, _, _, coded_bytes = struct.unpack_from("<BBHI", view, begin + entry * _DIRECTORY_ENTRY_BYTES)
    plane_begin = begin + -(-(position - begin) // _PLANE_ALIGNMENT) * _PLANE_ALIGNMENT
    yield Part("plane padding", position, plane_begin)
    position = plane_begin + coded_bytes
    yield from _plane(codec, plane_begin, position)
  # The bytes before the first and behind the last whole element, as they are.
  yield Part(PAYLOAD, position, end)


def _plane(codec: int, begin: int, end: int) -> Iterator[Part]:
  table_end = begin + _TIER_TABLE_BYTES if codec == _TIER else begin
  yield Part("tier tables", begin, table_end)
  yield Part(PAYLOAD, table_end, end)
