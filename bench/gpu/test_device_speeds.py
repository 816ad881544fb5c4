"""Tests of the table of measured beside predicted speeds, and of the program's errors where it is built."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import device_speeds
import roofline

# A card with round numbers: 1000 clocks a microsecond on 100 multiprocessors, 1 TB/s.
_DEVICE = {"name": "Card", "arch": "sm_90", "sms": 100, "clock_ghz": 1.0, "bandwidth_gb": 1000.0}
_WEIGHTS = 2048 * 10**5
_COUNTS = {"tier_bf16": {"sm_90": {"clocks": {"issue": 800}, "lone_warp_clocks": 0, "resident_warps": 1}}}


def contender(name, median_ms, coded_bytes, kernel="", moved_bytes=None):
  return {"name": name, "kernel": kernel, "coded_bytes": coded_bytes, "bytes": moved_bytes or coded_bytes,
          "median_ms": median_ms, "least_ms": median_ms / 2, "most_ms": median_ms * 2}  # yapf: disable


def measured(*contenders):
  return {"device": _DEVICE, "weights": _WEIGHTS, "repeats": 11, "contenders": contenders}


class Rows(unittest.TestCase):

  def test_what_moves_plain_weights_is_predicted_by_memory_alone(self):
    copy = contender("copy", 2.048, 2 * _WEIGHTS, moved_bytes=4 * _WEIGHTS)
    row = device_speeds.rows(measured(copy), _COUNTS)[0]
    self.assertEqual(row[:6], ["copy", "16.00", "1.024", "2.048", "1.024-4.096", "2.00"])
    self.assertEqual(row[6], "200")  # 2 bytes x 204.8 M / 2.048 ms

  def test_a_kernel_is_predicted_from_its_counts(self):
    tier = contender("tier", 1.0, 1.35 * _WEIGHTS, "tier_bf16", 3.35 * _WEIGHTS)
    # 10^5 units of 800 clocks on 100 multiprocessors are 0.8 ms; memory would take 0.69 ms.
    self.assertEqual(device_speeds.rows(measured(tier), _COUNTS)[0][2], "1.000")

  def test_what_nobody_has_counted_is_not_predicted(self):
    others = [contender("nvCOMP", 1.0, _WEIGHTS), contender("DFloat11", 1.0, _WEIGHTS, "huffman_bf16")]
    for row in device_speeds.rows(measured(*others), _COUNTS):
      self.assertEqual((row[2], row[5]), ("-", "-"))
    elsewhere = {"tier_bf16": {"sm_80": _COUNTS["tier_bf16"]["sm_90"]}}
    tier = contender("tier", 1.0, _WEIGHTS, "tier_bf16")
    self.assertEqual(device_speeds.rows(measured(tier), elsewhere)[0][2], "-")

  def test_speeds_are_beside_the_measured_product_or_else_its_prediction(self):
    tier = contender("tier", 1.0, _WEIGHTS, "tier_bf16")
    gemv = contender("cuBLAS bf16 GEMV", 3.0, 2 * _WEIGHTS)
    self.assertEqual(device_speeds.rows(measured(gemv, tier), _COUNTS)[1][7], "3.00")
    self.assertEqual(device_speeds.rows(measured(tier), _COUNTS)[0][7], "0.51")

  def test_kernels_of_the_program_have_been_counted(self):
    counts = roofline.read_json("counts.json")
    source = (roofline.HERE / "device" / "contenders.cc").read_text()
    for kernel in ("tier_bf16", "huffman_bf16"):
      self.assertIn(f'"{kernel}"', source)
      self.assertIn("sm_90", counts[kernel])


class Command(unittest.TestCase):

  def run_with(self, script: str) -> subprocess.CompletedProcess:
    with tempfile.TemporaryDirectory() as folder:
      program = pathlib.Path(folder) / "program"
      program.write_text("#!/bin/sh\n" + script)
      program.chmod(0o755)
      return subprocess.run([sys.executable, device_speeds.__file__, "--program", program, "weights"],
                            capture_output=True, text=True, check=False)  # yapf: disable

  def test_a_skip_is_passed_on_and_no_failure(self):
    done = self.run_with("echo SKIP timing on a device: no driver")
    self.assertEqual((done.returncode, done.stdout), (0, "SKIP timing on a device: no driver\n"))

  def test_a_failure_is_one(self):
    self.assertEqual(self.run_with("exit 1").returncode, 1)

  def test_the_table_has_a_line_for_each(self):
    found = measured(contender("copy", 1.0, 2 * _WEIGHTS), contender("tier", 1.0, _WEIGHTS, "tier_bf16"))
    done = self.run_with(f"cat << 'END'\n{json.dumps(found)}\nEND\n")
    self.assertIn("Card: sm_90, 100 multiprocessors", done.stdout)
    self.assertEqual(sum(line.startswith("| ") for line in done.stdout.splitlines()), 3)


@unittest.skipUnless(device_speeds.PROGRAM.is_file(), "plait_device_bench is not built")
class Program(unittest.TestCase):

  def test_wrong_arguments_are_named(self):
    for words, message in ((["f", "10"], "repeats: found 10, expected at least 11"),
                           (["f", "11", "0"], "MiB of weights: found 0"), ([], "usage: FILE"),
                           (["f", "11", "1", "1"], "usage: FILE")):
      done = subprocess.run([device_speeds.PROGRAM, *words], capture_output=True, text=True, check=False)
      self.assertEqual(done.returncode, 2)
      self.assertIn(message, done.stderr)
    done = subprocess.run([device_speeds.PROGRAM, "absent"], capture_output=True, text=True, check=False)
    self.assertEqual(done.returncode, 1)
    self.assertIn("absent: cannot open", done.stderr)


if __name__ == "__main__":
  unittest.main()
