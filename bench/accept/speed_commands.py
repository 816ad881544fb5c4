"""Rows of `speed` about whole commands: a cached file of 1 GiB, there and back on tmpfs with two threads."""

import functools
import pathlib
import tempfile

from rows import Bench, Outcome, Row
from speed_kernels import times

import command_race
import corpus_sizes
import samples
from contest import LEAST_ROUNDS, Entrant, Results

_SOURCE = "astra"
_FILE_BYTES = 1 << 30
_THREADS = 2
_CP = Entrant("cp", "copy")


class Commands:
  """The race, held once."""

  def __init__(self, bench: Bench):
    self._plait = bench.plait

  @functools.cached_property
  def results(self) -> Results:
    with tempfile.TemporaryDirectory(prefix="plait-speed-", dir="/dev/shm") as name:
      folder = pathlib.Path(name)
      original = folder / "original.safetensors"
      checkpoint = samples.RepeatedCheckpoint(corpus_sizes.corpus_path(_SOURCE), _FILE_BYTES, sample_elements=1 << 20)
      checkpoint.write(original)
      subjects = [
          command_race.copy_subject(original, folder),
          *command_race.plait_subjects(self._plait, _THREADS, original, folder),
          *command_race.zstd_subjects(_THREADS, original, folder),
      ]
      return command_race.race_commands(subjects, original, LEAST_ROUNDS)

  def seconds_of_cp(self, verb: str, most: float) -> Outcome:
    entrant = Entrant(f"plait -T{_THREADS}", verb)
    ratio = self.results.ratio(_CP, entrant)
    text = f"{times(ratio)} x cp's seconds: {self.results.speed(entrant)} and {self.results.speed(_CP)} GB/s"
    return Outcome(ratio.median <= most, text)

  def speed_of_zstd(self, least: float) -> Outcome:
    zstd = Entrant(f"zstd -3 -T{_THREADS}", "compress")
    ratio = self.results.ratio(Entrant(f"plait -T{_THREADS}", "compress"), zstd)
    unverified = self.results.ratio(Entrant(f"plait --no-verify -T{_THREADS}", "compress"), zstd)
    text = f"{times(ratio)} x, {times(unverified)} x with --no-verify; zstd {self.results.speed(zstd)} GB/s"
    return Outcome(ratio.median >= least, text)


def make_rows(bench: Bench) -> list[Row]:
  commands = Commands(bench)
  return [
      Row("plait decompress, cached 1 GiB, tmpfs, -T2", "<= 1.5 x cp's seconds",
          lambda: commands.seconds_of_cp("decompress", 1.5)),
      Row("plait compress, cached 1 GiB, tmpfs, -T2", "<= 2.5 x cp's seconds",
          lambda: commands.seconds_of_cp("compress", 2.5)),
      Row("plait compress against zstd -3 -T2", ">= 3 x faster", lambda: commands.speed_of_zstd(3)),
  ]
