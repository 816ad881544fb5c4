#!/usr/bin/env python3
"""What "every checkpoint" promises, measured: one line a row on stdout (see rows.py).

Takes some 20 minutes on 2 cores, 8 GiB of disk and, the first time, 1.5 GB of downloads. strace injects the faults, unshare mounts the full disks.
"""

import sys

import faults
import fuzzing
import hostile
import mistakes
import restored
import rows
import sizes
from containers import Containers
from rows import Bench, Row


def make_rows(bench: Bench) -> list[Row]:
  containers = Containers(bench)
  return [
      *restored.make_rows(bench, containers),
      *sizes.make_rows(containers),
      *hostile.make_rows(bench),
      *fuzzing.make_rows(bench),
      *faults.make_rows(bench),
      *mistakes.make_rows(bench),
  ]


if __name__ == "__main__":
  sys.exit(rows.main(__doc__, make_rows))
