#!/usr/bin/env python3
"""What "KV caches: every quality in one object" promises, measured: one line a row on stdout (see rows.py)."""

import sys

import kv_objects
import kv_quality
import kv_sizes
import rows
from rows import Bench, Row


def make_rows(bench: Bench) -> list[Row]:
  return [*kv_objects.make_rows(bench), *kv_sizes.make_rows(bench), *kv_quality.make_rows(bench)]


if __name__ == "__main__":
  sys.exit(rows.main(__doc__, make_rows))
