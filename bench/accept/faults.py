"""Rows of `breadth` about faults: disk full, I/O errors, kills, closed pipes, sources that change meanwhile.

Faults are injected into every job of fault_jobs.py, at places drawn with a fixed seed. After each: the source is as it
was, no file but a complete one stands under the final name, no temporary file is left (kill -9 excepted), the exit code
is the one that cli.md gives, and the first line on stderr names the source.
"""

import collections
import functools
import itertools
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

from fault_jobs import Call, Job, Jobs, Result, can_mount, has_strace, hashes, signal_name
from rows import Bench, Outcome, Row, Skip, log, require

_SEED = 4
_COUNTS = {
    "disk full, a file system of its own": 60,
    "disk full, injected": 50,
    "file-size limit": 30,
    "I/O error": 100,
    "read-only target": 20,
    "signal at a call": 70,
    "signal at any time": 30,
    "kill -9 at a call": 50,
    "reader closes the pipe": 30,
    "pipe ends early": 20,
    "source changes": 40,
}
_LEAST_FAULTS = 500
_TRIES = 5
_FAILED, _CORRUPT, _SOME_FAILED, _INTERRUPTED = 1, 3, 5, 130

_FULL_ERRORS = ("ENOSPC", "EDQUOT")
_OTHER_ERRORS = {
    "openat": ("EIO", "EMFILE"),
    "renameat2": ("EIO", "EROFS"),
    "rename": ("EIO", "EROFS"),
    "mkdir": ("EIO", "EROFS"),
    "fchmod": ("EIO", "EPERM"),
}
_SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP")

# A fault: runs one trial, raises AssertionError if something is not as it must be, returns the exit code as text.
Fault = Callable[[], str]


# What must hold afterwards.


def require_complete(job: Job, result: Result) -> None:
  require(result.files == job.expected, f"found {sorted(result.files)}, expected the complete result")


def require_failed(job: Job, result: Result, codes: tuple[int, ...] = (_FAILED,)) -> str:
  """Nothing under the final name, or, of a directory, only whole files, each missing one named."""
  require(result.stderr.startswith("plait: "), f"found {result.first_line!r} on stderr, expected a message")
  require(not result.temporaries, f"{result.temporaries} is left")
  if job.is_directory and result.code == _SOME_FAILED:
    wrong = [path for path, digest in result.files.items() if job.expected.get(path) != digest]
    require(not wrong, f"{wrong} differ")
    missing = len(set(job.expected) - set(result.files))
    named = sum(line.startswith(f"plait: {job.source}/") for line in result.stderr.splitlines())
    require(missing == named > 0, f"{missing} files are missing, {named} are named")
    return str(result.code)
  require(result.code in codes, f"exit code: found {signal_name(result.code)}, expected {codes}: {result.first_line}")
  require(not result.files, f"{sorted(result.files)} stands under the final name: {result.first_line}")
  return str(result.code)


def require_interrupted(job: Job, result: Result) -> str:
  """Exit code 130 and nothing, or, when the signal came behind the last step, success and everything."""
  if result.code == 0:
    require_complete(job, result)
    return "0, complete"
  return require_failed(job, result, (_INTERRUPTED,))


def require_killed(jobs: Jobs, job: Job, folder: pathlib.Path, result: Result) -> str:
  """Everything or nothing; and what is left behind is in nobody's way."""
  require(result.code == -signal.SIGKILL, f"exit code: found {result.code}, expected death by SIGKILL")
  if result.files:
    require_complete(job, result)
  again = jobs.run(job, folder, jobs.bench.plait.command(*job.arguments(folder), "-f"))
  require(again.code == 0, f"the run after a kill: exit code {again.code}: {again.first_line}")
  require_complete(job, again)
  return "SIGKILL"


# Faults at a system call.


def injected(jobs: Jobs, job: Job, call: Call, what: str) -> tuple[pathlib.Path, Result]:
  """Runs a job with strace's `what` at one of its calls.

  How often a thread reads or waits differs a little from run to run, so a call may not come: then once more.
  """
  trace = jobs.root / "log"
  command = ["strace", "-f", "-o", str(trace), "-e", f"trace={call.name}", "-e",
             f"inject={call.name}:{what}:when={call.number}"]  # yapf: disable
  marks = {"error": "(INJECTED)", "signal": f"--- {what[7:]} "}
  for _ in range(_TRIES):
    folder = jobs.fresh_folder()
    result = jobs.run(job, folder, command + jobs.bench.plait.command(*job.arguments(folder)))
    if what == "signal=SIGKILL" or marks[what.split("=")[0]] in trace.read_text():
      return folder, result
  raise AssertionError(f"{what} was not injected in {_TRIES} runs")


