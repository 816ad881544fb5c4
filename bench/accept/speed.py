#!/usr/bin/env python3
"""What "the speed of memory on a CPU" promises, measured: one line a row on stdout (see rows.py).

Ratios of speeds are medians (least-most) of ratios round by round: whatever is compared took turns in one run. Takes
some 10 minutes on 2 cores that are otherwise idle, and 6 GiB of memory; on a busy machine figures of one core hold,
those of two threads and of commands do not.
"""

import sys

import rows
import speed_commands
import speed_kernels
import speed_sizes
from rows import Bench, Row


def make_rows(bench: Bench) -> list[Row]:
  return [*speed_kernels.make_rows(bench), *speed_sizes.make_rows(bench), *speed_commands.make_rows(bench)]


if __name__ == "__main__":
  sys.exit(rows.main(__doc__, make_rows))
