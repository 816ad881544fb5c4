#!/usr/bin/env python3
"""Prints where the time of compress and decompress goes, by stage, for a cached file in /dev/shm of about 1 GiB.

The command times itself (PLAIT_PROFILE); pages that a stage is the first to touch count for that stage.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))

import corpus_sizes  # pylint: disable=wrong-import-position
import samples  # pylint: disable=wrong-import-position
from plait_command import CommandFailed, Plait, check_exit  # pylint: disable=wrong-import-position

_SOURCE = "astra"
_FILE_BYTES = 1 << 30


def profile(plait: Plait, *words) -> str:
  """Returns the report of a command, which must succeed."""
  command = plait.command(*words)
  done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ, PLAIT_PROFILE="1"), check=False)
  check_exit(command, done.returncode, done.stderr)
  return done.stderr


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--plait", required=True, help="the binary")
  parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], metavar="N", help="(1 2)")
  args = parser.parse_args()
  plait = Plait(args.plait)
  try:
    with tempfile.TemporaryDirectory(prefix="plait-profile-", dir="/dev/shm") as name:
      original, container, out = (pathlib.Path(name) / part for part in ("original", "container", "out"))
      source = corpus_sizes.corpus_path(_SOURCE)
      samples.RepeatedCheckpoint(source, _FILE_BYTES, sample_elements=1 << 20).write(original)
      for threads in args.threads:
        for verb, words in (("compress", ("-o", container, original)), ("decompress", ("-o", out, container))):
          report = profile(plait, verb, "-f", f"-T{threads}", *words)
          print(f"plait {verb} -T{threads}, {original.stat().st_size / 1e6:.0f} MB\n{report}")
  except (CommandFailed, corpus_sizes.CorpusMissing, OSError) as error:
    print(f"stage_profile: {error}", file=sys.stderr)
    return 1
  return 0


if __name__ == "__main__":
  sys.exit(main())
