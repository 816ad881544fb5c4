"""The rows of an acceptance table: one line each on stdout, PASS|FAIL|SKIP, row, measured, target, tab-separated.

A row is a function that measures. Whatever it raises makes it a FAIL with the message; Skip makes it a SKIP, and is
only for what a machine may lack: a GPU, CUDA, AVX-512, namespaces.
"""

import argparse
import dataclasses
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable

_LIB = pathlib.Path(__file__).resolve().parents[1] / "lib"
sys.path.insert(0, str(_LIB))

from corpus_sizes import cache_dir  # pylint: disable=wrong-import-position
from plait_command import Plait  # pylint: disable=wrong-import-position


class Skip(Exception):
  """This machine lacks what the row needs; the message says what."""


@dataclasses.dataclass(frozen=True)
class Outcome:
  """What a row found: whether the target is met, and the figures."""
  passed: bool
  measured: str


@dataclasses.dataclass(frozen=True)
class Row:
  """One line of the table; `measure` is called once, in the order of the table."""
  name: str
  target: str
  measure: Callable[[], Outcome]


@dataclasses.dataclass(frozen=True)
class Bench:
  """What rows work with: the program, and an empty folder that is removed afterwards."""
  plait: Plait
  work: pathlib.Path


def log(message: str) -> None:
  """Says something about the progress."""
  print(message, file=sys.stderr, flush=True)


def require(condition: bool, message: str) -> None:
  """Fails the row unless `condition` holds."""
  if not condition:
    raise AssertionError(message)


def _one_line(text: str) -> str:
  return " ".join(text.split())


def measure_row(row: Row) -> tuple[str, str]:
  """Returns the verdict and what was measured."""
  try:
    outcome = row.measure()
  except Skip as reason:
    return "SKIP", str(reason)
  except Exception as error:  # pylint: disable=broad-exception-caught
    kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
    return "FAIL", f"{kind}{error}"
  return "PASS" if outcome.passed else "FAIL", outcome.measured


def run_rows(rows: list[Row], out=sys.stdout) -> int:
  """Measures and prints every row; returns the exit status, 0 only without a FAIL."""
  failed = 0
  for row in rows:
    log(f"-- {row.name}")
    start = time.monotonic()
    verdict, measured = measure_row(row)
    failed += verdict == "FAIL"
    print("\t".join([verdict, *map(_one_line, (row.name, measured, row.target))]), file=out, flush=True)
    log(f"   {verdict} after {time.monotonic() - start:.1f} s")
  log(f"{len(rows)} rows, {failed} failed")
  return 1 if failed else 0


def default_work_parent() -> pathlib.Path:
  """Returns the folder of the corpora's cache: a disk with room, where /tmp may be memory."""
  return cache_dir().parent


def main(description: str, make_rows: Callable[[Bench], list[Row]]) -> int:
  """The command line of an acceptance script."""
  parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--plait", required=True, help="the binary")
  parser.add_argument("--work", help="folder for temporary files (the parent of the corpora)")
  parser.add_argument("--only", default="", metavar="TEXT", help="only rows whose name has this text")
  args = parser.parse_args()
  parent = pathlib.Path(args.work) if args.work else default_work_parent()
  parent.mkdir(parents=True, exist_ok=True)
  with tempfile.TemporaryDirectory(prefix="accept-", dir=parent) as work:
    rows = make_rows(Bench(Plait(args.plait), pathlib.Path(work)))
    chosen = [row for row in rows if args.only in row.name]
    if not chosen:
      sys.exit(f"no row's name has {args.only!r}")
    return run_rows(chosen)
