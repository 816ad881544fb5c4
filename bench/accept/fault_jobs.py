"""Jobs of plait to inject faults into, and what they must leave behind: see faults.py."""

import collections
import contextlib
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
from collections.abc import Callable

from rows import Bench, require

import corpus_sizes
import samples

_CORPUS = "cast-minilm"
_TIMEOUT_SECONDS = 120
_TEMPORARY = re.compile(r"\.[^/]+\.plait-tmp-\d+")

# The calls of a job that can fail, as strace names them.
CALLS = ("openat", "read", "pread64", "write", "pwrite64", "ftruncate", "fchmod", "fsync", "renameat2", "rename",
         "mkdir", "getdents64")  # yapf: disable

_STDIN_CALL = "fcntl"  # makes a descriptor of its own from stdin


def hashes(root: pathlib.Path) -> dict[str, str]:
  """Returns the SHA-256 of every file below a directory, by its relative path."""
  files = [path for path in sorted(root.rglob("*")) if path.is_file()]
  return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@dataclasses.dataclass(frozen=True)
class Call:
  """One system call of a run: the `number`-th (from 1) of its name, with its arguments as strace prints them."""
  name: str
  number: int
  arguments: str

  @property
  def creates(self) -> bool:
    return self.name == "openat" and "O_CREAT" in self.arguments

  @property
  def has_another_way(self) -> bool:
    """Whether a job can succeed without it: a directory is listed twice, first for the progress bar alone; what comes
    through a pipe can be kept in a file with a name, where one without is not to be had."""
    return self.name == "getdents64" or "O_DIRECTORY" in self.arguments or "O_TMPFILE" in self.arguments


@dataclasses.dataclass(frozen=True)
class Job:
  """Something that plait does to a source.

  Attributes:
    name: for messages.
    words: of the command, before the target.
    source: a file or a directory, which stays as it is.
    target: the name of the result.
    is_piped: the source comes through a pipe.
    expected: SHA-256 of every file of the result, by its path from the result's folder.
  """
  name: str
  words: tuple[str, ...]
  source: pathlib.Path
  target: str
  is_piped: bool = False
  expected: dict[str, str] = dataclasses.field(default_factory=dict)

  @property
  def is_directory(self) -> bool:
    return self.source.is_dir()

  def arguments(self, folder: pathlib.Path | str, source: pathlib.Path | None = None) -> list[str]:
    """Returns the words behind `plait` that put the result into a folder; `source` stands in for the job's own."""
    return [*self.words, "-o", f"{folder}/{self.target}", "-" if self.is_piped else str(source or self.source)]


@dataclasses.dataclass(frozen=True)
class Result:
  """What a run left: `files` (SHA-256 by path) and `temporaries` in the folder of the result."""
  code: int
  stderr: str
  files: dict[str, str]
  temporaries: list[str]

  @property
  def first_line(self) -> str:
    return (self.stderr.splitlines() or [""])[0]


