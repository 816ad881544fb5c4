"""Tests of the measuring tools, without the program: python3 -m unittest discover -s bench/lib"""

import io
import json
import pathlib
import re
import struct
import sys
import tempfile
import unittest

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_REPOSITORY / "bench" / "accept"))

import rows  # pylint: disable=wrong-import-position
from rows import Outcome, Row, Skip  # pylint: disable=wrong-import-position

import container_parts  # pylint: disable=wrong-import-position
from container_parts import PAYLOAD, bytes_by_kind, read_parts  # pylint: disable=wrong-import-position
from plait_command import (  # pylint: disable=wrong-import-position
    CommandFailed, watch_memory, watch_pipe, watch_round_trip)


def example(folder: str) -> bytes:
  """Returns the bytes of the example in a FORMAT.md."""
  text = (_REPOSITORY / folder / "FORMAT.md").read_text()
  return bytes.fromhex(re.search(r"```hex [^\n]*\n(.*?)```", text, re.DOTALL).group(1))


def container_of(frame: bytes, framed_entries: int = 1) -> bytes:
  """Returns a container of one framed tensor, as far as container_parts looks."""
  manifest = b"PLTMANIF" + bytes(4) + struct.pack("<I", 1) + bytes(64) + bytes([framed_entries]) + bytes(23 + 24)
  size = len(frame)
  header = {
      "__plait__": {"dtype": "U8", "shape": [len(manifest)], "data_offsets": [size, size + len(manifest)]},
      "w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]},
      "__metadata__": {"format": "plait"},
  }  # yapf: disable
  text = json.dumps(header).encode().ljust(504)
  return struct.pack("<Q", len(text)) + text + frame + manifest


class ContainerParts(unittest.TestCase):

  def parts(self, data: bytes) -> dict:
    with tempfile.NamedTemporaryFile() as file:
      file.write(data)
      file.flush()
      return dict(bytes_by_kind(read_parts(file.name)))

  def test_opaque_example_is_header_payload_and_manifest(self):
    self.assertEqual(self.parts(example("formats/container")), {"container header": 256, PAYLOAD: 6, "manifest": 144})

  def test_frame_example_adds_up(self):
    frame = example("formats/frame")
    parts = self.parts(container_of(frame))
    self.assertEqual(parts.pop("container header") + parts.pop("manifest"), 512 + 128)
    self.assertEqual(parts, {"frame headers": 48, "alignment": 16 + 85, "block headers": 32, PAYLOAD: 19,
                             "footers": 48, "block tables": 8})  # yapf: disable

  def test_block_that_differs_from_its_table_is_refused(self):
    frame = bytearray(example("formats/frame"))
    frame[64 + 8] ^= 1
    with self.assertRaisesRegex(ValueError, "block at"):
      self.parts(container_of(bytes(frame)))

  def test_frame_that_the_manifest_does_not_know_is_refused(self):
    with self.assertRaisesRegex(ValueError, "1 frames found"):
      self.parts(container_of(example("formats/frame"), framed_entries=0))

  def test_gap_before_the_manifest_is_refused(self):
    data = example("formats/container").replace(b"[6,150]", b"[7,151]")
    data = data[:262] + b"?" + data[262:]
    with self.assertRaisesRegex(ValueError, "manifest begins at 263, expected 262"):
      self.parts(data)

  def test_block_of_two_planes_has_directory_padding_and_table(self):
    tier_plane, stored_plane, edge = bytes(16 + 11), bytes(40), b"?"
    directory = struct.pack("<BBHIBBHI", 2, 1, 0, len(tier_plane), 0, 0, 0, len(stored_plane))
    payload = directory + tier_plane + bytes(5) + stored_plane + edge
    block = struct.pack("<2sBBII", b"PB", 2, 1, 40, len(payload)) + bytes(20) + payload
    kinds = container_parts._block(block, 0, (len(payload), 2, 1, 0))  # pylint: disable=protected-access
    self.assertEqual(dict(bytes_by_kind(list(kinds))),
                     {"block headers": 32, "plane directories": 16, "tier tables": 16, "plane padding": 5,
                      PAYLOAD: 11 + 40 + 1})  # yapf: disable


class Rows(unittest.TestCase):

  def run_one(self, measure) -> tuple[int, str]:
    out = io.StringIO()
    return rows.run_rows([Row("name", "target", measure)], out), out.getvalue()

  def test_verdicts(self):
    self.assertEqual(self.run_one(lambda: Outcome(True, "1")), (0, "PASS\tname\t1\ttarget\n"))
    self.assertEqual(self.run_one(lambda: Outcome(False, "2")), (1, "FAIL\tname\t2\ttarget\n"))

  def test_exception_fails_with_its_message_on_one_line(self):
    def measure():
      raise OSError("disk\nfull\there")

    self.assertEqual(self.run_one(measure), (1, "FAIL\tname\tOSError: disk full here\ttarget\n"))

  def test_skip_is_no_failure(self):
    def measure():
      raise Skip("no AVX-512")

    self.assertEqual(self.run_one(measure), (0, "SKIP\tname\tno AVX-512\ttarget\n"))


class Watching(unittest.TestCase):

  def test_pipe_sees_the_process_before_its_end(self):
    seen = watch_pipe(["head", "-c", "300000", "/dev/zero"], 300_000)
    self.assertEqual(seen.output, bytes(300_000))
    self.assertGreater(seen.peak.resident, 100_000)
    self.assertGreater(seen.bytes_read, 200_000)

  def test_peak_counts_what_was_touched(self):
    peak = watch_memory([sys.executable, "-c", "import time; b = b'x' * 50_000_000; time.sleep(0.1)"])
    self.assertGreater(peak.anonymous, 50_000_000)
    self.assertGreaterEqual(peak.resident, peak.anonymous)

  def test_round_trip_compares_what_comes_out(self):
    chunks = [b"ab" * 3_000_000, b"", b"c"]
    there, back = watch_round_trip(["cat"], ["cat"], chunks, [b"".join(chunks)])
    self.assertGreater(min(there.resident, back.resident), 100_000)
    for expected in (chunks[:2], [*chunks, b"d"], [chunks[0], b"", b"x"]):
      with self.assertRaisesRegex(CommandFailed, "other bytes"):
        watch_round_trip(["cat"], ["cat"], chunks, expected)

  def test_round_trip_of_a_failing_command_is_an_error(self):
    with self.assertRaisesRegex(CommandFailed, "exit status 1"):
      watch_round_trip(["false"], ["cat"], [bytes(1_000_000)], [b""])

  def test_failing_command_is_an_error(self):
    with self.assertRaisesRegex(CommandFailed, "exit status 1"):
      watch_memory(["false"])


if __name__ == "__main__":
  unittest.main()
