"""Counts every GPU kernel of kernels.json against budget.json, without a GPU: exit status 1 over budget.

Compiles each kernel for sm_80, sm_89, sm_90 and sm_100, disassembles it, and prints per 2048 weights the SM-clocks that
each pipe is asked for. README.md says what is counted, what is not, and how a kernel is added. Lines on stdout,
tab-separated: PASS|FAIL|SKIP, kernel and architecture, what was counted, the limits.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import counting
import cubin
import pipes
import sass

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
ARCHS = ("sm_80", "sm_89", "sm_90", "sm_100")
_FLAGS = ("-cubin", "-O3", "-std=c++20", "--expt-relaxed-constexpr", "-lineinfo")


class Missing(Exception):
  """This machine lacks a tool; the message says which and where it comes from."""


def read_json(name: str) -> dict:
  """Returns what a file beside this one holds."""
  return json.loads((HERE / name).read_text())


def read_tables() -> dict[str, dict]:
  """Returns the table of each kernel."""
  tables = read_json("kernels.json")
  return {name: counting.whole_table(tables, name) for name in tables}


def _cache() -> pathlib.Path:
  return pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "plait"


def _tool(name: str, places: list[pathlib.Path], origin: str) -> str:
  found = shutil.which(name) or next((str(place) for place in places if place.is_file()), None)
  if not found:
    raise Missing(f"{name} not found: {origin}")
  return found


def find_nvcc() -> str:
  """Returns the compiler of the CUDA toolkit."""
  return _tool("nvcc", [pathlib.Path("/usr/local/cuda/bin/nvcc")], "it comes with the CUDA toolkit")


def find_nvdisasm() -> str:
  """Returns the disassembler, which not every installation of the toolkit has."""
  places = sorted((_cache() / "nvdisasm").glob("lib/python3*/site-packages/nvidia/*/bin/nvdisasm"))
  return _tool("nvdisasm", places, "./dev cuda installs it from PyPI")


def compile_kernel(source: str, arch: str, output: pathlib.Path) -> None:
  """Compiles one .cu file of the repository to a cubin."""
  command = [find_nvcc(), *_FLAGS, f"-arch={arch}", f"-I{REPOSITORY}", str(REPOSITORY / source), "-o", str(output)]
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  if done.returncode:
    raise RuntimeError(f"nvcc of {source} for {arch} failed: {done.stderr.strip()}")


def disassemble(path: pathlib.Path) -> str:
  """Returns the listing that sass.py reads."""
  command = [find_nvdisasm(), "-c", "-gi", "-hex", str(path)]
  return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def load_function(table: dict, arch: str) -> tuple[sass.Function, cubin.Resources]:
  """Compiles and reads the kernel of a table."""
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "kernel.cubin"
    compile_kernel(table["source"], arch, path)
    function = sass.parse(disassemble(path), table["function"])
    return function, cubin.resources(path.read_bytes(), function.name)


def count_kernel(name: str, table: dict, arch: str) -> counting.Counts:
  """Returns what the kernel of a table asks for; raises Missing where CUDA or nvdisasm is."""
  function, resources = load_function(table, arch)
  return counting.count(name, pipes.ARCHITECTURES[arch], function, resources, table)


def describe(counts: counting.Counts) -> str:
  """Returns one line of what was counted."""
  clocks = ", ".join(f"{pipe} {value:.1f}" for pipe, value in counts.clocks.items() if value >= 0.05)
  return (f"SM-clocks: {clocks}; {counts.registers} registers, {counts.shared_bytes} shared bytes, "
          f"{counts.spill_instructions:.1f} spills, {counts.resident_warps} warps, one warp alone "
          f"{counts.lone_warp_clocks:.0f} clocks" +
          (f", {counts.bytes_by_coded:.3f} of the coded bytes" if counts.bytes_by_coded else ""))


def judge(name: str, arch: str, tables: dict, budgets: dict) -> tuple[str, str, dict | None]:
  """Returns the verdict, what was counted or is missing, and the counts; bench/accept/gpu.py makes a row of it."""
  try:
    counts = count_kernel(name, tables[name], arch)
  except Missing as reason:
    return "SKIP", str(reason), None
  excess = counting.over_budget(counts, budgets[name].get(arch, {}))
  text = "; ".join([describe(counts), *excess])
  return "FAIL" if excess else "PASS", text, counts.to_json()


def limits_text(limits: dict) -> str:
  """Returns a budget as the target of a row."""
  return ", ".join(f"{name} <= {most:g}" for name, most in limits.items()) or "no limit for this architecture"


def print_branches(table: dict, arch: str) -> None:
  """Prints what a table's "branches" must list, in their order."""
  function, _ = load_function(table, arch)
  for number, block in enumerate(counting.branches(function)):
    direction = "forward" if function.repeating_side(block) is None else "loop"
    print(f"{number}\t{direction}\t{block.last.address:#x}\t{block.last.predicate} {block.last.opcode} "
          f"{block.last.operands}\t{counting.source_text(block.last)}")


def print_blocks(table: dict, arch: str) -> None:
  """Prints where the clocks go: blocks that cost something, the dearest for the ALU first."""
  function, _ = load_function(table, arch)
  costs = counting.block_costs(pipes.ARCHITECTURES[arch], function, table)
  print("address\truns\tinstructions\tissue\talu\tfma\tmio\tfirst line")
  for cost in sorted(costs, key=lambda cost: -cost.clocks["alu"]):
    if cost.instructions >= 1:
      clocks = "\t".join(f"{cost.clocks[pipe]:.1f}" for pipe in ("issue", "alu", "fma", "mio"))
      first = cost.block.instructions[0]
      print(f"{first.address:#x}\t{cost.runs:.3f}\t{cost.instructions:.0f}\t{clocks}\t{counting.source_text(first)}")


def _parse_arguments() -> argparse.Namespace:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--only", default="", metavar="TEXT", help="only kernels whose name has this text")
  parser.add_argument("--arch", choices=ARCHS, action="append", help="only this one (may be repeated)")
  parser.add_argument("--branches", action="store_true", help="list the branches that the tables must describe")
  parser.add_argument("--blocks", action="store_true", help="list the basic blocks and what each costs")
  parser.add_argument("--write", action="store_true", help="write the counts to counts.json, for roofline.py")
  return parser.parse_args()


def main() -> int:
  """Prints a line for each kernel and architecture; returns 1 if one is over budget."""
  args = _parse_arguments()
  tables, budgets = read_tables(), read_json("budget.json")
  names = [name for name in tables if args.only in name]
  archs = args.arch or ARCHS
  if args.branches or args.blocks:
    for name in names:
      (print_branches if args.branches else print_blocks)(tables[name], archs[0])
    return 0
  verdicts, counted = set(), {}
  for name, arch in ((name, arch) for name in names for arch in archs):
    verdict, text, counts = judge(name, arch, tables, budgets)
    print("\t".join([verdict, f"{name}, {arch}", text, limits_text(budgets[name].get(arch, {}))]), flush=True)
    verdicts.add(verdict)
    counted.setdefault(name, {})[arch] = counts
  if args.write and "SKIP" not in verdicts:
    (HERE / "counts.json").write_text(json.dumps(counted, indent=2) + "\n")
  return 1 if "FAIL" in verdicts else 0


if __name__ == "__main__":
  try:
    sys.exit(main())
  except (counting.TableError, sass.SassError, pipes.UnknownOpcode) as error:
    sys.exit(f"sass_counts: {error}")
