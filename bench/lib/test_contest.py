"""Tests of contests, charts and result texts: python3 -m unittest discover -s bench/lib"""

import itertools
import json
import math
import os
import pathlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree

import contest
from contest import ContestFailed, Entrant, Results, Server, race, take_turns
from results_text import section, with_section
from scatter_svg import Point, linear_ticks, log_ticks, place_labels, scatter

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "peers"))

import sample_file  # pylint: disable=wrong-import-position
from safetensors_file import DTYPE_BYTES, NewTensor, SafetensorsFile, write  # pylint: disable=wrong-import-position

# Takes 1, 2, 3... thousandths of a second for its own runs, and dies when it is asked to.
_FAKE = """
import json, os, sys
name, weights = sys.argv[1], int(sys.argv[2])
entrants = [{"codec": name, "task": task, "bits_per_weight": 10.5} for task in ("decode", "encode")]
skipped = [{"codec": "other", "reason": "absent"}]
hello = {"weight_bytes": 2 * weights, "weights": weights, "entrants": entrants, "skipped": skipped}
print(json.dumps(hello), flush=True)
runs = 0
for line in sys.stdin:
  assert line.startswith(name + ": ")
  if name == "mortal" and runs == 2:
    sys.exit("mortal: out of breath")
  if name == "pinned":
    print(min(os.sched_getaffinity(0)) + 100 * len(os.sched_getaffinity(0)), flush=True)
    continue
  runs += 1
  print(runs / 1000, flush=True)
"""


class Servers(unittest.TestCase):

  def start(self, name: str, weights: int = 1000, **options) -> Server:
    server = Server([sys.executable, "-c", _FAKE, name, weights], **options)
    self.addCleanup(server.__exit__)
    return server

  def test_greeting_is_understood(self):
    server = self.start("one")
    self.assertEqual(server.entrants, [Entrant("one", "decode"), Entrant("one", "encode")])
    self.assertEqual((server.weight_bytes, server.weights, server.bits), (2000, 1000, {"one": 10.5}))
    self.assertEqual(server.skipped, {"other": "absent"})

  def test_race_takes_turns_and_drops_the_first_round(self):
    results = race([self.start("one"), self.start("two")], 9)
    # Each server counts its own runs: two a round, the order turned around in every second one.
    expected = [(2 * number + (2 if number % 2 else 1)) / 1000 for number in range(1, 10)]
    self.assertEqual(results.seconds[Entrant("one", "decode")], expected)
    self.assertEqual(results.seconds[Entrant("two", "decode")], expected)
    self.assertEqual(results.rounds, 9)
    self.assertEqual(results.skipped, {"other": "absent"})

  def test_different_samples_are_refused(self):
    with self.assertRaisesRegex(ContestFailed, "different samples"):
      race([self.start("one"), self.start("two", 1001)], 9)

  def test_server_that_dies_is_an_error_with_its_last_words(self):
    with self.assertRaisesRegex(ContestFailed, "exit status 1: mortal: out of breath"):
      race([self.start("mortal")], 9)

  def test_server_that_does_not_start_is_an_error(self):
    with self.assertRaisesRegex(ContestFailed, "exit status 1: no such sample"):
      Server([sys.executable, "-c", "import sys; sys.exit('no such sample')"])

  def test_core_is_the_only_one(self):
    core = max(os.sched_getaffinity(0))
    self.assertEqual(self.start("pinned", core=core).run(Entrant("pinned", "decode")), 100 + core)


class Figures(unittest.TestCase):
  ours, theirs, copy = Entrant("ours", "decode"), Entrant("theirs", "decode"), Entrant("streaming copy", "copy")

  def results(self) -> Results:
    seconds = {self.ours: [1.0, 2.0, 8.0], self.theirs: [4.0, 4.0, 4.0], self.copy: [0.5, 1.0, 2.0]}
    return Results(2 * 10**9, seconds, {"ours": 10.5})

  def test_speed_is_of_original_bytes(self):
    speed = self.results().speed(self.ours)
    self.assertEqual((speed.median, speed.least, speed.most), (1.0, 0.25, 2.0))

  def test_ratio_pairs_the_rounds(self):
    # The ratio of the medians would be 2 as well, but not the least and the most.
    ratio = self.results().ratio(self.ours, self.theirs)
    self.assertEqual((ratio.median, ratio.least, ratio.most), (2.0, 0.5, 4.0))
    paired = Results(1, {self.ours: [1.0, 3.0, 2.0], self.theirs: [3.0, 3.0, 1.0]})
    self.assertEqual(paired.ratio(self.ours, self.theirs).median, 1.0)

  def test_fastest_is_of_those_that_took_part(self):
    results = self.results()
    self.assertEqual(results.fastest(["theirs", "absent", "ours"], "decode"), self.ours)
    with self.assertRaisesRegex(ContestFailed, "absent"):
      results.fastest(["absent"], "decode")

  def test_document_has_ratios_and_bits(self):
    document = json.loads(json.dumps(self.results().to_json()))
    row = document["rows"][0]
    self.assertEqual((row["codec"], row["task"], row["bits_per_weight"]), ("ours", "decode", 10.5))
    self.assertEqual(row["of_streaming_copy"], {"median": 0.5, "least": 0.25, "most": 0.5})
    self.assertNotIn("bits_per_weight", document["rows"][1])

  def test_fewer_rounds_than_promised_are_refused(self):
    with self.assertRaisesRegex(ValueError, "rounds: found 8"):
      take_turns({self.ours: lambda: 1.0}, contest.LEAST_ROUNDS - 1)


