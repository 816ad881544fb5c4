"""Tests of the mutation rules and of the lists of planted bugs and of equivalent mutations."""

import unittest

import mutants
import mutations
import planted
from test_programs import ROOT, kernel_headers


def edits(line: str) -> set[str]:
  """The mutants of a function with one line, as what becomes of that line."""
  text = f"void F() {{\n  {line}\n}}\n"
  return {mutant.apply(text).split("\n")[1].strip() for mutant in mutants.mutants_of("a.h", text)}


class Rules(unittest.TestCase):

  def test_comparisons_are_off_by_one_and_negated(self):
    self.assertLessEqual({"p = a <= b;", "p = a >= b;", ";"}, edits("p = a < b;"))

  def test_angle_brackets_of_templates_are_left_alone(self):
    self.assertEqual(edits("const simt::Pair<U32> a = Foo<Ctx, Bar<U32>>(ctx);"), set())

  def test_shifts_change_direction_and_amount(self):
    self.assertLessEqual({"a = b << c;", "a = b >> 1 + c;"}, edits("a = b >> c;"))

  def test_barriers_are_dropped_and_weakened(self):
    self.assertEqual(edits("ctx.BlockBarrier();"), {";", "ctx.WarpBarrier();"})

  def test_conditions_are_negated_and_removed(self):
    self.assertLessEqual({"if (!(a)) b();", "if (true) b();", "if (false) b();", "if (a) ;"}, edits("if (a) b();"))
    self.assertLessEqual({"ctx.GlobalStoreIf(!(p), q, i, v);", "ctx.GlobalStoreIf(typename Ctx::Pred(true), q, i, v);",
                          "ctx.GlobalStoreIf(p, q, i + 1, v);"}, edits("ctx.GlobalStoreIf(p, q, i, v);"))  # yapf: disable
    self.assertIn("const int a = !(b == 1) ? c : d;", edits("const int a = b == 1 ? c : d;"))

  def test_arguments_of_a_selection_are_swapped(self):
    self.assertIn("x = ctx.Select(p, b(1, 2), a);", edits("x = ctx.Select(p, a, b(1, 2));"))

  def test_constants_go_up_and_down_and_masks_lose_bits(self):
    self.assertLessEqual({"return a + 3;", "return a + 1;"}, edits("return a + 2;"))
    self.assertLessEqual({"return a & 0x1c;", "return a & 0xe;"}, edits("return a & 0x1e;"))
    self.assertIn("return a & (kMask + 1);", edits("return a & kMask;"))

  def test_indices_move(self):
    self.assertIn("return a[(i) + 1];", edits("return a[i];"))
    self.assertEqual(edits("uint16_t counts[kLevels];"), {"uint16_t counts[(kLevels + 1)];"})

  def test_comments_and_includes_have_none(self):
    self.assertEqual(mutants.mutants_of("a.h", "#include <a.h>  // b < c\n// a + 1\n"), [])

  def test_mutants_of_one_line_have_different_keys(self):
    for path in kernel_headers():
      keys = [mutant.key for mutant in mutants.mutants_of(path, (ROOT / path).read_text())]
      self.assertEqual(len(keys), len(set(keys)), path)


class Samples(unittest.TestCase):

  def test_a_smaller_sample_is_the_begin_of_a_larger_one(self):
    known = mutations.all_mutants()
    larger = mutants.sample(known, 7, 2, 40)
    self.assertEqual(larger[:10], mutants.sample(known, 7, 2, 10))
    self.assertNotEqual(larger, mutants.sample(known, 8, 2, 40))

  def test_no_line_is_drawn_more_often_than_asked(self):
    chosen = mutants.sample(mutations.all_mutants(), 1, 1, 0)
    places = [(mutant.path, mutant.line_number) for mutant in chosen]
    self.assertEqual(len(places), len(set(places)))
    self.assertEqual({path for path, _ in places}, {m.path for m in mutations.all_mutants()})

  def test_headers_are_taken_and_left_out_by_their_path(self):
    known = mutations.all_mutants()
    paths = {mutant.path for mutant in mutations.of_files(known, "tier_", ["gemv", "digits"])}
    self.assertIn("gpu/kernels/tier_decode.h", paths)
    self.assertTrue(all("tier_" in path and "gemv" not in path and "digits" not in path for path in paths), paths)


class Lists(unittest.TestCase):

  def test_equivalent_mutations_are_mutations_of_today(self):
    self.assertTrue(all(mutations.read_equivalent(mutations.all_mutants()).values()))

  def test_planted_bugs_match_the_kernels(self):
    for bug in planted.read_bugs():
      planted.plant(bug, (ROOT / bug["file"]).read_text())

  def test_a_planted_bug_that_matches_nothing_is_an_error(self):
    with self.assertRaisesRegex(RuntimeError, "found 'x' 0 times, expected it once"):
      planted.plant({"file": "a.h", "from": "x", "to": "y"}, "z")

  def test_survivors_count_against_the_share_and_equivalent_ones_do_not(self):
    mutant = mutations.all_mutants()[0]
    verdicts = ["killed", "killed", "survived", "equivalent", "same code", "does not compile"]
    self.assertEqual(mutations.killed_share([mutations.Result(mutant, v, "") for v in verdicts]), (2, 3))


if __name__ == "__main__":
  unittest.main()
