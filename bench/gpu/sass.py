"""Reads what `nvdisasm -c -gi -hex` prints: instructions with their scheduling bits, basic blocks and edges.

A 128-bit instruction word carries, besides the operation, what the hardware's scheduler obeys (Volta and later):
bits 105..108 the clocks until the next instruction may issue, 110..112 the scoreboard that a result clears, 113..115
the one that the reading of operands clears, 116..121 the scoreboards to wait for. So no operand has to be parsed.
"""

import dataclasses
import re

NO_BARRIER = 7
EXIT = -1  # the successor of a block that ends the warp
_ELSEWHERE = -2  # outside the function: harmless as long as nothing reachable goes there

_FUNCTION = re.compile(r"^\.text\.(\S+):\s*$")
_LABEL = re.compile(r"^(\.L\w*):\s*$")
_LINE = re.compile(r'^\s*//## File "([^"]*)", line (\d+)')
_WORD = r"/\*\s*0x([0-9a-f]{16})\s*\*/"
_INSTRUCTION = re.compile(r"^\s*/\*([0-9a-f]{4,})\*/\s+(@!?\w+)?\s*([A-Z][\w.]*)\s*([^;]*);\s*" + _WORD)
_SECOND_WORD = re.compile(r"^\s*" + _WORD + r"\s*$")
_TARGET = re.compile(r"`\((\.L\w*)\)")
_RECONVERGENCE = re.compile(r"^B\d+")


class SassError(Exception):
  """The text is not what this reader understands; the message names the place."""


@dataclasses.dataclass
class Instruction:
  """One instruction; `lines` are "file:number" of its source and of what that was inlined into, innermost first."""
  address: int
  opcode: str
  predicate: str
  operands: str
  lines: tuple[str, ...] = ()
  stall: int = 1
  write_barrier: int = NO_BARRIER
  read_barrier: int = NO_BARRIER
  wait_mask: int = 0

  @property
  def root(self) -> str:
    """The opcode without its modifiers."""
    return self.opcode.split(".", 1)[0]

  @property
  def modifiers(self) -> list[str]:
    """The opcode's modifiers."""
    return self.opcode.split(".")[1:]

  @property
  def predicated(self) -> bool:
    """Whether some lanes may sit it out."""
    return self.predicate not in ("", "@PT", "@UPT")


@dataclasses.dataclass
class Block:
  """Instructions that run one after the other. `successors` has the fall-through first, then the branch's target."""
  index: int
  instructions: list[Instruction]
  successors: list[int] = dataclasses.field(default_factory=list)

  @property
  def last(self) -> Instruction:
    """The instruction that decides where to go."""
    return self.instructions[-1]

  @property
  def is_branch(self) -> bool:
    """Whether there are two ways to go."""
    return len(self.successors) == 2


@dataclasses.dataclass
class Function:
  """One kernel: its blocks in the order of their addresses, the first being the entry."""
  name: str
  blocks: list[Block]

  def repeating_side(self, block: Block) -> int | None:
    """Which successor of a branch repeats a loop: 1 if taking it does, 0 if not taking it does, None if neither."""
    if 0 <= block.successors[1] <= block.index:
      return 1
    jump = self.blocks[block.successors[0]]
    return 0 if len(jump.successors) == 1 and 0 <= jump.successors[0] <= block.index else None


def _set_scheduling(instruction: Instruction, second_word: int) -> None:
  control = second_word >> 41
  instruction.stall = control & 0xf
  instruction.write_barrier = control >> 5 & 7
  instruction.read_barrier = control >> 8 & 7
  instruction.wait_mask = control >> 11 & 0x3f


@dataclasses.dataclass
class _Listing:
  """A function's text: instructions, and the address that each label stands before."""
  name: str
  instructions: list[Instruction] = dataclasses.field(default_factory=list)
  labels: dict[str, int] = dataclasses.field(default_factory=dict)
  waiting: list[str] = dataclasses.field(default_factory=list)
  lines: list[str] = dataclasses.field(default_factory=list)
  lines_complete: bool = True

  def add_line(self, line: str) -> None:
    """Notes a source line of the next instructions; lines without an instruction between them are one chain."""
    if self.lines_complete:
      self.lines.clear()
    self.lines.append(line)
    self.lines_complete = False

  def add(self, instruction: Instruction) -> None:
    """Adds the next instruction, which any labels just read stand before."""
    for label in self.waiting:
      self.labels[label] = instruction.address
    self.waiting.clear()
    self.lines_complete = True
    self.instructions.append(instruction)


def _read_listings(text: str) -> list[_Listing]:
  listings: list[_Listing] = []
  for line in text.splitlines():
    if match := _FUNCTION.match(line):
      listings.append(_Listing(match.group(1)))
    elif not listings:
      continue
    elif match := _LINE.match(line):
      listings[-1].add_line(f"{match.group(1)}:{match.group(2)}")
    elif match := _LABEL.match(line):
      listings[-1].waiting.append(match.group(1))
    elif match := _INSTRUCTION.match(line):
      address, predicate, opcode, operands, _ = match.groups()
      lines = tuple(listings[-1].lines)
      listings[-1].add(Instruction(int(address, 16), opcode, predicate or "", operands.strip(), lines))
    elif (match := _SECOND_WORD.match(line)) and listings[-1].instructions:
      _set_scheduling(listings[-1].instructions[-1], int(match.group(1), 16))
  return listings