def fails_at(jobs: Jobs, job: Job, call: Call, error: str) -> str:
  _, result = injected(jobs, job, call, f"error={error}")
  if call.has_another_way and result.code == 0:
    require_complete(job, result)
    return "0, complete"
  return require_failed(job, result)


def interrupted_at(jobs: Jobs, job: Job, call: Call, name: str) -> str:
  return require_interrupted(job, injected(jobs, job, call, f"signal={name}")[1])


def killed_at(jobs: Jobs, job: Job, call: Call) -> str:
  folder, result = injected(jobs, job, call, "signal=SIGKILL")
  return require_killed(jobs, job, folder, result)


def _can_run_full(call: Call) -> bool:
  return call.creates or call.name in ("write", "pwrite64", "mkdir", "fsync")


def at_calls(jobs: Jobs, count: int, chance: random.Random, make) -> Iterator[Fault]:
  """Draws calls of the jobs in turn. `make(job, call)` returns a fault, or None if it has none for this call."""
  if not has_strace():
    raise Skip("no strace")
  calls = {job.name: jobs.calls(job) for job in jobs.all}
  for job in itertools.islice(itertools.cycle(jobs.all), count):
    # Names first: of the few calls that are not reads and writes each matters as much.
    fault = None
    while fault is None:
      name = chance.choice(sorted({call.name for call in calls[job.name]}))
      fault = make(job, chance.choice([call for call in calls[job.name] if call.name == name]))
    yield fault


def injected_full(jobs: Jobs, count: int, chance: random.Random) -> Iterator[Fault]:
  def make(job: Job, call: Call) -> Fault | None:
    return functools.partial(fails_at, jobs, job, call, chance.choice(_FULL_ERRORS)) if _can_run_full(call) else None

  return at_calls(jobs, count, chance, make)


def injected_errors(jobs: Jobs, count: int, chance: random.Random) -> Iterator[Fault]:
  def make(job: Job, call: Call) -> Fault:
    return functools.partial(fails_at, jobs, job, call, chance.choice(_OTHER_ERRORS.get(call.name, ("EIO",))))

  return at_calls(jobs, count, chance, make)


def injected_signals(jobs: Jobs, count: int, chance: random.Random) -> Iterator[Fault]:
  return at_calls(jobs, count, chance, lambda job, call: functools.partial(
      interrupted_at, jobs, job, call, chance.choice(_SIGNALS)))


def injected_kills(jobs: Jobs, count: int, chance: random.Random) -> Iterator[Fault]:
  return at_calls(jobs, count, chance, lambda job, call: functools.partial(killed_at, jobs, job, call))


# Faults of the target.


def mounted(jobs: Jobs, job: Job, options: str) -> Result:
  """Runs a job whose target is a file system of its own, which nobody else sees."""
  folder, listing = jobs.fresh_folder(), jobs.root / "listing"
  script = ('mount -t tmpfs -o "$1" none "$2" || exit 99; folder=$2 listing=$3; shift 3; "$@"; code=$?; '
            'cd "$folder" && find . -type f -exec sha256sum {} + >"$listing"; exit $code')
  command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", options, str(folder), str(listing)]

  def look() -> dict[str, str]:
    lines = (line.split(maxsplit=1) for line in listing.read_text().splitlines())
    return {path.removeprefix("./"): digest for digest, path in lines}

  return jobs.run(job, folder, command + jobs.bench.plait.command(*job.arguments(folder)), look)


def full_file_systems(jobs: Jobs, count: int, chance: random.Random) -> Iterator[Fault]:
  if not can_mount():
    raise Skip("no mounts of our own")

  def fault(job: Job, kib: int) -> str:
    result = mounted(jobs, job, f"size={kib}k")
    require("No space left on device" in result.stderr, f"size={kib}k: found {result.first_line!r}")
    return require_failed(job, result)

  for job in itertools.islice(itertools.cycle(jobs.all), count):
    # Less than the smallest result takes, in whole pages.
    yield functools.partial(fault, job, 4 * chance.randrange(1, 800))


