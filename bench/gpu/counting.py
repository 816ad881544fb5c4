"""Counts what a kernel asks of an SM, per pipe, from its code and a table of how often its branches go which way."""

import dataclasses
import functools
import math
import pathlib

import flow
import pipes
from cubin import Resources
from sass import Block, Function, Instruction

UNIT_WEIGHTS = 2048
_SCHEDULERS = 4
_REGISTER_GRANULE = 256
_RESERVED_SHARED_BYTES = 1024


class TableError(Exception):
  """The table does not fit the code; the message says where."""


@dataclasses.dataclass(frozen=True)
class Counts:
  """What UNIT_WEIGHTS weights ask of one SM, and what a kernel's blocks take."""
  kernel: str
  arch: str
  clocks: dict[str, float]  # SM-clocks per pipe
  instructions: float  # of a warp
  lone_warp_clocks: float  # of one warp alone, for the same weights
  registers: int
  shared_bytes: int  # of a block, dynamic ones included
  spill_instructions: float
  resident_warps: int  # of an SM
  bytes_by_coded: float  # of memory, by those that the weights take in a container; 0 if the table does not say

  def to_json(self) -> dict:
    """Returns plain values, rounded to what the table is good for."""
    values = dataclasses.asdict(self)
    values["clocks"] = {pipe: round(clocks, 1) for pipe, clocks in self.clocks.items()}
    for name in ("instructions", "lone_warp_clocks", "spill_instructions"):
      values[name] = round(values[name], 1)
    return values


