"""Times whole commands that take turns: what one makes, the next reads."""

import dataclasses
import pathlib

import race
from contest import Entrant, Results, take_turns
from files import same_bytes
from plait_command import Plait


@dataclasses.dataclass(frozen=True)
class Subject:
  """A command to time, and the file that it makes, anew each time."""
  name: str
  verb: str
  words: list
  target: pathlib.Path

  @property
  def entrant(self) -> Entrant:
    return Entrant(self.name, self.verb)


def copy_subject(original: pathlib.Path, folder: pathlib.Path) -> Subject:
  out = folder / "out"
  return Subject("cp", "copy", ["cp", original, out], out)


def plait_subjects(plait: Plait, threads: int, original: pathlib.Path, folder: pathlib.Path) -> list[Subject]:
  """Returns compress, which decodes and compares, decompress, and compress without that."""
  container, out, option = folder / "coded.plait", folder / "out", f"-T{threads}"
  compress = plait.command("compress", option, "-o")
  return [
      Subject(f"plait {option}", "compress", [*compress, container, original], container),
      Subject(f"plait {option}", "decompress", plait.command("decompress", option, "-o", out, container), out),
      Subject(f"plait --no-verify {option}", "compress", [*compress, out, original, "--no-verify"], out),
  ]


def zstd_subjects(threads: int, original: pathlib.Path, folder: pathlib.Path) -> list[Subject]:
  coded, out, option = folder / "coded.zst", folder / "out", f"-T{threads}"
  return [
      Subject(f"zstd -3 {option}", "compress", ["zstd", "-q", "-3", option, "-o", coded, original], coded),
      Subject(f"zstd -3 {option}", "decompress", ["zstd", "-q", "-d", option, "-o", out, coded], out),
  ]


def zipnn_subjects(python: str, threads: int, original: pathlib.Path, folder: pathlib.Path) -> list[Subject]:
  """Returns ZipNN through a script that reads and writes whole files; `python` is that of the peers' environment."""
  script = pathlib.Path(__file__).resolve().parents[1] / "peers" / "zipnn_file.py"
  coded, out, name = folder / "coded.zipnn", folder / "out", f"ZipNN, {threads} threads"
  return [
      Subject(name, "compress", [python, script, "compress", threads, original, coded], coded),
      Subject(name, "decompress", [python, script, "decompress", threads, coded, out], out),
  ]


def race_commands(subjects: list[Subject], original: pathlib.Path, rounds: int) -> Results:
  """Times the commands; raises ValueError unless what copies and decompressors make is the original."""
  unchecked = {subject.entrant for subject in subjects if subject.verb != "compress"}

  def run(subject: Subject) -> float:
    subject.target.unlink(missing_ok=True)
    took = race.timed(subject.words)
    if subject.entrant in unchecked:
      if not same_bytes(original, subject.target):
        raise ValueError(f"{subject.name} {subject.verb}: its result differs: nothing here can be trusted")
      unchecked.remove(subject.entrant)
    return took

  runs = {subject.entrant: lambda subject=subject: run(subject) for subject in subjects}
  return Results(original.stat().st_size, take_turns(runs, rounds))