def read_only_targets(jobs: Jobs, count: int, _chance: random.Random) -> Iterator[Fault]:
  if not can_mount():
    raise Skip("no mounts of our own")
  for job in itertools.islice(itertools.cycle(jobs.all), count):
    yield lambda job=job: require_failed(job, mounted(jobs, job, "ro"))


def size_limits(jobs: Jobs, count: int, chance: random.Random) -> Iterator[Fault]:
  def fault(job: Job, limit: int) -> str:
    folder = jobs.fresh_folder()
    limits = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    command = jobs.bench.plait.command(*job.arguments(folder))
    return require_failed(job, jobs.run(job, folder, command, preexec_fn=limits))

  for job in itertools.islice(itertools.cycle(jobs.all), count):
    yield functools.partial(fault, job, chance.randrange(3_500_000))


# Signals while it runs with two threads.


def interrupted_while(jobs: Jobs, job: Job, seconds: float, number: int) -> str:
  """Sends the signal so long after the temporary file has appeared."""
  folder = jobs.fresh_folder()
  words = ["-T2" if word == "-T1" else word for word in job.arguments(folder)]
  with jobs.started(job, jobs.bench.plait.command(*words)) as process:
    while process.poll() is None and not os.listdir(folder):
      time.sleep(0.0002)
    time.sleep(seconds)
    process.send_signal(number)
    stderr = process.stderr.read()
  result = jobs.result(folder, process.returncode, stderr)
  if result.code == -signal.SIGKILL:
    return require_killed(jobs, job, folder, result)
  return require_interrupted(job, result)


def signals(jobs: Jobs, count: int, chance: random.Random) -> Iterator[Fault]:
  for job in itertools.islice(itertools.cycle(jobs.all), count):
    number = chance.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL))
    yield functools.partial(interrupted_while, jobs, job, chance.uniform(0, 0.02), number)


# Pipes.


def closed_pipes(jobs: Jobs, count: int, chance: random.Random) -> Iterator[Fault]:
  """The reader of stdout takes some bytes and closes."""
  sources = jobs.root / "sources"
  writers = [("decompress", "-c", sources / "c.plait"), ("decompress", "-c", sources / "stream"),
             ("compress", "-c", sources / "model.safetensors"), ("cat", sources / "c.plait", "layer.0.weight")]

  def fault(words: tuple, taken: int) -> str:
    command = jobs.bench.plait.command(*words)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
      process.stdout.read(taken)
      process.stdout.close()
      message = process.stderr.read().decode()
    require(process.returncode == _FAILED, f"{words[:2]}: exit code: found {process.returncode}, expected {_FAILED}")
    require(message.startswith("plait: ") and "Broken pipe" in message, f"{words[:2]}: found {message!r}")
    return str(process.returncode)

  for words in itertools.islice(itertools.cycle(writers), count):
    yield functools.partial(fault, words, chance.randrange(1_000_000))


def ended_pipes(jobs: Jobs, count: int, chance: random.Random) -> Iterator[Fault]:
  """The writer of a frame stream ends early."""
  stream = jobs.root / "sources" / "stream"
  job = next(job for job in jobs.all if job.is_piped and job.source == stream)
  size = stream.stat().st_size

  def fault(taken: int) -> str:
    folder = jobs.fresh_folder()
    command = jobs.bench.plait.command(*job.arguments(folder))
    with subprocess.Popen(["head", "-c", str(taken), stream], stdout=subprocess.PIPE) as head:
      done = subprocess.run(command, stdin=head.stdout, capture_output=True, check=False)
    result = jobs.result(folder, done.returncode, done.stderr)
    # Less than the magic is no Plait file.
    return require_failed(job, result, (_CORRUPT,) if taken >= 64 else (_CORRUPT, 4))

  for _ in range(count):
    yield functools.partial(fault, chance.randrange(size))


# Sources that change.


def _grow(path: pathlib.Path) -> None:
  with open(path, "ab") as file:
    file.write(b"more")


