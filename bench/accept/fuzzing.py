#!/usr/bin/env python3
"""What "every parser and decoder is fuzzed" promises, measured: one line a row on stdout (see rows.py).

Builds the fuzzers (clang, AddressSanitizer and UBSan). Takes some 10 minutes on 2 cores.
"""

import os
import pathlib
import re
import subprocess
import sys
import time

import rows
from rows import Bench, Outcome, Row, log, require

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_FOLDER = _REPOSITORY / "tests" / "fuzz"
_PRESET = "fuzz"
_BUILD = _REPOSITORY / "build" / _PRESET
_EXECUTIONS = 10**7
_RESULT = re.compile(r"(PASS|FAIL) (\w+): (\d+) runs.*")


def jobs() -> int:
  """Returns how many processes run at a time."""
  return int(os.environ.get("PLAIT_JOBS") or os.cpu_count() or 1)


def build() -> list[str]:
  """Builds what is fuzzed and returns the fuzzers' names."""
  for command in (["cmake", "--preset", _PRESET],
                  ["cmake", "--build", str(_BUILD), "-j", str(jobs()), "--target", "fuzzers"]):
    subprocess.run(command, cwd=_REPOSITORY, stdout=sys.stderr, check=True)
  return sorted(path.name.removeprefix("fuzz_") for path in (_BUILD / "tests" / "fuzz").glob("fuzz_*"))


def parse_results(text: str) -> dict[str, tuple[bool, int]]:
  """Returns, by fuzzer, what smoke.sh says: whether nothing was found, and the number of executions."""
  matches = filter(None, map(_RESULT.fullmatch, text.splitlines()))
  return {name: (verdict == "PASS", int(runs)) for verdict, name, runs in map(re.Match.groups, matches)}


def fuzz(bench: Bench, executions: int = _EXECUTIONS) -> Outcome:
  """Every fuzzer does its equal share of `executions`, from its seeds, in shards over the cores."""
  names = build()
  require(bool(names), "found no fuzzers")
  share = -(-executions // len(names))
  start = time.monotonic()
  smoke = subprocess.run([_FOLDER / "smoke.sh", _BUILD, str(jobs()), f"-runs={share}", bench.work / "fuzz-corpus"],
                         stdout=subprocess.PIPE, text=True, check=False)  # yapf: disable
  log(smoke.stdout.rstrip())
  results = parse_results(smoke.stdout)
  require(sorted(results) == names, f"found results of {sorted(results)}, expected {names}")
  failed = [name for name, (passed, _) in results.items() if not passed]
  runs = [runs for _, runs in results.values()]
  found = f" ({', '.join(failed)})" if failed else ""
  measured = (f"{len(names)} fuzzers, {sum(runs)} executions, {min(runs)} or more each, in "
              f"{time.monotonic() - start:.0f} s, {len(failed)} with findings{found}")
  return Outcome(smoke.returncode == 0 and not failed and sum(runs) >= executions, measured)


def planted(_: Bench) -> Outcome:
  """Fuzzers of decoders with an over-read planted in them find it."""
  build()
  run = subprocess.run([_FOLDER / "planted.sh", _BUILD], stdout=subprocess.PIPE, text=True, check=False)
  require(bool(run.stdout), "found no planted over-read")
  return Outcome(run.returncode == 0, "; ".join(run.stdout.splitlines()))


def make_rows(bench: Bench) -> list[Row]:
  return [
      Row("fuzzing", f">= {_EXECUTIONS} executions of every parser and decoder under ASan+UBSan, 0 findings",
          lambda: fuzz(bench)),
      Row("planted over-read", "found, from the seeds", lambda: planted(bench)),
  ]  # yapf: disable


if __name__ == "__main__":
  sys.exit(rows.main(__doc__, make_rows))