class Jobs:
  """The jobs, their sources, and an empty folder for each trial."""

  def __init__(self, bench: Bench):
    self.bench = bench
    self.root = bench.work / "faults"
    (self.root / "sources").mkdir(parents=True)
    checkpoint = self.root / "sources" / "model.safetensors"
    samples.mixed_checkpoint(checkpoint, corpus_sizes.corpus_path(_CORPUS))
    directory = self._directory(checkpoint)
    self.all = [self._with_expected(job) for job in self._jobs(checkpoint, directory)]
    self._source_hashes = hashes(self.root / "sources")

  def _directory(self, checkpoint: pathlib.Path) -> pathlib.Path:
    directory = self.root / "sources" / "model"
    (directory / "sub").mkdir(parents=True)
    shutil.copyfile(checkpoint, directory / "model-1.safetensors")
    (directory / "model.safetensors.index.json").write_text('{"weight_map": {}}')
    (directory / "sub" / "weights.bin").write_bytes(samples.random_bytes(600_000))
    (directory / "tokenizer.model").write_bytes(samples.random_bytes(300_000))
    return directory

  def _jobs(self, checkpoint: pathlib.Path, directory: pathlib.Path) -> list[Job]:
    plait, sources = self.bench.plait, self.root / "sources"
    container, stream, tree = sources / "c.plait", sources / "stream", sources / "tree.plait"
    plait.compress(checkpoint, container)
    stream.write_bytes(plait.checked("compress", "-c", checkpoint))
    plait.checked("compress", "-o", tree, directory)
    return [
        Job("compress", ("compress", "-T1"), checkpoint, "x.plait"),
        Job("decompress", ("decompress", "-T1"), container, "x"),
        Job("compress a directory", ("compress", "-T1"), directory, "d.plait"),
        Job("decompress a directory", ("decompress", "-T1"), tree, "d"),
        Job("compress a pipe", ("compress", "-T1"), checkpoint, "x.plait", is_piped=True),
        Job("decompress a pipe", ("decompress", "-T1"), stream, "x", is_piped=True),
    ]

  def _with_expected(self, job: Job) -> Job:
    folder = self.fresh_folder()
    result = self.run(job, folder, self.bench.plait.command(*job.arguments(folder)))
    require(result.code == 0, f"{job.name}: exit status {result.code} without a fault: {result.first_line}")
    return dataclasses.replace(job, expected=result.files)

  def fresh_folder(self) -> pathlib.Path:
    folder = self.root / "out"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder

  @contextlib.contextmanager
  def started(self, job: Job, command: list[str], **options):
    """Gives a running process of a job's command line; its stderr is a pipe."""
    with contextlib.ExitStack() as stack:
      feeder = None
      if job.is_piped:
        feeder = stack.enter_context(
            subprocess.Popen(["cat", job.source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
      process = stack.enter_context(
          subprocess.Popen(command, stdin=feeder.stdout if feeder else subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, **options))
      if feeder:
        feeder.stdout.close()
      yield process

  def run(self, job: Job, folder: pathlib.Path, command: list[str], look: Callable[[], dict[str, str]] | None = None,
          **options) -> Result:
    """Runs a job's command line to its end. `look` finds the files, where they are not simply in the folder."""
    with self.started(job, command, **options) as process:
      _, stderr = process.communicate(timeout=_TIMEOUT_SECONDS)
    return self.result(folder, process.returncode, stderr, look)

  def result(self, folder: pathlib.Path, code: int, stderr: bytes,
             look: Callable[[], dict[str, str]] | None = None) -> Result:
    found = look() if look else hashes(folder)
    whole = {path: digest for path, digest in found.items() if not _TEMPORARY.match(path)}
    return Result(code, stderr.decode(errors="replace"), whole, sorted(set(found) - set(whole)))

  def calls(self, job: Job) -> list[Call]:
    """Returns the calls of a run without faults, from where it turns to its source on."""
    folder, log = self.fresh_folder(), self.root / "log"
    command = ["strace", "-f", "-o", str(log), "-e", "trace=" + ",".join((*CALLS, _STDIN_CALL))]
    result = self.run(job, folder, command + self.bench.plait.command(*job.arguments(folder)))
    require(result.files == job.expected, f"{job.name}: other files under strace: {result.first_line}")
    return _own_calls(job, log.read_text())

  def require_sources(self) -> None:
    require(hashes(self.root / "sources") == self._source_hashes, "a source was changed")


def _own_calls(job: Job, log: str) -> list[Call]:
  """Takes the log of strace; leaves out the loader's calls and those on stdout and stderr."""
  counts = collections.Counter()
  calls, seen_source = [], False
  for name, arguments in re.findall(r"^\d+\s+(\w+)\((.*)", log, re.MULTILINE):
    counts[name] += 1
    takes_stdin = job.is_piped and name == _STDIN_CALL and arguments.startswith("0, F_DUPFD")
    seen_source = seen_source or str(job.source) in arguments or takes_stdin
    if seen_source and name in CALLS and not (name == "write" and arguments.startswith(("1, ", "2, "))):
      calls.append(Call(name, counts[name], arguments))
  return calls


def signal_name(code: int) -> str:
  return signal.Signals(-code).name if code < 0 else str(code)


def can_mount() -> bool:
  """Says whether this machine lets us mount a file system of our own."""
  command = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
  try:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
  except OSError:
    return False


def has_strace() -> bool:
  return shutil.which("strace") is not None and os.access("/proc/self/mem", os.R_OK)
