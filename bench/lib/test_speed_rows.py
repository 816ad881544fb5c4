"""Tests of what ./dev accept speed makes of figures: python3 -m unittest discover -s bench/lib"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "accept"))

import speed_kernels  # pylint: disable=wrong-import-position
import speed_sizes  # pylint: disable=wrong-import-position
from contest import Entrant, Results  # pylint: disable=wrong-import-position


def results(seconds: dict[str, float], bits: dict[str, float]) -> Results:
  """Returns three equal rounds of decoding, and of a streaming copy that takes a second."""
  times = {Entrant(codec, "decode"): [value] * 3 for codec, value in seconds.items()}
  return Results(10**9, times | {Entrant("streaming copy", "copy"): [1.0] * 3}, bits)


class Kernels(unittest.TestCase):

  def of_type(self, default_bits: float, fast_seconds: float, fast_bits: float) -> bool:
    """The peers take 8 and 12 seconds; the default level takes 1, the small one is slow."""
    seconds = {"plait -3": 1.0, "plait -5": fast_seconds, "plait -7": 7.0, "ZipNN": 8.0, "OpenZL FSE": 12.0}
    bits = {"plait -3": default_bits, "plait -5": fast_bits, "plait -7": 9.0, "ZipNN": 10.0, "OpenZL FSE": 5.0}
    return speed_kernels.of_type(results(seconds, bits), least=4, most_gap_percent=1).passed

  def test_default_level_may_be_somewhat_larger_than_the_faster_peer(self):
    self.assertTrue(self.of_type(default_bits=10.09, fast_seconds=9.0, fast_bits=11.0))
    self.assertFalse(self.of_type(default_bits=10.11, fast_seconds=9.0, fast_bits=11.0))

  def test_other_levels_may_not(self):
    self.assertTrue(self.of_type(default_bits=11.0, fast_seconds=2.0, fast_bits=10.0))
    self.assertFalse(self.of_type(default_bits=11.0, fast_seconds=2.0, fast_bits=10.01))
    self.assertFalse(self.of_type(default_bits=11.0, fast_seconds=2.1, fast_bits=10.0))

  def test_fastest_peer_is_the_measure(self):
    seconds = {"plait -3": 2.0, "huff0 4X2": 6.0, "ZipNN": 5.0}
    found = results(seconds, {"plait -3": 10.2, "huff0 4X2": 10.1, "ZipNN": 10.0})
    outcome = speed_kernels.of_fastest(found, "plait -3", "decode", ("huff0 4X2", "ZipNN", "absent"), 2.6)
    self.assertFalse(outcome.passed)
    self.assertIn("2.50 (2.50-2.50) x ZipNN", outcome.measured)
    self.assertIn("+2.00 % bits", outcome.measured)

  def test_copy_is_a_ceiling(self):
    found = results({"plait -3": 1.25}, {"plait -3": 10.0})
    self.assertTrue(speed_kernels.of_copy(found, "plait -3", "decode", 0.8).passed)
    self.assertFalse(speed_kernels.of_copy(found, "plait -3", "decode", 0.81).passed)


class FakeLevels:
  """Three levels of corpora whose containers have the given sizes."""

  def __init__(self, sizes: dict[str, list[int]]):
    self._sizes = sizes

  def coded(self, corpus: str, level: int) -> speed_sizes.Coded:
    return speed_sizes.Coded(self._sizes[corpus][(3, 5, 7).index(level)], "", {})


class FakeCoders:
  """The small setting on a corpus: our frames, our blocks alone, and a peer."""

  def __init__(self, frames: float, blocks: float, peer: float):
    self._frames = frames
    self._coders = {"plait -7": blocks, "OpenZL FSE": peer}

  def bits(self, corpus: str, level: int) -> float:
    del corpus, level
    return self._frames

  def limit(self, corpus: str) -> float:
    del corpus
    return 20.0

  def coders(self, corpus: str) -> dict[str, float]:
    del corpus
    return self._coders


class Sizes(unittest.TestCase):

  def test_frames_are_counted_against_peers_without(self):
    def judged(frames: float):
      levels = FakeCoders(frames, blocks=10.55, peer=10.6)
      return speed_sizes.against_limit_and_peers(levels, "cast-minilm", 7)

    self.assertTrue(judged(10.59).passed)
    self.assertIn("10.590 bits per weight (10.550 without frames)", judged(10.59).measured)
    self.assertFalse(judged(10.6).passed)

  def test_every_level_is_smaller(self):
    self.assertTrue(speed_sizes.ever_smaller(FakeLevels({"a": [9, 8, 7], "b": [3, 2, 1]}), ["a", "b"]).passed)
    for sizes in ([9, 9, 7], [9, 8, 8], [7, 8, 6]):
      outcome = speed_sizes.ever_smaller(FakeLevels({"a": [9, 8, 7], "b": sizes}), ["a", "b"])
      self.assertFalse(outcome.passed)
      self.assertIn("not so: ['b']", outcome.measured)

  def test_only_larger_tensors_of_the_type_are_counted(self):
    rows = [("BF16", [65536], 100), ("BF16", [65535], 1000), ("F32", [1 << 20], 10000), ("BF16", [2, 65536], 200)]
    listing = {"tensors": [{"dtype": d, "shape": s, "coded_bytes": b} for d, s, b in rows]}
    self.assertEqual(speed_sizes.counted_bits(listing, "BF16"), 8 * 300 / (3 * 65536))


if __name__ == "__main__":
  unittest.main()
