#!/usr/bin/env python3
"""What "decode on the GPU, proven without one" promises, measured: one line a row on stdout (see rows.py)."""

import pathlib
import sys

import gpu_dfloat11
import gpu_kernels
import gpu_mutations
import inference
import rows
from rows import Bench, Row

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "gpu"))

from budget_rows import budget_rows  # pylint: disable=wrong-import-position


def make_rows(bench: Bench) -> list[Row]:
  return [*gpu_kernels.make_rows(bench), *gpu_mutations.make_rows(bench), *gpu_dfloat11.make_rows(bench),
          *inference.make_rows(bench), *budget_rows()]


if __name__ == "__main__":
  sys.exit(rows.main(__doc__, make_rows))
