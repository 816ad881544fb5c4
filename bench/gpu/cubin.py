"""What a cubin (an ELF file) says of a kernel's registers and static shared memory."""

import dataclasses
import struct

_RESERVED_SHARED_BYTES = 1024  # of every block; from sm_90 on the kernel's own section includes them
_REGISTER_COUNT = 0x2f04  # EIATTR_REGCOUNT with its format byte
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")


@dataclasses.dataclass(frozen=True)
class Resources:
  """Per thread, and per block of threads."""
  registers: int
  static_shared_bytes: int


def _string(table: bytes, offset: int) -> str:
  return table[offset:table.index(b"\0", offset)].decode()


def _sections(data: bytes) -> list[tuple[str, int, bytes]]:
  offset, = struct.unpack_from("<Q", data, 40)
  count, names_index = struct.unpack_from("<HH", data, 60)
  headers = [_SECTION.unpack_from(data, offset + i * _SECTION.size) for i in range(count)]
  body = lambda header: b"" if header[1] == 8 else data[header[4]:header[4] + header[5]]
  names = body(headers[names_index])
  return [(_string(names, header[0]), header[5], body(header)) for header in headers]


def _register_counts(info: bytes) -> dict[int, int]:
  counts, offset = {}, 0
  while offset + 4 <= len(info):
    attribute, size = struct.unpack_from("<HH", info, offset)
    has_body = attribute & 0xff == 4
    if attribute == _REGISTER_COUNT:
      symbol, count = struct.unpack_from("<II", info, offset + 4)
      counts[symbol] = count
    offset += 4 + (size if has_body else 0)
  return counts


def resources(data: bytes, function: str) -> Resources:
  """Returns what `function` takes; raises KeyError if the file has no such kernel."""
  sections = {name: (size, body) for name, size, body in _sections(data)}
  names = sections[".strtab"][1]
  symbols = sections[".symtab"][1]
  numbers = {
      _string(names, _SYMBOL.unpack_from(symbols, offset)[0]): offset // _SYMBOL.size
      for offset in range(0, len(symbols), _SYMBOL.size)
  }
  registers = _register_counts(sections[".nv.info"][1])[numbers[function]]
  shared = sections.get(f".nv.shared.{function}", (0, b""))[0]
  reserved = _RESERVED_SHARED_BYTES if ".nv.shared.reserved.0" in sections else 0
  return Resources(registers, max(0, shared - reserved))
