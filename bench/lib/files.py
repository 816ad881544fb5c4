"""Reads whole files: touches, compares and hashes them."""

import hashlib
import os

_READ_BYTES = 1 << 22


def touch(path: str | os.PathLike) -> None:
  """Reads a file once, so that every command finds it in memory."""
  with open(path, "rb") as file:
    while file.read(_READ_BYTES):
      pass


def sha256(path: str | os.PathLike) -> str:
  with open(path, "rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()


def same_bytes(left: str | os.PathLike, right: str | os.PathLike) -> bool:
  """Says whether two files hold the same bytes."""
  if os.path.getsize(left) != os.path.getsize(right):
    return False
  with open(left, "rb") as left_file, open(right, "rb") as right_file:
    while block := left_file.read(_READ_BYTES):
      if block != right_file.read(_READ_BYTES):
        return False
  return True
