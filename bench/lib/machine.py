"""Says what was measured on: machine, compiler, programs."""

import os
import pathlib
import re
import subprocess
import time

import race
from plait_command import Plait

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def _first_line(command: list) -> str:
  done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
  return (done.stdout.strip().splitlines() or ["unknown"])[0]


def _field(path: str, name: str) -> str:
  """Returns the value of the first line "name : value"."""
  found = re.search(rf"^{re.escape(name)}\s*:\s*(.+)$", pathlib.Path(path).read_text(), re.MULTILINE)
  return found.group(1).strip() if found else "unknown"


def cpu() -> str:
  model, family, number = (_field("/proc/cpuinfo", name) for name in ("model name", "cpu family", "model"))
  return f"{model} (family {family}, model {number}), {race.cores()} cores"


def memory() -> str:
  kib = int(_field("/proc/meminfo", "MemTotal").split()[0])
  return f"{kib / (1 << 20):.0f} GiB"


def best_variant(plait: Plait) -> str:
  """Returns the best CPU variant that plait runs here."""
  return next((name for name in ("avx512", "avx2") if plait.has_cpu(name)), "scalar")


def _cache_entry(cache: str, name: str) -> str:
  found = re.search(rf"^{name}:\w+=(.*)$", cache, re.MULTILINE)
  return found.group(1) if found else ""


def compiler(plait: Plait) -> str:
  """Returns the compiler and its flags, from the build folder that the binary lies in."""
  for folder in pathlib.Path(plait.path).parents:
    if (folder / "CMakeCache.txt").is_file():
      cache = (folder / "CMakeCache.txt").read_text()
      kind = _cache_entry(cache, "CMAKE_BUILD_TYPE")
      flags = _cache_entry(cache, f"CMAKE_CXX_FLAGS_{kind.upper()}")
      return f"{_first_line([_cache_entry(cache, 'CMAKE_CXX_COMPILER'), '--version'])}, {flags}"
  return "unknown: the binary lies in no build folder"


class OthersMeter:
  """How many cores processes that are not ours kept busy, on average, since this was made."""

  def __init__(self):
    self._start = self._seconds()

  @staticmethod
  def _seconds() -> tuple[float, float]:
    """Returns the time, and the CPU seconds that others have used."""
    user, nice, system, _, _, irq, softirq = (int(word) for word in _stat_words()[1:8])
    busy = (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
    own = os.times()
    return time.monotonic(), busy - own.user - own.system - own.children_user - own.children_system

  def cores(self) -> float:
    now, others = self._seconds()
    return max(0.0, others - self._start[1]) / max(1e-9, now - self._start[0])


def _stat_words() -> list[str]:
  return pathlib.Path("/proc/stat").read_text().splitlines()[0].split()


def facts(plait: Plait) -> list[tuple[str, str]]:
  """Returns (what, value) lines."""
  revision = _first_line(["git", "-C", str(_REPOSITORY), "describe", "--always", "--dirty", "--abbrev=12"])
  return [
      ("day", time.strftime("%Y-%m-%d", time.gmtime())),
      ("machine", f"{cpu()}, {memory()} of memory, Linux {os.uname().release}"),
      ("compiler", compiler(plait)),
      ("plait", f"{_first_line([plait.path, '--version'])}, commit {revision}, variant {best_variant(plait)}"),
      ("zstd", _first_line(["zstd", "--version"]).strip("* ")),
  ]
