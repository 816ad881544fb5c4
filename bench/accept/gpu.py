#!/usr/bin/env python3
"""What "decode on the GPU, proven without one" promises, measured: one line a row on stdout (see rows.py)."""

import sys

import gpu_dfloat11
import rows
from rows import Bench, Row


def make_rows(bench: Bench) -> list[Row]:
  return gpu_dfloat11.make_rows(bench)


if __name__ == "__main__":
  sys.exit(rows.main(__doc__, make_rows))
