"""Test programs with changed copies of kernel headers: built apart from the tree, against the objects of its build.

Needs a build folder in which the target `gpu_tests` is up to date. Its commands say how tests are compiled and linked;
a precompiled header has all that a test includes but kernels. A changed header stands before the tree's own in the
include path, and only tests that include it are built and run, the cheapest first.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import re
import resource
import shlex
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNELS = "gpu/kernels"
_INCLUDE = re.compile(r'^\s*#include\s+(?:"([^"]+)"|(<[^>]+>))', re.MULTILINE)
_OPTIONS = ("-Og", "-w")  # of the levels, what takes least to compile and run
_LEAST_CPU_SECONDS = 10
_TIMES_CPU_SECONDS = 5  # what a test may take beside the unchanged one
_WALL_SECONDS = 300  # more than any test takes on a busy machine
_TAIL = 4000


@dataclasses.dataclass(frozen=True)
class Verdict:
  """What became of a changed copy: "killed", "survived", "does not compile" or "same code"."""
  verdict: str
  test: str = ""  # the source that ended the run
  output: str = ""  # the end of what it said


@dataclasses.dataclass(frozen=True)
class _Unit:
  """A source of the test program, and what it takes from the tree."""
  source: str
  closure: frozenset[str]


def closure(path: str) -> frozenset[str]:
  """Returns a file of the tree and all of the tree that it includes."""
  found, left = set(), [path]
  while left:
    name = left.pop()
    if name in found or not (ROOT / name).is_file():
      continue
    found.add(name)
    left += [quoted for quoted, _ in _INCLUDE.findall((ROOT / name).read_text()) if quoted]
  return frozenset(found)


def kernel_headers() -> list[str]:
  """Returns the headers of kernels, as paths in the tree."""
  return sorted(f"{KERNELS}/{path.name}" for path in (ROOT / KERNELS).glob("*.h"))


def _has_kernels(files: frozenset[str]) -> bool:
  return any(name.startswith(f"{KERNELS}/") for name in files)


def _limits(cpu_seconds: int):
  return lambda: resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))


def _run(command: list[str], cwd: pathlib.Path, cpu_seconds: int | None = None) -> tuple[int, str]:
  """Returns exit status and output; a program that takes too long has ended by a signal."""
  try:
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          check=False, timeout=_WALL_SECONDS,
                          preexec_fn=_limits(cpu_seconds) if cpu_seconds else None)  # yapf: disable
  except subprocess.TimeoutExpired:
    return -1, "timed out"
  return done.returncode, done.stdout


def _checked(command: list[str], cwd: pathlib.Path) -> str:
  status, output = _run(command, cwd)
  if status != 0:
    raise RuntimeError(f"{shlex.join(command)[:200]}: exit status {status}\n{output[-_TAIL:]}")
  return output


class TestPrograms:
  """Builds and runs what tests kernels. Methods may be called from several threads."""

  def __init__(self, build: pathlib.Path, work: pathlib.Path):
    self._work = work
    self._work.mkdir(parents=True, exist_ok=True)
    entries = json.loads((build / "compile_commands.json").read_text())
    self._commands = {
        str(pathlib.Path(entry["file"]).relative_to(ROOT)): entry["command"]
        for entry in entries if pathlib.Path(entry["file"]).is_relative_to(ROOT)
    }
    sources = [source for source in self._commands if _has_kernels(closure(source))]
    self._tests = [_Unit(source, closure(source)) for source in sources if re.match(r"tests/gpu/.*_test\.cc", source)]
    # Of libraries: linked before those, so that the library's own object is not.
    self._libraries = [_Unit(source, closure(source)) for source in sources if source.startswith("gpu/")]
    if not self._tests:
      raise RuntimeError(f"{build}: found no tests of kernels, expected a configured build with tests")
    self._link = self._link_words(build)
    self._compile = self._compile_words()
    self._cpu_seconds: dict[str, float] = {}
    self._good_objects: dict[str, str] = {}  # hash, by source
    self._lock = threading.Lock()
    self._number = 0
    self._precompile()
    self._measure()

  def digest(self, header: str, killer: str = "") -> str:
    """Changes when a kernel, the executor's headers or the tests that a verdict rests on do: all of `header`, or one."""
    units = [unit for unit in self._tests if header in unit.closure and killer in ("", unit.source)]
    files = frozenset().union(*(unit.closure for unit in units + self._libraries))
    text = "".join(f"{name}\n{(ROOT / name).read_text()}" for name in sorted(files))
    return hashlib.sha256(text.encode()).hexdigest()[:16]

  def _link_words(self, build: pathlib.Path) -> list[str]:
    """Libraries, as the build links gpu_tests with them."""
    command = _checked(["ninja", "-C", str(build), "-t", "commands", "gpu_tests"], ROOT).splitlines()[-1]
    words = shlex.split(command)
    names = [word for word in words[words.index("-o") + 2:] if word not in ("&&", ":")]
    return [str(build / name) if name.endswith(".a") and not name.startswith("/") else name for name in names]

  def _compile_words(self) -> list[str]:
    words = shlex.split(self._commands[self._tests[0].source])
    kept = [word for word in words if word.startswith(("-D", "-I", "-std="))]
    compiler = next(word for word in words if "ccache" not in word)
    return [compiler, *_OPTIONS, f"-I{self._work}", *kept]

  def _precompile(self) -> None:
    included = {}
    for unit in self._tests + self._libraries:
      for name in sorted(unit.closure):
        if _has_kernels(closure(name)):
          included.update({match[0] or match[1]: None for match in _INCLUDE.findall((ROOT / name).read_text())})
    names = sorted(name for name in included if not _has_kernels(closure(name)) and not name.startswith("tests/gpu/"))
    lines = [f'#include {name if name.startswith("<") else chr(34) + name + chr(34)}\n' for name in names]
    header = self._work / "all.h"
    header.write_text("#include <gmock/gmock.h>\n#include <gtest/gtest.h>\n#include <absl/status/statusor.h>\n"
                      "#include <algorithm>\n#include <functional>\n#include <string>\n#include <vector>\n" + "".join(lines))
    _checked([*self._compile, "-x", "c++-header", str(header), "-o", f"{header}.gch"], ROOT)

  def _measure(self) -> None:
    """Unchanged programs must pass; what they take is the measure of the others, and their order."""
    for unit in self._libraries:
      self._good_objects[unit.source] = self._hash(self._object(unit.source, self._work / "good", []))
    costs = {}
    for unit in self._tests:
      start = time.monotonic()
      self._good_objects[unit.source] = self._hash(self._object(unit.source, self._work / "good", []))
      compiled = time.monotonic() - start
      program = self._program(unit, self._work / "good", {})
      before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
      _checked([str(program)], ROOT)
      self._cpu_seconds[unit.source] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
      costs[unit.source] = compiled + self._cpu_seconds[unit.source]
    self._tests.sort(key=lambda unit: costs[unit.source])

  @staticmethod
  def _hash(path: pathlib.Path | None) -> str:
    if path is None:
      raise RuntimeError("an unchanged source does not compile")
    return hashlib.sha256(path.read_bytes()).hexdigest()

  def _object(self, source: str, folder: pathlib.Path, include: list[str]) -> pathlib.Path | None:
    """None if it does not compile."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / (source.replace("/", "_") + ".o")
    command = [*self._compile[:1], *include, *self._compile[1:], "-include", "all.h", "-c", str(ROOT / source), "-o", str(made)]
    status, _ = _run(command, ROOT)
    return made if status == 0 else None

  def _program(self, unit: _Unit, folder: pathlib.Path, libraries: dict[str, pathlib.Path]) -> pathlib.Path:
    made = folder / (pathlib.PurePath(unit.source).stem)
    objects = [str(folder / (unit.source.replace("/", "_") + ".o")), *map(str, libraries.values())]
    _checked([self._compile[0], *_fast_linker(), *objects, "-o", str(made), *self._link], ROOT)
    return made

  def _folder(self) -> pathlib.Path:
    with self._lock:
      self._number += 1
      return self._work / f"copy{self._number}"

  def judge(self, header: str, text: str) -> Verdict:
    """Runs the tests that include `header` with `text` in its place, up to the first that fails."""
    folder = self._folder()
    try:
      return self._judge(header, text, folder)
    finally:
      subprocess.run(["rm", "-rf", str(folder)], check=True)

  def _judge(self, header: str, text: str, folder: pathlib.Path) -> Verdict:
    copy = folder / "include" / header
    copy.parent.mkdir(parents=True)
    copy.write_text(text)
    include = [f"-I{folder / 'include'}", f"-ffile-prefix-map={folder / 'include'}={ROOT}"]
    libraries, changed = {}, False
    for unit in self._libraries:
      if header in unit.closure:
        libraries[unit.source] = self._object(unit.source, folder, include)
        if libraries[unit.source] is None:
          return Verdict("does not compile", unit.source)
        changed |= self._hash(libraries[unit.source]) != self._good_objects[unit.source]
    tests = [unit for unit in self._tests if header in unit.closure]
    if not tests:
      return Verdict("survived", "", f"no test includes {header}")
    for unit in tests:
      made = self._object(unit.source, folder, include)
      if made is None:
        return Verdict("does not compile", unit.source)
      differs = self._hash(made) != self._good_objects[unit.source]
      if not differs and not changed:
        continue
      changed = True
      program = self._program(unit, folder, libraries)
      limit = int(max(_LEAST_CPU_SECONDS, _TIMES_CPU_SECONDS * self._cpu_seconds[unit.source])) + 1
      status, output = _run([str(program), "--gtest_fail_fast", "--gtest_brief=1"], folder, limit)
      if status != 0:
        return Verdict("killed", unit.source, f"exit status {status}\n{output[-_TAIL:]}")
    return Verdict("survived" if changed else "same code")


def _fast_linker() -> list[str]:
  return ["-fuse-ld=lld"] if any((pathlib.Path(folder) / "ld.lld").exists() for folder in os.get_exec_path()) else []
