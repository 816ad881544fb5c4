"""The row of `breadth` about messages: the table of mistakes that tests/cli keeps, each run as a user makes it."""

import pathlib
import re
import subprocess
import sys

from rows import Bench, Outcome, Row, require

_CLI_TESTS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "cli"
_TABLE = _CLI_TESTS / "cases" / "mistakes.test"
_LEAST = 30


def mistakes(bench: Bench) -> Outcome:
  """Runs the table: the exit code and every line of every message are as it says."""
  command = [sys.executable, _CLI_TESTS / "run.py", "--plait", bench.plait.path, _TABLE.stem]
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  require(done.returncode == 0, f"{_TABLE.name}: {done.stdout[:500]} {done.stderr[:500]}")
  count = len(re.findall(r"^= [1-9]", _TABLE.read_text(), re.MULTILINE))
  text = f"{count} mistakes, each with the message and exit code of tests/cli/cases/{_TABLE.name}"
  return Outcome(count >= _LEAST, text)


def make_rows(bench: Bench) -> list[Row]:
  return [Row("messages", f">= {_LEAST} mistakes, each message as the table says", lambda: mistakes(bench))]
