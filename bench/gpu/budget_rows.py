"""The budget of each GPU kernel as rows of an acceptance table (bench/accept/rows.py), for bench/accept/gpu.py."""

import functools
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "accept"))

import sass_counts  # pylint: disable=wrong-import-position
from rows import Outcome, Row, Skip  # pylint: disable=wrong-import-position


def _measure(name: str, arch: str, tables: dict, budgets: dict) -> Outcome:
  verdict, text, _ = sass_counts.judge(name, arch, tables, budgets)
  if verdict == "SKIP":
    raise Skip(text)
  return Outcome(verdict == "PASS", text)


def budget_rows(archs: tuple[str, ...] = ("sm_90",)) -> list[Row]:
  """Returns a row for each kernel of ours that has a budget for one of `archs`; without CUDA they are skipped."""
  tables, budgets = sass_counts.read_tables(), sass_counts.read_json("budget.json")
  return [
      Row(f"budget of {name}, {arch}, per 2048 weights", sass_counts.limits_text(limits[arch]),
          functools.partial(_measure, name, arch, tables, budgets))
      for name, limits in budgets.items() for arch in archs if arch in limits
  ]  # yapf: disable