def _never_taken(instruction: Instruction) -> bool:
  """BRA.DIV leads a warp that is not whole to the slow form of a collective; our warps are whole there."""
  return "DIV" in instruction.modifiers


def _always_taken(instruction: Instruction) -> bool:
  """BRA.CONV takes a whole warp past a barrier of the warp."""
  return "CONV" in instruction.modifiers


def _is_far_branch(instruction: Instruction) -> bool:
  """On sm_80 ptxas writes some branches as calls to a label of the same function, which never return."""
  return instruction.root == "CALL" and bool(_TARGET.search(instruction.operands))


def _conditional(instruction: Instruction) -> bool:
  before_label = instruction.operands.split("`", 1)[0].strip(" ,")
  return instruction.predicated or bool(before_label)


class _Edges:
  """Where each instruction of a listing may go."""

  def __init__(self, listing: _Listing):
    self._listing = listing
    self._reconvergence: dict[str, int] = {}

  def _target(self, instruction: Instruction) -> int:
    match = _TARGET.search(instruction.operands)
    return self._listing.labels.get(match.group(1), _ELSEWHERE) if match else _ELSEWHERE

  def of(self, instruction: Instruction, following: int) -> list[int] | None:
    """Returns addresses (fall-through first), or None for an instruction that ends no block."""
    root = instruction.root
    if root == "BSSY":
      self._reconvergence[_RECONVERGENCE.match(instruction.operands).group(0)] = self._target(instruction)
      return None
    if root == "BSYNC":
      return [self._reconvergence[_RECONVERGENCE.match(instruction.operands).group(0)]]
    if root in ("EXIT", "RET"):
      return [following, EXIT] if instruction.predicated else [EXIT]
    if root == "BRA" or _is_far_branch(instruction):
      if _never_taken(instruction):
        return None
      target = self._target(instruction)
      always = _always_taken(instruction) or not _conditional(instruction)
      return [target] if always else [following, target]
    return None


def _refuse_uncountable(name: str, blocks: list[Block]) -> None:
  for instruction in (instruction for block in blocks for instruction in block.instructions):
    if instruction.root in ("CALL", "BRX", "JMP", "JMX", "BPT") and not _is_far_branch(instruction):
      raise SassError(f"{name} at {instruction.address:#x}: found {instruction.opcode}, expected code without calls, "
                      "indirect jumps and traps: they are not counted")


def _reachable(blocks: dict[int, Block], edges: dict[int, list[int]], entry: int) -> list[int]:
  seen, work = {entry}, [entry]
  while work:
    for successor in edges[work.pop()]:
      if successor != EXIT and successor not in seen:
        if successor not in blocks:
          raise SassError("found a reachable branch to outside the function, expected its own labels only")
        seen.add(successor)
        work.append(successor)
  return sorted(seen)


def build_function(listing: _Listing) -> Function:
  """Cuts a listing into basic blocks and keeps those that the entry reaches."""
  instructions = listing.instructions
  leaders = {instructions[0].address} | set(listing.labels.values())
  finder, ends = _Edges(listing), {}
  for instruction, following in zip(instructions, [*instructions[1:], None]):
    after = following.address if following else EXIT
    targets = finder.of(instruction, after)
    if targets is not None:
      ends[instruction.address] = targets
      leaders.update([after, *targets])
  blocks: dict[int, Block] = {}
  edges: dict[int, list[int]] = {}
  for instruction in instructions:
    if instruction.address in leaders:
      leader = instruction.address
      blocks[leader] = Block(0, [])
    blocks[leader].instructions.append(instruction)
    edges[leader] = ends.get(instruction.address, [])
  order = sorted(blocks)
  for leader, following in zip(order, [*order[1:], EXIT]):
    edges[leader] = edges[leader] or [following]
  kept = _reachable(blocks, edges, order[0])
  index_of = {leader: index for index, leader in enumerate(kept)} | {EXIT: EXIT}
  for leader in kept:
    blocks[leader].index = index_of[leader]
    blocks[leader].successors = [index_of[target] for target in edges[leader]]
  _refuse_uncountable(listing.name, [blocks[leader] for leader in kept])
  return Function(listing.name, [blocks[leader] for leader in kept])


def parse(text: str, name: str) -> Function:
  """Returns the function of this name, or else the one whose (mangled) name contains it."""
  listings = [listing for listing in _read_listings(text) if name in listing.name]
  listings = [listing for listing in listings if listing.name == name] or listings
  if len(listings) != 1:
    raise SassError(f"function {name!r}: found {[listing.name for listing in listings]}, expected one")
  if not listings[0].instructions:
    raise SassError(f"function {name!r}: found no instruction with its encoding (nvdisasm -c -gi -hex prints them)")
  return build_function(listings[0])
