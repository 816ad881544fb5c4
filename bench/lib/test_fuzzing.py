"""Tests of the rows about fuzzing, without a fuzzer."""

import pathlib
import subprocess
import sys
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "accept"))

import fuzzing  # pylint: disable=wrong-import-position
from rows import Bench  # pylint: disable=wrong-import-position

_BENCH = Bench(plait=None, work=pathlib.Path("/nowhere"))


class Fuzzing(unittest.TestCase):

  def outcome(self, text: str, status: int = 0):
    """Returns what is made of smoke.sh's output, for the fuzzers `a_b` and `c` and 10 executions."""
    run = subprocess.CompletedProcess([], status, stdout=text)
    with mock.patch.object(fuzzing, "build", lambda: ["a_b", "c"]), mock.patch("subprocess.run", return_value=run):
      return fuzzing.fuzz(_BENCH, executions=10)

  def test_executions_are_added_up(self):
    outcome = self.outcome("PASS a_b: 7 runs\nPASS c: 5 runs\n2 fuzzers, 12 runs, 0 failed\n")
    self.assertTrue(outcome.passed)
    self.assertIn("2 fuzzers, 12 executions, 5 or more each", outcome.measured)
    self.assertIn("0 with findings", outcome.measured)

  def test_finding_fails_and_is_named(self):
    outcome = self.outcome("PASS a_b: 7 runs\nFAIL c: 5 runs, see /logs/c.*\n2 fuzzers, 12 runs, 1 failed\n", 1)
    self.assertFalse(outcome.passed)
    self.assertIn("1 with findings (c)", outcome.measured)

  def test_too_few_executions_fail(self):
    self.assertFalse(self.outcome("PASS a_b: 7 runs\nPASS c: 2 runs\n").passed)

  def test_exit_status_counts(self):
    self.assertFalse(self.outcome("PASS a_b: 7 runs\nPASS c: 5 runs\n", 1).passed)

  def test_fuzzer_that_did_not_run_fails(self):
    with self.assertRaisesRegex(AssertionError, "found results of"):
      self.outcome("PASS a_b: 70 runs\n")

  def test_planted_error_that_is_not_found_fails(self):
    run = subprocess.CompletedProcess([], 1, stdout="FAIL planted_c: not found in 9 runs, see /log\n")
    with mock.patch.object(fuzzing, "build"), mock.patch("subprocess.run", return_value=run):
      self.assertFalse(fuzzing.planted(_BENCH).passed)


if __name__ == "__main__":
  unittest.main()