def resident_warps(arch: pipes.Architecture, registers: int, shared_bytes: int, threads: int) -> int:
  """Returns how many warps of such blocks one SM holds."""
  warps_per_block = math.ceil(threads / 32)
  registers_per_warp = math.ceil(registers * 32 / _REGISTER_GRANULE) * _REGISTER_GRANULE
  by_registers = arch.registers // _SCHEDULERS // registers_per_warp * _SCHEDULERS // warps_per_block
  by_shared = arch.shared_bytes // (shared_bytes + _RESERVED_SHARED_BYTES)
  blocks = min(by_registers, by_shared, arch.max_blocks, arch.max_warps // warps_per_block)
  return blocks * warps_per_block


@functools.cache
def _source_lines(path: str) -> list[str]:
  file = pathlib.Path(path)
  return file.read_text().splitlines() if file.is_file() else []


def _line_text(line: str) -> str:
  path, _, number = line.rpartition(":")
  lines = _source_lines(path)
  return lines[int(number) - 1].strip() if 0 < int(number) <= len(lines) else ""


def source_text(instruction: Instruction) -> str:
  """Returns its source line and those it was inlined into, innermost first; nothing of files that are not at hand."""
  return " < ".join(text for text in map(_line_text, instruction.lines) if text)


def branches(function: Function) -> list[Block]:
  """Returns the blocks that end in a branch, in the order in which a table lists them."""
  return [block for block in function.blocks if block.is_branch]


def _probability(block: Block, side: int | None, entry: dict, where: str) -> float:
  if entry.get("text", "") not in source_text(block.last):
    raise TableError(f"{where}: found {source_text(block.last)!r}, expected {entry['text']!r} in it")
  if "trips" in entry:
    if side is None:
      raise TableError(f"{where}: found a forward branch, expected a loop's, as the table has trips")
    leaves = 1 / max(1, entry["trips"])
    return 1 - leaves if side == 1 else leaves
  return entry["taken"]


def expanded(entries: list[dict]) -> list[dict]:
  """Returns one entry for each branch, of those that stand for several: a list as "taken", or "repeat" of others."""
  found = []
  for entry in entries:
    if "repeat" in entry:
      found += expanded(entry["of"]) * entry["repeat"]
    elif isinstance(entry.get("taken"), list):
      found += [{**entry, "taken": share} for share in entry["taken"]]
    else:
      found.append(entry)
  return found


def _changed(entries: list[dict], changes: list[dict], used: set[int]) -> list[dict]:
  result = []
  for entry in entries:
    if "repeat" in entry:
      result.append({**entry, "of": _changed(entry["of"], changes, used)})
      continue
    matches = [number for number, change in enumerate(changes) if change["text"] == entry.get("text")]
    used.update(matches)
    result.append({**entry, **(changes[matches[0]] if matches else {})})
  return result


def whole_table(tables: dict, name: str) -> dict:
  """Returns a table; one that is "like" another has what that one has, but for its own fields and "changes"."""
  table = tables[name]
  if "like" not in table:
    return table
  base = whole_table(tables, table["like"])
  used = set()
  branch_lists = {field: _changed(entries, table["changes"], used) for field, entries in base.items()
                  if field.startswith("branches")}
  for number, change in enumerate(table["changes"]):
    if number not in used:
      raise TableError(f"{name}, changes: found {change['text']!r}, expected the text of a branch of {table['like']}")
  return {**base, **branch_lists, **{field: value for field, value in table.items() if field not in ("like", "changes")}}


def probabilities(function: Function, entries: list[dict]) -> dict[int, float]:
  """Returns the share of each branch that is taken; the table has its entries in the order of the code."""
  entries = expanded(entries)
  found = branches(function)
  if len(found) != len(entries):
    raise TableError(f"{function.name}: found {len(found)} branches in the code, expected {len(entries)} as in the "
                     "table (--branches lists them)")
  return {
      block.index: _probability(block, function.repeating_side(block), entry,
                                f"{function.name}, branch {number} at {block.last.address:#x}")
      for number, (block, entry) in enumerate(zip(found, entries))
  }


class _Accesses:
  """Where memory instructions hit and how many wavefronts they take, by the text of their source line."""

  def __init__(self, entries: list[dict]):
    self._entries = entries

  def _entry(self, instruction: Instruction) -> dict:
    text = source_text(instruction)
    matches = (entry for entry in self._entries
               if entry.get("text", "") in text and instruction.opcode.startswith(entry.get("opcode", "")))
    return next(matches, {})

  def wavefronts(self, instruction: Instruction) -> float:
    """Clocks of the memory pipe."""
    if not pipes.uses_memory_pipe(instruction):
      return 0
    return self._entry(instruction).get("wavefronts", pipes.default_wavefronts(instruction))

  def memory(self, instruction: Instruction) -> str:
    """l1, l2 or dram."""
    return self._entry(instruction).get("memory", "dram")


@dataclasses.dataclass(frozen=True)
class BlockCost:
  """What UNIT_WEIGHTS weights cost in one basic block."""
  block: Block
  runs: float
  clocks: dict[str, float]  # SM-clocks per pipe

  @property
  def instructions(self) -> float:
    """Of a warp."""
    return self.runs * len(self.block.instructions)

  @property
  def spill_instructions(self) -> float:
    """Of a warp."""
    return self.runs * sum(map(pipes.is_spill, self.block.instructions))


def table_probabilities(function: Function, arch: str, table: dict) -> dict[int, float]:
  """Returns the share of each branch that is taken on an architecture."""
  return probabilities(function, table.get(f"branches_{arch}", table["branches"]))


def block_costs(arch: pipes.Architecture, function: Function, table: dict) -> list[BlockCost]:
  """Returns the cost of each block of `function`, in the order of the code."""
  accesses = _Accesses(table.get("accesses", []))
  scale = UNIT_WEIGHTS / table["weights_per_warp"]
  costs = []
  for block, runs in zip(function.blocks, flow.frequencies(function, table_probabilities(function, arch.name, table))):
    clocks = dict.fromkeys(pipes.PIPES, 0.0)
    for instruction in block.instructions:
      for pipe, cost in arch.clocks(instruction, accesses.wavefronts(instruction)).items():
        clocks[pipe] += runs * scale * cost
    costs.append(BlockCost(block, runs * scale, clocks))
  return costs


def count(name: str, arch: pipes.Architecture, function: Function, resources: Resources, table: dict) -> Counts:
  """Counts `function` as its table says it runs; see README.md for the fields of a table."""
  costs = block_costs(arch, function, table)
  clocks = {pipe: sum(cost.clocks[pipe] for cost in costs) for pipe in pipes.PIPES}
  clocks["mio"] = table.get("wavefronts", clocks["mio"])
  of_arch = lambda field: table.get(f"{field}_{arch.name}", table.get(field, 0))
  shared_bytes = resources.static_shared_bytes + of_arch("dynamic_shared_bytes")
  warps = resident_warps(arch, resources.registers, shared_bytes, of_arch("threads"))
  lone = flow.lone_warp_clocks(function, table_probabilities(function, arch.name, table),
                               _Accesses(table.get("accesses", [])).memory)
  return Counts(kernel=name, arch=arch.name, clocks=clocks, instructions=sum(cost.instructions for cost in costs),
                lone_warp_clocks=lone * UNIT_WEIGHTS / table["weights_per_warp"], registers=resources.registers,
                shared_bytes=shared_bytes, spill_instructions=sum(cost.spill_instructions for cost in costs),
                resident_warps=min(warps, table.get("max_resident_warps", warps)),
                bytes_by_coded=table.get("bytes_by_coded", 0))  # yapf: disable


def over_budget(counts: Counts, budget: dict) -> list[str]:
  """Returns what exceeds the budget, one line each; a limit names a pipe or a field of Counts."""
  found = []
  for limit, most in budget.items():
    value = counts.clocks[limit] if limit in counts.clocks else getattr(counts, limit)
    if value > most:
      found.append(f"{limit}: found {value:.4g}, expected at most {most:g}")
  return found
