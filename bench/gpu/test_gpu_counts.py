"""Tests of the counting scripts, without CUDA: python3 -m unittest discover -s bench/gpu

testdata/*.sass is what nvdisasm prints of testdata/example_kernel.cu; other listings are written by hand here.
"""

import dataclasses
import io
import pathlib
import struct
import unittest
from contextlib import redirect_stdout
from unittest import mock

import numpy as np

import budget_rows  # puts bench/accept on the path
import counting
import cubin
import flow
import huffman_trips
import pipes
import roofline
import rows
import sass
import sass_counts
import tier_trips

_DATA = pathlib.Path(__file__).resolve().parent / "testdata"
_SM_90 = pipes.ARCHITECTURES["sm_90"]


def example(arch: str) -> sass.Function:
  """Returns the example kernel, its lines pointing at its source here."""
  text = (_DATA / f"example_{arch}.sass").read_text()
  return sass.parse(text.replace("example_kernel.cu", str(_DATA / "example_kernel.cu")), "ExampleKernel")


def listing(*lines: str, stall: int = 1, write_barrier: int = 7, wait_mask: int = 0) -> sass.Function:
  """Returns a function of instructions "OPCODE operands" and labels ".L_x:", all with the same scheduling bits."""
  control = stall | write_barrier << 5 | 7 << 8 | wait_mask << 11
  text, address = [".text.Kernel:"], 0
  for line in lines:
    if line.endswith(":"):
      text.append(line)
      continue
    text += [f"/*{address:04x}*/ {line} ; /* 0x{0:016x} */", f"/* 0x{control << 41:016x} */"]
    address += 16
  return sass.parse("\n".join(text), "Kernel")


def successors(function: sass.Function) -> list[list[int]]:
  """Returns where each block goes."""
  return [block.successors for block in function.blocks]


class Parsing(unittest.TestCase):

  def test_scheduling_bits_of_a_load_and_of_its_use(self):
    loop = example("sm_90").blocks[2].instructions
    load = next(instruction for instruction in loop if instruction.opcode == "LDG.E.128")
    self.assertEqual((load.stall, load.write_barrier, load.read_barrier, load.wait_mask), (1, 2, sass.NO_BARRIER, 0))
    use = next(instruction for instruction in loop if instruction.opcode == "IMAD.SHL.U32")
    self.assertEqual(use.wait_mask, 1 << 2)

  def test_blocks_of_the_example(self):
    for arch in ("sm_80", "sm_90"):
      with self.subTest(arch=arch):
        self.assertEqual(successors(example(arch)), [[1, 3], [2], [3, 2], [4, sass.EXIT], [sass.EXIT]])

  def test_an_instruction_knows_the_line_it_was_inlined_into(self):
    shuffle = next(instruction for block in example("sm_90").blocks for instruction in block.instructions
                   if instruction.root == "SHFL")
    self.assertIn("__shfl_xor_sync", counting.source_text(shuffle))

  def test_lines_do_not_leak_into_the_next_instruction(self):
    add = next(instruction for instruction in example("sm_90").blocks[3].instructions if instruction.root == "FADD")
    self.assertEqual([line.rpartition(":")[2] for line in add.lines], ["22"])

  def test_reconvergence_goes_to_the_target_of_its_barrier(self):
    function = listing("BSSY B0, `(.L_2)", "@P0 BRA `(.L_1)", "BSYNC B0", ".L_1:", "NOP", "BSYNC B0", ".L_2:", "EXIT")
    self.assertEqual(successors(function), [[1, 2], [3], [3], [sass.EXIT]])

  def test_whole_warps_skip_the_slow_form_of_a_warp_barrier(self):
    function = listing("BRA.CONV ~URZ, `(.L_1)", "CALL.REL.NOINC `($elsewhere)", ".L_1:", "EXIT")
    self.assertEqual(successors(function), [[1], [sass.EXIT]])

  def test_slow_collectives_and_far_calls(self):
    function = listing("BRA.DIV ~URZ, `(.L_9)", "@P1 CALL.REL.NOINC `(.L_1)", "NOP", ".L_1:", "EXIT", ".L_9:",
                       "CALL.REL.NOINC `($elsewhere)")
    self.assertEqual(successors(function), [[1, 2], [2], [sass.EXIT]])

  def test_a_second_predicate_makes_a_branch_conditional(self):
    self.assertEqual(successors(listing(".L_0:", "BRA P1, `(.L_0)", "EXIT")), [[1, 0], [sass.EXIT]])

  def test_reachable_calls_are_refused(self):
    with self.assertRaisesRegex(sass.SassError, "found CALL.REL.NOINC"):
      listing("CALL.REL.NOINC `($elsewhere)", "EXIT")

  def test_an_exact_name_goes_before_a_part_of_one(self):
    text = "\n".join(f".text.{name}:\n/*0000*/ {opcode} ; /* 0x{0:016x} */" for name, opcode in
                     (("TierWide", "RET"), ("Tier", "EXIT")))  # yapf: disable
    self.assertEqual(sass.parse(text, "Tier").blocks[0].last.opcode, "EXIT")
    self.assertEqual(sass.parse(text, "Wide").blocks[0].last.opcode, "RET")

  def test_listing_without_encodings_is_refused(self):
    with self.assertRaisesRegex(sass.SassError, "expected one"):
      sass.parse("/*0000*/ EXIT ;", "Kernel")
    with self.assertRaisesRegex(sass.SassError, "no instruction with its encoding"):
      sass.parse(".text.Kernel:\n/*0000*/ EXIT ;", "Kernel")


