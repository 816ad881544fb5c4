"""Test programs with changed copies of kernel headers: built apart from the tree, against the objects of its build.

Needs a build folder in which the target `gpu_tests` is up to date. Its commands say how tests are compiled and linked;
a precompiled header has all that a test includes but kernels. A changed header stands before the tree's own in the
include path; only what includes it is compiled anew, and only tests of that run, those that link least first.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import re
import resource
import shlex
import shutil
import subprocess
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNELS = "gpu/kernels"
_INCLUDE = re.compile(r'^\s*#include\s+(?:"([^"]+)"|(<[^>]+>))', re.MULTILINE)
_OPTIONS = ("-Og", "-w")  # of the levels, what takes least to compile and run
_CPU_SECONDS = 60  # many times what the slowest test takes: an endless loop ends here
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

  @property
  def header(self) -> str:
    return self.source.removesuffix(".cc") + ".h"


@dataclasses.dataclass(frozen=True)
class _Test:
  """A source with tests, and those that it links with: whose headers it or they include; of tests/gpu, all helpers."""
  unit: _Unit
  needs: tuple[_Unit, ...]

  @property
  def units(self) -> tuple[_Unit, ...]:
    return self.unit, *self.needs

  def uses(self, header: str) -> bool:
    return any(header in unit.closure for unit in self.units)


def _needs(test: _Unit, units: list[_Unit]) -> tuple[_Unit, ...]:
  needed, included = [], test.closure
  while True:
    more = [unit for unit in units if unit not in needed and
            (unit.header in included or unit.source.startswith("tests/gpu/") and _has_helpers(included))]  # yapf: disable
    if not more:
      return tuple(needed)
    needed += more
    included = included.union(*(unit.closure for unit in more))


def _has_helpers(files: frozenset[str]) -> bool:
  return any(name.startswith("tests/gpu/") and name.endswith(".h") for name in files)


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
    self._link = self._link_words(build)
    entries = json.loads((build / "compile_commands.json").read_text())
    self._commands = {
        str(pathlib.Path(entry["file"]).relative_to(ROOT)): shlex.split(entry["command"])
        for entry in entries if _in_gpu_tests(entry)
    }
    units = [_Unit(source, closure(source)) for source in self._commands]
    tests = [unit for unit in units if unit.source.endswith("_test.cc")]
    others = [unit for unit in units if unit not in tests]
    self._tests = sorted((_Test(unit, _needs(unit, others)) for unit in tests), key=lambda test: len(test.needs))
    self._build = build
    self._compile = self._compile_words()
    self._good_hashes: dict[str, str] = {}
    self._lock = threading.Lock()
    self._precompile(units)
    _checked([str(build / "tests/gpu/gpu_tests"), "--gtest_brief=1"], ROOT)

  def _related(self, header: str) -> list[_Test]:
    return [test for test in self._tests if test.uses(header)]

  def digest(self, header: str, killer: str = "") -> str:
    """Changes when a kernel, the executor's headers or the tests that a verdict rests on do: all of `header`, or one."""
    units = [unit for test in self._related(header) if killer in ("", test.unit.source) for unit in test.units]
    files = frozenset().union(*(unit.closure for unit in units))
    text = "".join(f"{name}\n{(ROOT / name).read_text()}" for name in sorted(files))
    return hashlib.sha256(text.encode()).hexdigest()[:16]

  def _link_words(self, build: pathlib.Path) -> list[str]:
    """Libraries, as the build links gpu_tests with them."""
    command = _checked(["ninja", "-C", str(build), "-t", "commands", "gpu_tests"], ROOT).splitlines()[-1]
    words = shlex.split(command)
    names = [word for word in words[words.index("-o") + 2:] if word not in ("&&", ":")]
    return [str(build / name) if name.endswith(".a") and not name.startswith("/") else name for name in names]

  def _compile_words(self) -> list[str]:
    words = self._commands[self._tests[0].unit.source]
    options = {word: None for command in self._commands.values() for word in command if word.startswith(("-D", "-I", "-std="))}
    compiler = next(word for word in words if "ccache" not in word)
    return [compiler, *_OPTIONS, f"-I{self._work}", *options]

  def _precompile(self, units: list[_Unit]) -> None:
    included = {}
    for name in sorted(frozenset().union(*(unit.closure for unit in units))):
      if _has_kernels(closure(name)):
        included.update({match[0] or match[1]: None for match in _INCLUDE.findall((ROOT / name).read_text())})
    names = sorted(name for name in included
                   if (name.startswith("<") or name.endswith(".h")) and not _has_kernels(closure(name)) and
                   not name.startswith("tests/gpu/"))  # yapf: disable
    lines = [f'#include {name if name.startswith("<") else chr(34) + name + chr(34)}\n' for name in names]
    header = self._work / "all.h"
    header.write_text("#include <gmock/gmock.h>\n#include <gtest/gtest.h>\n#include <absl/status/statusor.h>\n"
                      "#include <algorithm>\n#include <functional>\n#include <string>\n#include <vector>\n" + "".join(lines))
    _checked([*self._compile, "-x", "c++-header", str(header), "-o", f"{header}.gch"], ROOT)

  def _object(self, source: str, folder: pathlib.Path, include: list[str]) -> pathlib.Path | None:
    """None if it does not compile."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / (source.replace("/", "_") + ".o")
    if made.exists():
      return made
    command = [*self._compile[:1], *include, *self._compile[1:], "-include", "all.h", "-c", str(ROOT / source), "-o", str(made)]
    status, _ = _run(command, ROOT)
    return made if status == 0 else None

  def _is_unchanged(self, source: str, made: pathlib.Path) -> bool:
    """Whether an object is what the unchanged tree gives."""
    with self._lock:
      if source not in self._good_hashes:
        good = self._object(source, self._work / "good", [])
        if good is None:
          raise RuntimeError(f"{source}: does not compile unchanged")
        self._good_hashes[source] = hashlib.sha256(good.read_bytes()).hexdigest()
        good.unlink()
    return hashlib.sha256(made.read_bytes()).hexdigest() == self._good_hashes[source]

  def judge(self, header: str, text: str) -> Verdict:
    """Runs the tests that `header` takes part in with `text` in its place, up to the first that fails."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="copy-", dir=self._work))
    try:
      return self._judge(header, text, folder)
    finally:
      shutil.rmtree(folder, ignore_errors=True)

  def _judge(self, header: str, text: str, folder: pathlib.Path) -> Verdict:
    copy = folder / "include" / header
    copy.parent.mkdir(parents=True)
    copy.write_text(text)
    include = [f"-I{folder / 'include'}", f"-ffile-prefix-map={folder / 'include'}={ROOT}"]
    ran = False
    for test in self._related(header):
      objects, changed = [], False
      for unit in test.units:
        if header in unit.closure:
          made = self._object(unit.source, folder, include)
          if made is None:
            return Verdict("does not compile", unit.source)
          changed |= not self._is_unchanged(unit.source, made)
          objects.append(made)
        elif unit.source.startswith("tests/"):
          objects.append(self._built_object(unit.source))
      if not changed:
        continue
      ran = True
      program = folder / pathlib.PurePath(test.unit.source).stem
      # A constant that is part of a function's type gives the function another name, which nothing else calls.
      linked, _ = _run([self._compile[0], *_fast_linker(), *map(str, objects), "-o", str(program), *self._link], ROOT)
      if linked != 0:
        return Verdict("does not compile", test.unit.source)
      status, output = _run([str(program), "--gtest_fail_fast", "--gtest_brief=1"], folder, _CPU_SECONDS)
      if status != 0:
        return Verdict("killed", test.unit.source, f"exit status {status}\n{output[-_TAIL:]}")
    return Verdict("survived" if ran else "same code")

  def _built_object(self, source: str) -> pathlib.Path:
    """Of the build: what is of a library comes with that."""
    words = self._commands[source]
    return self._build / words[words.index("-o") + 1]


def _in_gpu_tests(entry: dict) -> bool:
  """Whether a compiled file of the tree is of the GPU tests, but for what only devices run."""
  path = pathlib.Path(entry["file"])
  if not path.is_relative_to(ROOT):
    return False
  return path.is_relative_to(ROOT / "gpu") or "-o tests/gpu/CMakeFiles/gpu_tests.dir/" in entry["command"]


def _fast_linker() -> list[str]:
  return ["-fuse-ld=lld"] if any((pathlib.Path(folder) / "ld.lld").exists() for folder in os.get_exec_path()) else []
