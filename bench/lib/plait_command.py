"""Runs the `plait` command, and watches the memory of what it runs."""

import dataclasses
import json
import os
import pathlib
import subprocess
import threading
import time
from collections.abc import Iterable

_POLL_SECONDS = 0.002
_PIPE_BYTES = 4096
_COPY_BYTES = 1 << 22


class CommandFailed(Exception):
  """A command did not do what it should; the message has its exit status and first message."""


def _first_line(text: bytes | str) -> str:
  if isinstance(text, bytes):
    text = text.decode(errors="replace")
  return (text.strip().splitlines() or ["no message"])[0]


def check_exit(command: Iterable, returncode: int, stderr: bytes | str) -> None:
  """Raises CommandFailed unless `returncode` is 0."""
  if returncode != 0:
    words = " ".join(os.path.basename(str(word)) for word in list(command)[:2])
    raise CommandFailed(f"{words}: exit status {returncode}: {_first_line(stderr)}")


class Plait:
  """The program under measurement.

  Every method raises CommandFailed if the command fails, except `run`.

  Args:
    path: the binary.
  """

  def __init__(self, path: str | os.PathLike):
    self.path = str(pathlib.Path(path).resolve())

  def command(self, *args) -> list[str]:
    """Returns the words of a command line."""
    return [self.path, *(str(arg) for arg in args)]

  def run(self, *args, cpu: str = "", timeout: float = 600) -> subprocess.CompletedProcess:
    """Runs to the end, whatever the exit status; `cpu` is the value of PLAIT_CPU."""
    environment = dict(os.environ, PLAIT_CPU=cpu)
    return subprocess.run(self.command(*args), capture_output=True, env=environment, timeout=timeout, check=False)

  def checked(self, *args, cpu: str = "") -> bytes:
    """Runs to the end and returns stdout."""
    done = self.run(*args, cpu=cpu)
    check_exit(["plait", *args], done.returncode, done.stderr)
    return done.stdout

  def pipe(self, source, *stages, target=os.devnull, cpu: str = "") -> None:
    """Feeds a file through a pipe to the first stage (the words behind `plait`), that one's stdout to the next, and
    so on; the last one's goes to the file `target`."""
    commands = [["cat", str(source)], *(self.command(*stage) for stage in stages)]
    processes = []
    with open(target, "wb") as out:
      for command in commands:
        is_last = len(processes) + 1 == len(commands)
        processes.append(subprocess.Popen(command, stdin=processes[-1].stdout if processes else subprocess.DEVNULL,
                                          stdout=out if is_last else subprocess.PIPE, stderr=subprocess.PIPE,
                                          env=dict(os.environ, PLAIT_CPU=cpu)))
        if len(processes) > 1:
          processes[-2].stdout.close()  # The reader has it now: if it ends early, the writer sees a closed pipe.
    messages = [process.communicate()[1] for process in reversed(processes)]
    for process, message in zip(reversed(processes), messages):
      check_exit(process.args, process.returncode, message)

  def compress(self, source, target, threads: int = 2, cpu: str = "") -> None:
    self.checked("compress", "-f", f"-T{threads}", "-o", target, source, cpu=cpu)

  def decompress(self, source, target, threads: int = 2, cpu: str = "") -> None:
    self.checked("decompress", "-f", f"-T{threads}", "-o", target, source, cpu=cpu)

  def list(self, path) -> dict:
    """Returns the document of `list --json`."""
    return json.loads(self.checked("list", "--json", path))

  def has_cpu(self, cpu: str) -> bool:
    """Says whether this machine runs the variant: forcing one that it lacks exits 4."""
    return self.run("--version", cpu=cpu).returncode == 0


@dataclasses.dataclass
class Peak:
  """Memory of a process in bytes: the most it had."""
  anonymous: int = 0  # RssAnon: heap and stacks, polled, so a peak of less than a few ms can be missed
  resident: int = 0  # VmHWM: mapped pages too, kept by the kernel, so nothing is missed while the process lives