class Pipes(unittest.TestCase):

  def clocks(self, opcode: str, arch: str = "sm_90", wavefronts: float = 0) -> dict:
    """What one such instruction costs."""
    return pipes.ARCHITECTURES[arch].clocks(sass.Instruction(0, opcode, "", ""), wavefronts)

  def test_pipes(self):
    self.assertEqual(self.clocks("PRMT"), {"issue": 0.25, "alu": 0.5})
    self.assertEqual(self.clocks("IMAD.WIDE.U32"), {"issue": 0.25, "fma": 0.5})
    self.assertEqual(self.clocks("FFMA"), {"issue": 0.25, "fma": 0.25})
    self.assertEqual(self.clocks("FFMA", "sm_80"), {"issue": 0.25, "fma": 0.5})
    self.assertEqual(self.clocks("POPC"), {"issue": 0.25, "xu": 2})
    self.assertEqual(self.clocks("HMMA.16816.F32.BF16", "sm_80"), {"issue": 0.25, "tensor": 2})
    self.assertEqual(self.clocks("UIADD3"), {"issue": 0.25, "uniform": 0.5})
    self.assertEqual(self.clocks("ULDC.64"), {"issue": 0.25})
    self.assertEqual(self.clocks("LDS.128", wavefronts=4), {"issue": 0.25, "mio": 4})

  def test_no_opcode_is_guessed(self):
    with self.assertRaisesRegex(pipes.UnknownOpcode, "WHATEVER"):
      self.clocks("WHATEVER.U32")

  def test_wavefronts_by_width(self):
    by_opcode = {"LDG.E.U8.CONSTANT": 1, "LDG.E.64": 2, "STS.128": 4, "LDS": 1, "SHFL.IDX": 1, "LDSM.16.M88.4": 4,
                 "ATOMS.ADD": 1}  # yapf: disable
    for opcode, wavefronts in by_opcode.items():
      self.assertEqual(pipes.default_wavefronts(sass.Instruction(0, opcode, "", "")), wavefronts, opcode)

  def test_resident_warps(self):
    self.assertEqual(counting.resident_warps(_SM_90, 32, 0, 256), 64)
    self.assertEqual(counting.resident_warps(_SM_90, 80, 0, 256), 24)  # 2560 registers a warp: 24, in blocks of 8
    self.assertEqual(counting.resident_warps(_SM_90, 64, 64 << 10, 256), 24)  # 65 KiB of 228: three blocks
    self.assertEqual(counting.resident_warps(pipes.ARCHITECTURES["sm_89"], 32, 0, 512), 48)
    self.assertEqual(counting.resident_warps(_SM_90, 32, 0, 32), 32)  # blocks of one warp
    self.assertEqual(counting.resident_warps(_SM_90, 96, 0, 32), 20)  # 5 in each quarter, not 21 in all


