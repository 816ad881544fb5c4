"""What ptxas says of every kernel: registers, spills, shared memory and warps for each architecture.

  resources.py FOLDER    the folder with the *.cubin.log files of the target cuda_kernels
"""

import pathlib
import re
import sys

ENTRY = re.compile(r"Compiling entry function '(\w+)' for '(sm_\w+)'")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers(?:.*?(\d+) bytes smem)?")


def kernels_of(log):
    """(kernel, architecture, registers, bytes of stack, bytes of spills, bytes of static shared memory) of a log."""
    for entry in log.split("Compiling entry function")[1:]:
        name = ENTRY.search("Compiling entry function" + entry)
        spills = SPILLS.search(entry)
        used = USED.search(entry)
        stack, stores, loads = map(int, spills.groups())
        yield (*name.groups(), int(used.group(1)), stack, stores + loads, int(used.group(2) or 0))


def main():
    logs = sorted(pathlib.Path(sys.argv[1]).glob("*.cubin.log"))
    rows = sorted(row for log in logs for row in kernels_of(log.read_text()))
    if not rows:
        sys.exit(f"resources: kernels in {sys.argv[1]}: found none, expected some")
    print(f"{'kernel':<18} {'arch':<7} {'registers':>9} {'stack':>6} {'spills':>6} {'static shared':>13}")
    for kernel, architecture, registers, stack, spills, shared in rows:
        print(f"{kernel:<18} {architecture:<7} {registers:>9} {stack:>6} {spills:>6} {shared:>13}")


if __name__ == "__main__":
    main()