def _status_bytes(pid: int) -> dict[str, int]:
  """Returns the sizes of /proc/PID/status, or {} when the process is gone."""
  try:
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
  except (FileNotFoundError, ProcessLookupError):
    return {}
  fields = (line.split() for line in text.splitlines())
  return {words[0].rstrip(":"): int(words[1]) << 10 for words in fields if len(words) == 3 and words[2] == "kB"}


def _note(peak: Peak, sizes: dict[str, int]) -> None:
  peak.anonymous = max(peak.anonymous, sizes.get("RssAnon", 0))
  peak.resident = max(peak.resident, sizes.get("VmHWM", 0))


def watch_memory(command: list[str]) -> Peak:
  """Runs a command to its end and returns its peak; raises CommandFailed if it fails."""
  peak = Peak()
  with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
    while process.poll() is None:
      _note(peak, _status_bytes(process.pid))
      time.sleep(_POLL_SECONDS)
    check_exit(command, process.returncode, process.stderr.read())
  return peak


@dataclasses.dataclass(frozen=True)
class Pipe:
  """What a command wrote to its stdout, and what it took."""
  output: bytes
  peak: Peak
  bytes_read: int  # by read and pread, libraries at start included


def watch_pipe(command: list[str], output_bytes: int) -> Pipe:
  """Runs a command that writes `output_bytes` to stdout and does nothing after that.

  It is held by a nearly full pipe while its last bytes are due: everything it needed is done, and it is still there
  to be looked at, however short it runs.
  """
  peak = Peak()
  with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pipesize=_PIPE_BYTES) as process:
    output = process.stdout.read(max(0, output_bytes - 2 * _PIPE_BYTES))
    _note(peak, _status_bytes(process.pid))
    counters = pathlib.Path(f"/proc/{process.pid}/io").read_text().split()
    output += process.stdout.read()
    message = process.stderr.read()
  check_exit(command, process.returncode, message)
  return Pipe(output, peak, int(counters[counters.index("rchar:") + 1]))


def _feed(chunks: Iterable, pipe) -> None:
  """Writes chunks to a pipe and closes it; a reader that has gone is for its exit status to tell."""
  try:
    with pipe:
      for chunk in chunks:
        pipe.write(chunk)
  except BrokenPipeError:
    pass


def _gives(pipe, chunks: Iterable) -> bool:
  """Says whether a pipe gives exactly the bytes of the chunks."""
  for chunk in chunks:
    view = memoryview(chunk).cast("B")
    for begin in range(0, len(view), _COPY_BYTES):
      piece = view[begin:begin + _COPY_BYTES]
      if pipe.read(len(piece)) != piece:
        return False
  return pipe.read(1) == b""


def watch_round_trip(there: list[str], back: list[str], sent: Iterable, expected: Iterable) -> tuple[Peak, Peak]:
  """Sends chunks through two commands, joined by a pipe, and returns their peaks.

  Raises CommandFailed unless both succeed and the bytes of `expected` come out.
  """
  with (subprocess.Popen(there, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as first,
        subprocess.Popen(back, stdin=first.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as second):
    first.stdout.close()
    peaks = {first: Peak(), second: Peak()}

    def watch() -> None:
      while any(process.poll() is None for process in peaks):
        for process, peak in peaks.items():
          _note(peak, _status_bytes(process.pid))
        time.sleep(_POLL_SECONDS)

    threads = [threading.Thread(target=_feed, args=(sent, first.stdin)), threading.Thread(target=watch)]
    for thread in threads:
      thread.start()
    is_same = _gives(second.stdout, expected)
    second.stdout.close()
    messages = [process.stderr.read() for process in peaks]
    for thread in threads:
      thread.join()
  for process, message in zip(peaks, messages):
    check_exit(process.args, process.returncode, message)
  if not is_same:
    raise CommandFailed("other bytes came out of the pipes")
  return peaks[first], peaks[second]