class Flow(unittest.TestCase):

  def test_frequencies_of_a_loop_with_a_rare_branch(self):
    function = listing("NOP", ".L_0:", "@P0 BRA `(.L_1)", "NOP", ".L_1:", "@P1 BRA `(.L_0)", "EXIT")
    self.assertEqual(successors(function), [[1], [2, 3], [3], [4, 1], [sass.EXIT]])
    runs = flow.frequencies(function, {1: 0.75, 3: 1 - 1 / 10})
    for found, expected in zip(runs, [1, 10, 2.5, 10, 1]):
      self.assertAlmostEqual(found, expected)

  def test_a_loop_whose_exit_is_the_taken_side(self):
    function = listing(".L_0:", "NOP", "@P0 CALL.REL.NOINC `(.L_1)", "BRA `(.L_0)", ".L_1:", "EXIT")
    taken = counting.probabilities(function, [{"trips": 8}])
    self.assertAlmostEqual(flow.frequencies(function, taken)[0], 8)
    self.assertEqual(flow.lone_warp_clocks(function, taken, lambda _: "l1"), 8 * 2 + 7 + 1)

  def test_a_loop_without_an_end_is_refused(self):
    with self.assertRaises(flow.FlowError):
      flow.frequencies(listing(".L_0:", "@P0 BRA `(.L_0)", "EXIT"), {0: 1.0})

  def test_lone_warp_waits_for_its_loads(self):
    function, taken = example("sm_90"), {0: 0.0, 2: 1 - 1 / 10, 3: 0.0}
    clocks = {memory: flow.lone_warp_clocks(function, taken, lambda _, memory=memory: memory)
              for memory in ("l1", "dram")}  # yapf: disable
    # Ten loads of the loop and the one of the table; two loads wait for each other nowhere.
    difference = 11 * (pipes.LATENCY["dram"] - pipes.LATENCY["l1"])
    self.assertAlmostEqual(clocks["dram"] - clocks["l1"], difference, delta=0.02 * difference)

  def test_lone_warp_takes_at_least_its_stalls(self):
    self.assertEqual(flow.lone_warp_clocks(listing("NOP", "NOP", "EXIT"), {}, lambda _: "l1"), 3)
    self.assertEqual(flow.lone_warp_clocks(listing("NOP", "NOP", "EXIT", stall=5), {}, lambda _: "l1"), 15)

  def test_lone_warp_pays_for_block_barriers_and_reads_spills_from_l1(self):
    plain = flow.lone_warp_clocks(listing("NOP", "EXIT"), {}, lambda _: "dram")
    barrier = flow.lone_warp_clocks(listing("BAR.SYNC 0x0", "EXIT"), {}, lambda _: "dram")
    self.assertEqual(barrier - plain, pipes.LATENCY["special"])
    spill = listing("LDL R0, [R1]", "EXIT", write_barrier=0, wait_mask=1)
    self.assertLess(flow.lone_warp_clocks(spill, {}, lambda _: "dram"), 3 * pipes.LATENCY["l1"])


