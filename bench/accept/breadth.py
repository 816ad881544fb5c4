#!/usr/bin/env python3
"""What "every checkpoint" promises, measured: one line a row on stdout (see rows.py).

Needs 8 GiB of disk and, the first time, 1.5 GB of downloads. strace injects the faults, unshare mounts the full disks.
"""

import sys

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
  ]


if __name__ == "__main__":
  sys.exit(rows.main(__doc__, make_rows))
