"""Rows of `gpu` about its tests: bugs planted in copies of the shipped kernels, and mutations of their lines.

Needs the target gpu_tests. The second row draws a sample, which fits some minutes; bench/gpu/MUTATIONS.md has a longer
run.
"""

import functools
import pathlib
import sys

from rows import Bench, Outcome, Row, log, require

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "gpu"))

import mutations  # pylint: disable=wrong-import-position
import planted  # pylint: disable=wrong-import-position
from test_programs import TestPrograms  # pylint: disable=wrong-import-position

_LEAST_PERCENT_KILLED = 95
_SEED = 1
_SAMPLE = 200  # some 5 minutes on 2 cores


def planted_bugs(bench: Bench) -> Outcome:
  """Each must be caught, where the list says so by the fault that it is."""
  bugs = planted.read_bugs()
  missing = planted.kernels_without(bugs)
  require(not missing, f"no planted bug in {missing}")
  programs = TestPrograms(mutations.DEFAULT_BUILD, bench.work / "planted")
  complaints = planted.judge_all(bugs, programs, mutations.default_jobs())
  caught = len(bugs) - len(complaints)
  return Outcome(not complaints, f"{caught} of {len(bugs)}: {planted.summary(bugs)}{''.join(complaints)}")


def mutated(bench: Bench) -> Outcome:
  """A sample of all mutations of all lines; what survives without a reason is named."""
  programs = TestPrograms(mutations.DEFAULT_BUILD, bench.work / "mutations")
  results = mutations.judge_sample(programs, bench.work / "verdicts.jsonl", _SEED, 0, _SAMPLE)
  for line in mutations.survivors(results):
    log(line)
  killed, counted = mutations.killed_share(results)
  require(counted > 0, "no mutant was run")
  equivalent = sum(result.verdict == "equivalent" for result in results)
  return Outcome(100 * killed >= _LEAST_PERCENT_KILLED * counted,
                 f"{killed} of {counted} ({100 * killed / counted:.1f} %), {equivalent} more equivalent with reasons; "
                 f"drawn {len(results)} of {len(mutations.all_mutants())}, seed {_SEED}")


def make_rows(bench: Bench) -> list[Row]:
  return [
      Row("planted bugs, in copies of the shipped kernels", "all caught", functools.partial(planted_bugs, bench)),
      Row("mutations of every kernel line, a sample", f">= {_LEAST_PERCENT_KILLED} % turn the tests red",
          functools.partial(mutated, bench)),
  ]