class Counting(unittest.TestCase):
  _TABLE = {
      "weights_per_warp": 2048,
      "threads": 256,
      "branches": [{"text": "group < num_groups", "taken": 0}, {"text": "group < num_groups", "trips": 100},
                   {"text": "if (lane == 0)", "taken": 0}],
  }  # yapf: disable

  def count(self, **changes) -> counting.Counts:
    """Counts the example with a changed table."""
    return counting.count("example", _SM_90, example("sm_90"), cubin.Resources(15, 1024), {**self._TABLE, **changes})

  def test_clocks_of_a_loop(self):
    # Its 17 instructions: 9 of the ALU, 3 IMAD and an FFMA, a 16-byte load, a look-up and a store of 4 bytes.
    more, less = self.count(), self.count(branches=[*self._TABLE["branches"][:1], {"trips": 99}, {"taken": 0}])
    for pipe, clocks in {"issue": 17 / 4, "alu": 9 / 2, "fma": 3 / 2 + 1 / 4, "mio": 4 + 1 + 1, "xu": 0}.items():
      self.assertAlmostEqual(more.clocks[pipe] - less.clocks[pipe], clocks, msg=pipe)

  def test_a_unit_is_2048_weights(self):
    half = self.count(weights_per_warp=1024)
    self.assertAlmostEqual(half.clocks["alu"], 2 * self.count().clocks["alu"])
    self.assertAlmostEqual(half.lone_warp_clocks, 2 * self.count().lone_warp_clocks)

  def test_accesses_by_the_text_of_their_line(self):
    conflicts = self.count(accesses=[{"text": "entries[word.x", "wavefronts": 3.5}])
    self.assertAlmostEqual(conflicts.clocks["mio"] - self.count().clocks["mio"], 100 * 2.5)
    cached = self.count(accesses=[{"text": "words[group", "memory": "l1"}])
    self.assertLess(cached.lone_warp_clocks, self.count().lone_warp_clocks / 2)

  def test_accesses_by_opcode(self):
    both = self.count(accesses=[{"text": "words[group", "opcode": "LDS", "wavefronts": 100}])
    self.assertEqual(both.clocks, self.count().clocks)

  def test_branches_of_one_architecture(self):
    trips = [{"taken": 0}, {"trips": 1}, {"taken": 0}]
    self.assertLess(self.count(branches_sm_90=trips).clocks["alu"], self.count().clocks["alu"] / 5)
    self.assertEqual(self.count(branches_sm_80=trips).clocks, self.count().clocks)

  def test_entries_that_stand_for_several_branches(self):
    entries = [{"text": "a", "taken": [0, 0.5]}, {"repeat": 2, "of": [{"trips": 3}, {"taken": 1}]}]
    self.assertEqual(counting.expanded(entries),
                     [{"text": "a", "taken": 0}, {"text": "a", "taken": 0.5}, *[{"trips": 3}, {"taken": 1}] * 2])
    self.assertEqual(self.count(branches=[{"taken": [0]}, {"repeat": 1, "of": self._TABLE["branches"][1:]}]).clocks,
                     self.count().clocks)

  def test_a_table_like_another(self):
    loop = {"text": "loop", "trips": 1}
    tables = {
        "one": {"threads": 32, "branches": [{"repeat": 2, "of": [loop]}], "branches_sm_80": [loop, {"taken": 1}]},
        "two": {"like": "one", "threads": 64, "changes": [{"text": "loop", "trips": 5}]},
        "bad": {"like": "one", "changes": [{"text": "loo", "trips": 5}]},
    }
    changed = {**loop, "trips": 5}
    self.assertEqual(counting.whole_table(tables, "two"), {
        "threads": 64, "branches": [{"repeat": 2, "of": [changed]}], "branches_sm_80": [changed, {"taken": 1}]})
    self.assertEqual(counting.whole_table(tables, "one"), tables["one"])
    with self.assertRaisesRegex(counting.TableError, "found 'loo', expected the text of a branch of one"):
      counting.whole_table(tables, "bad")

  def test_threads_and_shared_memory_of_one_architecture(self):
    counts = self.count(threads_sm_90=1024, dynamic_shared_bytes=7, dynamic_shared_bytes_sm_90=120 << 10)
    self.assertEqual((counts.shared_bytes, counts.resident_warps), ((120 << 10) + 1024, 32))
    self.assertEqual(self.count(threads_sm_80=1024).resident_warps, 64)

  def test_shared_memory_and_resident_warps(self):
    self.assertEqual(self.count(dynamic_shared_bytes=1000).shared_bytes, 2024)
    self.assertEqual(self.count().resident_warps, 64)
    self.assertEqual(self.count(max_resident_warps=5).resident_warps, 5)

  def test_wavefronts_of_the_executor_count_instead(self):
    self.assertEqual(self.count(wavefronts=123.5).clocks["mio"], 123.5)

  def test_a_table_that_does_not_fit_the_code_is_refused(self):
    with self.assertRaisesRegex(counting.TableError, "found 3 branches in the code, expected 2"):
      self.count(branches=self._TABLE["branches"][:2])
    with self.assertRaisesRegex(counting.TableError, "expected 'while' in it"):
      self.count(branches=[{"text": "while", "taken": 0}, *self._TABLE["branches"][1:]])
    with self.assertRaisesRegex(counting.TableError, "forward branch, expected a loop's"):
      self.count(branches=[{"trips": 3}, *self._TABLE["branches"][1:]])

  def test_over_budget(self):
    counts = self.count()
    self.assertEqual(counting.over_budget(counts, {"registers": 15, "spill_instructions": 0, "alu": 1e6}), [])
    self.assertEqual(counting.over_budget(counts, {"registers": 14}), ["registers: found 15, expected at most 14"])
    self.assertEqual(len(counting.over_budget(counts, {"alu": 1, "mio": 1, "fma": 1e6})), 2)
    self.assertEqual(len(counting.over_budget(self.count(bytes_by_coded=1.03), {"bytes_by_coded": 1.02})), 1)

  def test_spills_are_seen(self):
    function = listing("STL [R1], R2", "LDL R2, [R1]", "EXIT")
    table = {"weights_per_warp": 2048, "threads": 32, "branches": []}
    counts = counting.count("spills", _SM_90, function, cubin.Resources(255, 0), table)
    self.assertEqual(counts.spill_instructions, 2)


