"""Times whole commands, with a live bar for who watches."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from plait_command import check_exit

_REDRAW_SECONDS = 0.1
_SHARED_MEMORY = pathlib.Path("/dev/shm")


def cores() -> int:
  """Returns the cores that this process may use."""
  return len(os.sched_getaffinity(0))


def fast_folder(num_bytes: int) -> tempfile.TemporaryDirectory:
  """Returns a temporary folder with room for `num_bytes`: in shared memory if that has it, else on disk."""
  roomy = _SHARED_MEMORY.is_dir() and os.access(_SHARED_MEMORY, os.W_OK)
  roomy = roomy and shutil.disk_usage(_SHARED_MEMORY).free > num_bytes + _available_memory() // 4
  parent = _SHARED_MEMORY if roomy and _available_memory() > 2 * num_bytes else pathlib.Path(tempfile.gettempdir())
  if (free := shutil.disk_usage(parent).free) < num_bytes:
    raise OSError(f"{parent}: {free >> 20} MiB free, {num_bytes >> 20} needed; TMPDIR names another folder")
  return tempfile.TemporaryDirectory(prefix="plait-", dir=parent)


def _available_memory() -> int:
  for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
    if line.startswith("MemAvailable:"):
      return int(line.split()[1]) << 10
  return 0


def bytes_read(pid: int) -> int:
  """Returns what a process has read so far."""
  try:
    words = pathlib.Path(f"/proc/{pid}/io").read_text().split()
    return int(words[words.index("rchar:") + 1])
  except (OSError, ValueError):
    return 0


def timed(command: list, total_bytes: int = 0, show: Callable[[float, float], None] | None = None) -> float:
  """Runs a command and returns its seconds, start of the process included; raises CommandFailed if it fails.

  `show`, if given, is called with the share of `total_bytes` read so far and the seconds, a few times a second.
  """
  command = [str(word) for word in command]
  start = time.perf_counter()
  with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
    while show is not None:
      try:
        process.wait(_REDRAW_SECONDS)
        break
      except subprocess.TimeoutExpired:
        show(min(1.0, bytes_read(process.pid) / max(1, total_bytes)), time.perf_counter() - start)
    message = process.stderr.read()
    process.wait()
    seconds = time.perf_counter() - start
  check_exit(command, process.returncode, message)
  return seconds


class Bar:
  """One line that redraws itself on a terminal; elsewhere it is silent."""

  _CELLS = 24

  def __init__(self, label: str, stream=sys.stderr):
    self._label = label
    self._stream = stream
    self._on = stream.isatty()

  def show(self, share: float, seconds: float) -> None:
    if not self._on:
      return
    filled = round(share * self._CELLS)
    line = f"  {self._label:22} [{'=' * filled}{' ' * (self._CELLS - filled)}] {100 * share:3.0f} % {seconds:5.1f} s"
    self._stream.write(f"\r\033[K{line}")
    self._stream.flush()

  def clear(self) -> None:
    if self._on:
      self._stream.write("\r\033[K")
      self._stream.flush()
