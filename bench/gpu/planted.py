#!/usr/bin/env python3
"""Plants the bugs of planted_bugs.json in copies of the shipped kernels: the executor or the tests must catch each.

An entry replaces `from`, which its file must hold exactly once, by `to`; where it has `fault`, a regular expression, what
the tests say must name it (gpu/simt/fault.cc). Every file with a kernel's body must have an entry.
"""

import argparse
import collections
import concurrent.futures
import json
import pathlib
import re
import sys

from mutations import DEFAULT_BUILD, default_jobs
from test_programs import ROOT, TestPrograms, kernel_headers

_LIST = pathlib.Path(__file__).resolve().parent / "planted_bugs.json"
_BODY = re.compile(r"\b\w+Body\(Ctx& ctx")


def read_bugs() -> list[dict]:
  return json.loads(_LIST.read_text())


def kernels_without(bugs: list[dict]) -> list[str]:
  """Returns the files with a kernel's body that no entry is about."""
  planted = {bug["file"] for bug in bugs}
  bodies = [path for path in kernel_headers() if _BODY.search((ROOT / path).read_text())]
  return [path for path in bodies if path not in planted]


def plant(bug: dict, text: str) -> str:
  """Returns `text` with the bug; an entry that does not match once is an error."""
  count = text.count(bug["from"])
  if count != 1:
    raise RuntimeError(f"{bug['file']}: found {bug['from']!r} {count} times, expected it once")
  return text.replace(bug["from"], bug["to"])


def complaint(bug: dict, programs: TestPrograms) -> str:
  """Returns what is wrong if the bug is not caught, or not as what it is; else nothing."""
  verdict = programs.judge(bug["file"], plant(bug, (ROOT / bug["file"]).read_text()))
  name = f"{bug['kind']} in {bug['file']}: {bug['to']!r}"
  if verdict.verdict != "killed":
    return f"{name}: {verdict.verdict}"
  if not re.search(bug.get("fault", ""), verdict.output):
    return f"{name}: found\n{verdict.output}\nexpected {bug['fault']!r}"
  return ""


def judge_all(bugs: list[dict], programs: TestPrograms, jobs: int) -> list[str]:
  """Returns the complaints."""
  with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
    return [text for text in pool.map(lambda bug: complaint(bug, programs), bugs) if text]


def summary(bugs: list[dict]) -> str:
  return ", ".join(f"{count} {kind}" for kind, count in collections.Counter(bug["kind"] for bug in bugs).items())


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--build", type=pathlib.Path, default=DEFAULT_BUILD, help="folder with an up-to-date gpu_tests")
  parser.add_argument("--jobs", type=int, default=default_jobs())
  args = parser.parse_args()
  bugs = read_bugs()
  wrong = [f"{path}: no planted bug" for path in kernels_without(bugs)]
  wrong += judge_all(bugs, TestPrograms(args.build.resolve(), args.build.resolve() / "planted"), args.jobs)
  print("\n".join([*wrong, f"{len(bugs)} planted bugs, {len(wrong)} complaints: {summary(bugs)}"]))
  return 1 if wrong else 0


if __name__ == "__main__":
  sys.exit(main())