def elf(sections: dict[str, bytes]) -> bytes:
  """Returns an ELF file of these sections, as far as cubin.py looks."""
  names = [".shstrtab", *sections]
  bodies = [b"", *sections.values()]
  bodies[0] = "\0".join(["", *names, ""]).encode()
  offset, header, data = 64, b"", b""
  for name, body in zip(names, bodies):
    name_offset = bodies[0].index(b"\0" + name.encode() + b"\0") + 1
    header += struct.pack("<IIQQQQIIQQ", name_offset, 1, 0, 0, offset + len(data), len(body), 0, 0, 0, 0)
    data += body
  start = bytearray(64)
  struct.pack_into("<Q", start, 40, 64 + len(data))
  struct.pack_into("<HH", start, 60, len(names), 0)
  return bytes(start) + data + header


class Cubin(unittest.TestCase):

  def sections(self) -> dict[str, bytes]:
    """A kernel "K", the second symbol, of 40 registers and 1536 bytes in its section of shared memory."""
    symbols = struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0) + struct.pack("<IBBHQQ", 1, 0, 0, 0, 0, 0)
    counts = [struct.pack("<HHII", 0x2f04, 8, symbol, count) for symbol, count in ((0, 99), (1, 40))]
    info = counts[0] + struct.pack("<HH", 0x0003, 5) + counts[1]
    return {".strtab": b"\0K\0", ".symtab": symbols, ".nv.info": info, ".nv.shared.K": bytes(1536)}

  def test_registers_and_shared_bytes(self):
    self.assertEqual(cubin.resources(elf(self.sections()), "K"), cubin.Resources(40, 1536))

  def test_reserved_shared_memory_is_not_the_kernels(self):
    sections = {**self.sections(), ".nv.shared.reserved.0": b""}
    self.assertEqual(cubin.resources(elf(sections), "K"), cubin.Resources(40, 512))

  def test_unknown_kernel(self):
    with self.assertRaises(KeyError):
      cubin.resources(elf(self.sections()), "L")