class Chart(unittest.TestCase):
  crowd = [Point(f"codec {i}", 3 + i / 100, 1.5 + i / 10000, i == 0) for i in range(12)]

  def test_ticks(self):
    self.assertEqual(log_ticks(0.4, 25), [0.5, 1, 2, 5, 10, 20])
    self.assertEqual(linear_ticks(0.97, 1.53), [1.0, 1.1, 1.2, 1.3, 1.4, 1.5])
    for most in (1.001, 3, 47, 9999):
      self.assertTrue(4 <= len(linear_ticks(1, most)) <= 12, most)

  def test_labels_keep_clear_of_each_other_and_of_dots(self):
    dots = [(point.label, 300 + 2 * i, 200 + i) for i, point in enumerate(self.crowd)]
    boxes = place_labels(dots)
    for left, right in itertools.combinations(boxes, 2):
      self.assertFalse(left.overlaps(right))
    for box, (_, x, y) in itertools.product(boxes, dots):
      self.assertFalse(box.left < x < box.right and box.top < y < box.bottom)

  def test_no_room_is_an_error(self):
    with self.assertRaisesRegex(ValueError, "no room"):
      place_labels([("x" * 1000, 300, 200)])

  def test_chart_is_xml_with_a_dot_for_every_point(self):
    text = scatter("a < b", "x", "y", [*self.crowd, Point("far & slow", 0.3, 1.0)], ("copy", 20.0))
    root = xml.etree.ElementTree.fromstring(text)
    svg = "{http://www.w3.org/2000/svg}"
    circles = root.findall(f"{svg}circle")
    self.assertEqual([circle.get("class") for circle in circles], ["ours"] + ["other"] * 12)
    self.assertIn("far & slow", [element.text for element in root.findall(f"{svg}text")])
    self.assertIn("prefers-color-scheme: dark", text)

  def test_x_axis_is_logarithmic(self):
    points = [Point("a", 1, 1), Point("b", 10, 1.2), Point("c", 100, 1.4)]
    root = xml.etree.ElementTree.fromstring(scatter("t", "x", "y", points, ("copy", 50.0)))
    a, b, c = (float(circle.get("cx")) for circle in root.findall("{http://www.w3.org/2000/svg}circle"))
    self.assertTrue(math.isclose(b - a, c - b, abs_tol=0.2))


class ResultsText(unittest.TestCase):
  text = "# R\n\n## A\na\n### B\nb\n\n## C\nc\n"

  def test_section_ends_at_a_heading_of_its_rank(self):
    self.assertEqual(section(self.text, "## A"), "## A\na\n### B\nb\n\n")
    self.assertEqual(section(self.text, "## None"), "")

  def test_section_is_replaced_or_added(self):
    self.assertEqual(with_section(self.text, "## A", "## A\nnew\n"), "# R\n\n## A\nnew\n\n## C\nc\n")
    self.assertEqual(with_section(self.text, "## D", "## D\nd\n"), self.text + "\n## D\nd\n")
    self.assertEqual(with_section("", "## D", "## D\nd"), "## D\nd\n")


class Samples(unittest.TestCase):

  def setUp(self):
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self.source, self.target = (pathlib.Path(folder.name) / name for name in ("source", "target"))
    sizes = {"a": ("BF16", 70_000), "b": ("BF16", 100), "c": ("F32", 70_000), "d": ("BF16", 400_000)}
    write(self.source, [self.tensor(name, *what) for name, what in sizes.items()], {})

  @staticmethod
  def tensor(name: str, dtype: str, elements: int) -> NewTensor:
    data = name.encode() * elements * DTYPE_BYTES[dtype]
    return NewTensor(name, dtype, (elements,), lambda: [data])

  def elements(self) -> list[int]:
    return [info.num_elements for info in SafetensorsFile(self.target).tensors.values()]

  def test_all_larger_tensors_of_the_type(self):
    self.assertEqual(sample_file.write_sample(self.source, "BF16", self.target), 2 * 470_000)
    self.assertEqual(self.elements(), [70_000, 400_000])
    file = SafetensorsFile(self.target)
    self.assertEqual([bytes(file.data(name)[:1]) for name in file.tensors], [b"a", b"d"])

  def test_last_one_is_cut_to_whole_blocks(self):
    sample_file.write_sample(self.source, "BF16", self.target, most_bytes=2 * 80_000)
    self.assertEqual(self.elements(), [70_000, 1 << 17])

  def test_too_few_are_repeated(self):
    sample_file.write_sample(self.source, "F32", self.target, least_bytes=4 * 150_000)
    self.assertEqual(self.elements(), [70_000] * 3)

  def test_no_tensor_is_an_error(self):
    with self.assertRaisesRegex(ValueError, "no tensor of type F16"):
      sample_file.write_sample(self.source, "F16", self.target)


if __name__ == "__main__":
  unittest.main()