def _shrink(path: pathlib.Path) -> None:
  os.truncate(path, path.stat().st_size // 3)


def _rewrite(path: pathlib.Path) -> None:
  with open(path, "r+b") as file:
    file.seek(-1000, os.SEEK_END)
    file.write(bytes(100))


_CHANGES = {"grows": _grow, "shrinks": _shrink, "is rewritten": _rewrite, "vanishes": pathlib.Path.unlink}


def stop_in_the_middle(process: subprocess.Popen, folder: pathlib.Path) -> bool:
  """Stops a process while its temporary file is there; False if it was too fast."""
  while process.poll() is None and not os.listdir(folder):
    time.sleep(0.0002)
  process.send_signal(signal.SIGSTOP)
  return process.poll() is None and all(name.startswith(".") for name in os.listdir(folder))


def changed_while_read(jobs: Jobs, job: Job, change: str) -> str:
  """Changes a copy of the source after the job has opened it, while the job is stopped."""
  for _ in range(20):
    folder, copy = jobs.fresh_folder(), jobs.root / "copy"
    shutil.copyfile(job.source, copy)
    command = jobs.bench.plait.command(*job.arguments(folder, copy))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
      in_the_middle = stop_in_the_middle(process, folder)
      if in_the_middle:
        _CHANGES[change](copy)
      process.send_signal(signal.SIGCONT)
      stderr = process.stderr.read()
    if in_the_middle:
      break
  else:
    raise AssertionError("20 times over before it could be stopped")
  result = jobs.result(folder, process.returncode, stderr)
  must_notice = job.words[0] == "compress" and change != "vanishes"
  if result.code == 0 and not must_notice:
    require_complete(job, result)
    return "0, complete"
  return require_failed(job, result, (_FAILED, _CORRUPT))


def vanished_before(jobs: Jobs, job: Job) -> str:
  folder = jobs.fresh_folder()
  command = jobs.bench.plait.command(*job.arguments(folder, jobs.root / "missing"))
  return require_failed(job, jobs.run(job, folder, command))


def changing_sources(jobs: Jobs, count: int, chance: random.Random) -> Iterator[Fault]:
  on_files = [job for job in jobs.all if not job.is_directory and not job.is_piped]
  for i in range(count):
    job = on_files[i % len(on_files)]
    change = chance.choice([*_CHANGES, "is missing"])
    if change == "is missing":
      yield functools.partial(vanished_before, jobs, job)
    else:
      yield functools.partial(changed_while_read, jobs, job, change)


_MAKERS = {
    "disk full, a file system of its own": full_file_systems,
    "disk full, injected": injected_full,
    "file-size limit": size_limits,
    "I/O error": injected_errors,
    "read-only target": read_only_targets,
    "signal at a call": injected_signals,
    "signal at any time": signals,
    "kill -9 at a call": injected_kills,
    "reader closes the pipe": closed_pipes,
    "pipe ends early": ended_pipes,
    "source changes": changing_sources,
}


class Faults:
  """Runs the faults of each kind and counts those that were as they must be."""

  def __init__(self, bench: Bench):
    self._bench = bench
    self._passed = collections.Counter()

  @functools.cached_property
  def _jobs(self) -> Jobs:
    return Jobs(self._bench)

  def measure(self, kind: str) -> Outcome:
    codes, failures = collections.Counter(), []
    for i, fault in enumerate(_MAKERS[kind](self._jobs, _COUNTS[kind], random.Random(f"{_SEED} {kind}"))):
      try:
        codes[fault()] += 1
        self._jobs.require_sources()
      except AssertionError as error:
        failures.append(f"{kind} {i}: {error}")
        log(f"   {failures[-1]}")
    self._passed[kind] = _COUNTS[kind] - len(failures)
    text = ", ".join(f"exit {code}: {number}" for code, number in sorted(codes.items()))
    return Outcome(not failures, f"{_COUNTS[kind]} faults, {len(failures)} wrong ({text}) {'; '.join(failures[:2])}")

  def total(self) -> Outcome:
    passed = self._passed.total()
    return Outcome(passed >= _LEAST_FAULTS, f"{passed} faults of {len(_COUNTS)} kinds were as they must be")


def make_rows(bench: Bench) -> list[Row]:
  faults = Faults(bench)
  target = "source intact, no final file, right exit code"
  made = [Row(f"faults: {kind}", f"{count}: {target}", functools.partial(faults.measure, kind))
          for kind, count in _COUNTS.items()]  # yapf: disable
  return [*made, Row("faults: total", f">= {_LEAST_FAULTS} injected", faults.total)]