class Script(unittest.TestCase):

  def test_a_missing_tool_is_a_skip_that_names_it(self):
    with mock.patch("shutil.which", return_value=None), mock.patch("pathlib.Path.is_file", return_value=False):
      verdict, text, counts = sass_counts.judge("k", "sm_90", {"k": {"source": "k.cu", "function": "K"}}, {"k": {}})
    self.assertEqual((verdict, counts), ("SKIP", None))
    self.assertIn("nvcc not found", text)

  def judged(self, limits: dict) -> str:
    """The verdict on the example with these limits."""
    loaded = (example("sm_90"), cubin.Resources(15, 1024))
    table = sass_counts.read_json("kernels.json")["example"]
    with mock.patch("sass_counts.load_function", return_value=loaded):
      return sass_counts.judge("example", "sm_90", {"example": table}, {"example": {"sm_90": limits}})[0]

  def test_rows_of_the_budget_skip_without_cuda_and_fail_over_it(self):
    row = budget_rows.budget_rows()[0]
    with mock.patch("sass_counts.judge", return_value=("SKIP", "no nvcc", None)):
      self.assertEqual(rows.measure_row(row), ("SKIP", "no nvcc"))
    with mock.patch("sass_counts.judge", return_value=("FAIL", "registers", {})):
      self.assertEqual(rows.measure_row(row), ("FAIL", "registers"))

  def test_verdicts(self):
    self.assertEqual(self.judged({"registers": 15}), "PASS")
    self.assertEqual(self.judged({"registers": 14}), "FAIL")

  def test_every_kernel_has_a_table_and_a_budget(self):
    tables, budgets = sass_counts.read_tables(), sass_counts.read_json("budget.json")
    self.assertEqual(list(tables), list(budgets))
    for name, table in tables.items():
      self.assertTrue((sass_counts.REPOSITORY / table["source"]).is_file(), name)
      self.assertLessEqual(set(budgets[name]), set(sass_counts.ARCHS), name)

  def run_main(self, verdict: str, *arguments: str) -> tuple[int, mock.Mock]:
    """Runs the script with this verdict on everything; returns its status and what would have written counts.json."""
    with mock.patch("sass_counts.judge", return_value=(verdict, "text", {})), \
         mock.patch("sys.argv", ["sass_counts.py", *arguments]), redirect_stdout(io.StringIO()), \
         mock.patch("pathlib.Path.write_text") as write:
      return sass_counts.main(), write

  def test_exit_status_and_what_is_written(self):
    self.assertEqual(self.run_main("PASS")[0], 0)
    self.assertEqual(self.run_main("SKIP")[0], 0)
    self.assertEqual(self.run_main("FAIL")[0], 1)
    self.run_main("PASS")[1].assert_not_called()
    self.run_main("PASS", "--write")[1].assert_called_once()
    self.run_main("SKIP", "--write")[1].assert_not_called()

  def test_branches_of_the_example_are_listed_in_order(self):
    with mock.patch("sass_counts.load_function", return_value=(example("sm_90"), None)), \
         redirect_stdout(io.StringIO()) as out:
      sass_counts.print_branches({}, "sm_90")
    self.assertEqual([line.split("\t")[1] for line in out.getvalue().splitlines()], ["forward", "loop", "forward"])


  def test_blocks_are_listed_by_what_they_cost(self):
    table = sass_counts.read_json("kernels.json")["example"]
    with mock.patch("sass_counts.load_function", return_value=(example("sm_90"), None)), \
         redirect_stdout(io.StringIO()) as out:
      sass_counts.print_blocks(table, "sm_90")
    _, dearest, *_ = out.getvalue().splitlines()
    self.assertEqual(dearest.split("\t")[:5], ["0x190", "8.000", "136", "34.0", "36.0"])


class TierTrips(unittest.TestCase):

  def test_counts_of_levels(self):
    # Exponents 10, 20 and 30 are the three commonest; 40 and 41 escape once, and 50 twice under a level of one bit.
    exponents = np.repeat(np.array([10, 20, 30, 40, 41, 50]), [2000, 1000, 600, 300, 150, 46])
    places = tier_trips.ranks(np.tile(exponents, 2))
    np.testing.assert_array_equal(tier_trips.level_counts(places, "21"), [[496, 196], [496, 196]])
    np.testing.assert_array_equal(tier_trips.level_counts(places[:5000], "22"), [[496, 0]])

  def test_trips_of_a_group(self):
    trips = tier_trips.group_trips(np.array([[1114, 164, 28], [2049, 0, 0]]))
    self.assertEqual(list(trips["units of deep levels"]), [18 + 3, 33])
    self.assertEqual(list(trips["steps of deep units"]), [1, 2])
    self.assertEqual(list(trips["steps of deep pieces"]), [3 + 1, 5])
    self.assertEqual(list(trips["steps of raw words"]), [1, 1])
    self.assertEqual(list(trips["too wide for narrow"]), [False, True])
    self.assertEqual(list(trips["more than 2 levels"]), [True, True])
    self.assertEqual(list(trips["more than 3 levels"]), [False, False])

  def test_a_block_takes_its_cheapest_shape(self):
    self.assertEqual(tier_trips.cheapest_shape(np.zeros(4096, dtype=np.int64)), "1")
    self.assertEqual(tier_trips.cheapest_shape(np.arange(4096) % 3), "2")


