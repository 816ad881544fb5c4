#!/usr/bin/env python3
"""Do the tests notice small mistakes in the kernels? Mutations of every code line of gpu/kernels/*.h, built and run.

Each mutant is one edit (mutants.py); its copy of the header is compiled with every test that includes it, and these run
on the host executor until one fails. Verdicts: "killed"; "survived"; "equivalent", for a survivor that
equivalent_mutations.json gives a reason for; and, not counted, "same code" (the compiler's output is that of the
unchanged header) and "does not compile".

A run that is cut off goes on where it stopped: verdicts are kept in the work folder, for as long as no kernel, test or
header of the executor changes.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import functools
import json
import os
import pathlib
import sys
import threading
from collections.abc import Callable

import mutants
import test_programs
from mutants import Mutant
from test_programs import ROOT, TestPrograms, Verdict

_FOLDER = pathlib.Path(__file__).resolve().parent
_EQUIVALENT = _FOLDER / "equivalent_mutations.json"
DEFAULT_BUILD = ROOT / "build" / "release"


@dataclasses.dataclass(frozen=True)
class Result:
  mutant: Mutant
  verdict: str
  reason: str  # of an equivalent one


def all_mutants() -> list[Mutant]:
  """Returns the mutants of every kernel header, those of later kernels too."""
  return [mutant for path in test_programs.kernel_headers() for mutant in mutants.mutants_of(path, (ROOT / path).read_text())]


def read_equivalent(known: list[Mutant]) -> dict[tuple[str, str, str], str]:
  """Returns the reason of each listed mutation; one that no line of a kernel has any longer is an error."""
  listed = {(entry["file"], entry["line"], entry["mutation"]): entry["reason"]
            for entry in json.loads(_EQUIVALENT.read_text())}  # yapf: disable
  stale = sorted(set(listed) - {mutant.key for mutant in known})
  if stale:
    raise RuntimeError(f"{_EQUIVALENT.name}: found {stale[0]}, which is no mutation of a line of today")
  return listed


class Memory:
  """Verdicts of earlier runs. One holds for as long as what it rests on is the same: a kill on the test that made it."""

  def __init__(self, path: pathlib.Path, programs: TestPrograms):
    self._path = path
    self._digest = functools.cache(programs.digest)
    self._lock = threading.Lock()
    lines = path.read_text().splitlines() if path.exists() else []
    self._known = {tuple(record["key"]): record for record in map(json.loads, lines)}

  def get(self, mutant: Mutant) -> Verdict | None:
    record = self._known.get((*mutant.key, mutant.line_number))
    if record is None or record["digest"] != self._digest(mutant.path, record["test"]):
      return None
    return Verdict(record["verdict"], record["test"])

  def put(self, mutant: Mutant, verdict: Verdict) -> None:
    record = {"digest": self._digest(mutant.path, verdict.test), "key": [*mutant.key, mutant.line_number],
              "verdict": verdict.verdict, "test": verdict.test}  # yapf: disable
    with self._lock, self._path.open("a") as out:
      out.write(json.dumps(record) + "\n")


def judge_all(chosen: list[Mutant], programs: TestPrograms, memory: Memory, jobs: int,
              progress: Callable[[str], None]) -> list[Result]:
  """Judges `jobs` at a time and returns the results in the order of the files."""
  sources = {mutant.path: (ROOT / mutant.path).read_text() for mutant in chosen}
  listed = read_equivalent(all_mutants())

  def judge(mutant: Mutant) -> Result:
    verdict = memory.get(mutant)
    if verdict is None:
      verdict = programs.judge(mutant.path, mutant.apply(sources[mutant.path]))
      memory.put(mutant, verdict)
      progress(f"{verdict.verdict}: {mutant.path}:{mutant.line_number}: {mutant.name}")
    equivalent = verdict.verdict == "survived" and mutant.key in listed
    return Result(mutant, "equivalent" if equivalent else verdict.verdict,
                  listed[mutant.key] if equivalent else "")

  with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
    return sorted(pool.map(judge, chosen), key=lambda result: (result.mutant.path, result.mutant.begin))


def killed_share(results: list[Result]) -> tuple[int, int]:
  """Returns killed mutants, and killed ones with those that survive without a reason."""
  killed = sum(result.verdict == "killed" for result in results)
  return killed, killed + sum(result.verdict == "survived" for result in results)


_COLUMNS = ("killed", "survived", "equivalent", "same code", "does not compile")


def table(results: list[Result]) -> str:
  """Verdicts by file, as Markdown."""
  by_file = collections.defaultdict(list)
  for result in results:
    by_file[result.mutant.path].append(result)
  lines = [f"| file | lines | mutants | {' | '.join(_COLUMNS)} | killed of counted |", "|" + "---|" * (len(_COLUMNS) + 4)]
  for name, of_file in [*sorted(by_file.items()), ("all", results)]:
    counts = collections.Counter(result.verdict for result in of_file)
    killed, counted = killed_share(of_file)
    num_lines = len({(result.mutant.path, result.mutant.line_number) for result in of_file})
    cells = [name.rsplit("/", 1)[-1], num_lines, len(of_file), *(counts[column] for column in _COLUMNS)]
    share = f"{100 * killed / counted:.1f} %" if counted else "-"
    lines.append(f"| {' | '.join(map(str, cells))} | {share} |")
  return "\n".join(lines)


def survivors(results: list[Result]) -> list[str]:
  """One line for each mutant that survived, with its reason if it has one."""
  return [
      f"{result.mutant.path}:{result.mutant.line_number}: {result.mutant.line}\n    {result.mutant.name}: "
      f"{result.reason if result.verdict == 'equivalent' else 'SURVIVED'}"
      for result in results if result.verdict in ("survived", "equivalent")
  ]  # yapf: disable


def default_jobs() -> int:
  return int(os.environ.get("PLAIT_JOBS") or os.cpu_count() or 1)


def of_files(chosen: list[Mutant], files: str, without: list[str]) -> list[Mutant]:
  """Returns those of headers whose path has `files` and none of the texts of `without`."""
  return [mutant for mutant in chosen if files in mutant.path and not any(text in mutant.path for text in without)]


def judge_sample(programs: TestPrograms, verdicts: pathlib.Path, seed: int, per_line: int, limit: int, files: str = "",
                 without: list[str] | None = None, jobs: int = default_jobs()) -> list[Result]:
  """Draws, judges and returns; progress goes to stderr. `verdicts` keeps what was found."""
  chosen = of_files(mutants.sample(all_mutants(), seed, per_line, limit), files, without or [])
  return judge_all(chosen, programs, Memory(verdicts, programs), jobs,
                   lambda text: print(text, file=sys.stderr, flush=True))


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--seed", type=int, default=1, help="of what is drawn (default 1)")
  parser.add_argument("--per-line", type=int, default=2, help="mutants of a line, 0 for all (default 2)")
  parser.add_argument("--limit", type=int, default=0, help="mutants altogether, 0 for all (default)")
  parser.add_argument("--files", default="", metavar="TEXT", help="only headers whose path has this text")
  parser.add_argument("--without", action="append", metavar="TEXT", help="no headers whose path has it; repeatable")
  parser.add_argument("--build", type=pathlib.Path, default=DEFAULT_BUILD, help="folder with an up-to-date gpu_tests")
  parser.add_argument("--jobs", type=int, default=default_jobs())
  args = parser.parse_args()
  work = args.build.resolve() / "mutations"
  programs = TestPrograms(args.build.resolve(), work)
  results = judge_sample(programs, work / "verdicts.jsonl", args.seed, args.per_line, args.limit, args.files,
                         args.without, args.jobs)
  print("\n".join([*survivors(results), "", table(results)]))
  killed, counted = killed_share(results)
  return 0 if killed == counted else 1


if __name__ == "__main__":
  sys.exit(main())