class HuffmanTrips(unittest.TestCase):

  def test_lengths_are_those_of_a_huffman_tree(self):
    np.testing.assert_array_equal(huffman_trips.code_lengths(np.array([8, 0, 4, 2, 1])), [1, 0, 2, 3, 3])

  def test_trips_of_warps(self):
    # One warp: its first 8 lanes have 32 codes of two bits, the others 7, six of 9 bits and one of 10. The last code
    # is of the next warp, which is not whole.
    lengths = np.array([2] * 32 * 8 + [9, 9, 9, 9, 9, 9, 10] * 24 + [2])
    trips = huffman_trips.warp_trips(lengths)
    self.assertEqual(trips["weights of a warp"], 32 * 8 + 7 * 24)
    self.assertEqual(trips["groups of four steps"], 8)
    self.assertAlmostEqual(trips["share of steps with a second lookup"], 7 / 32)
    self.assertEqual(trips["words moved"], 8)


class Launch(unittest.TestCase):

  def test_every_file_of_gpu_launch_is_counted(self):
    counted = {table["source"] for table in sass_counts.read_tables().values()}
    root = sass_counts.REPOSITORY
    shells = (root / "gpu/launch").glob("*.cu")
    files = {str(path.relative_to(root)) for path in shells if "gpu/examples/" not in path.read_text()}
    self.assertEqual(files - counted, set(), "kernels.json has no table for these")


class Roofline(unittest.TestCase):
  _CARD = roofline.Machine("card", "sm_90", 100, 2.0, 1000, "nowhere")

  def predict(self, bytes_per_weight: float = 0, **changes) -> roofline.Prediction:
    """Predicts a kernel that asks for little but what is changed."""
    counts = {"clocks": {"alu": 1}, "lone_warp_clocks": 1, "resident_warps": 1, **changes}
    return roofline.predict(self._CARD, counts, bytes_per_weight)

  def test_limits(self):
    memory = self.predict(bytes_per_weight=2)
    self.assertEqual(memory.limit, "memory")
    self.assertAlmostEqual(memory.weights_per_second * 2, 0.8 * 1000e9, places=0)
    pipe = self.predict(clocks={"alu": 10, "mio": 20})
    self.assertEqual(pipe.limit, "mio")
    self.assertAlmostEqual(pipe.weights_per_second, 0.8 * 2048 * 200e9 / 20, places=0)
    latency = self.predict(lone_warp_clocks=3200, resident_warps=32)
    self.assertEqual(latency.limit, "latency")
    self.assertAlmostEqual(latency.weights_per_second, 0.8 * 2048 * 200e9 / 100, places=0)

  def test_what_a_budget_allows(self):
    # 5 bytes a clock and SM: 2048 weights take 819 clocks as bf16, 550 as 10.75 bits.
    self.assertEqual(roofline.budget_row(self._CARD), ["card", "819", "550", "1.49", "memory", "630"])
    fast = dataclasses.replace(self._CARD, bandwidth_gb=4000)
    self.assertEqual(roofline.budget_row(fast), ["card", "205", "138", "1.03", "the kernel", "158"])

  def test_too_fast_and_too_slow_are_both_not_reproduced(self):
    for predicted, within in ((70, False), (76, True), (124, True), (130, False)):
      self.assertEqual(roofline.Reproduced({"published_gb": 100}, self._CARD, predicted, "").within, within)

  def test_at_least_three_published_codecs_are_reproduced(self):
    cards = roofline.machines(roofline.read_json("machines.json"))
    peers, published = roofline.read_json("peers.json"), roofline.read_json("published.json")
    codecs = {result["kernels"][0] for result in published["results"] if result["is_codec"]
              and roofline.reproduce(result, peers, cards).within}  # yapf: disable
    self.assertGreaterEqual(len(codecs), 3)

  def test_the_page_is_what_the_script_writes(self):
    self.assertEqual(roofline.PAGE.read_text(), roofline.page(), "run bench/gpu/roofline.py")

  def test_no_speed_of_ours_without_the_word(self):
    header = next((line for line in roofline.page().splitlines() if line.startswith("| kernel | card")), "predicted")
    self.assertIn("predicted", header)


if __name__ == "__main__":
  unittest.main()
