"""How often each block runs, and how long one warp alone takes, when every branch's probability is known.

A kernel is a Markov chain over its blocks: the expected executions solve f = entry + P^T f. Nothing is sampled: the
walk takes each branch exactly as often as its probability says, by carrying the remainder.
"""

import pipes
from sass import EXIT, NO_BARRIER, Block, Function, Instruction

_NUM_BARRIERS = 6
_PASSES = 8
_MAX_STEPS = 2_000_000


class FlowError(Exception):
  """The probabilities do not describe a kernel that ends."""


def _edges(block: Block, taken: dict[int, float]) -> list[tuple[int, float]]:
  if not block.is_branch:
    return [(successor, 1.0) for successor in block.successors]
  share = taken[block.index]
  return list(zip(block.successors, (1 - share, share)))


def _eliminate(matrix: list[list[float]], column: int) -> None:
  pivot_row = max(range(column, len(matrix)), key=lambda row: abs(matrix[row][column]))
  matrix[column], matrix[pivot_row] = matrix[pivot_row], matrix[column]
  pivot = matrix[column][column]
  if abs(pivot) < 1e-12:
    raise FlowError("the probabilities describe a loop without an end")
  matrix[column] = [value / pivot for value in matrix[column]]
  for row, values in enumerate(matrix):
    if row != column and values[column]:
      factor = values[column]
      matrix[row] = [value - factor * other for value, other in zip(values, matrix[column])]


def frequencies(function: Function, taken: dict[int, float]) -> list[float]:
  """Returns the expected executions of each block per execution of the kernel by a warp.

  `taken` has, for each block that ends in a branch, the share of its executions that take it.
  """
  count = len(function.blocks)
  matrix = [[float(row == column) for column in range(count)] + [float(row == 0)] for row in range(count)]
  for block in function.blocks:
    for successor, share in _edges(block, taken):
      if successor != EXIT:
        matrix[successor][block.index] -= share
  for column in range(count):
    _eliminate(matrix, column)
  return [row[count] for row in matrix]


class _Warp:
  """One warp alone on an SM: what it waits for, by the scheduling bits of its instructions."""

  def __init__(self):
    self.clock = 0.0
    self._clear = [0.0] * _NUM_BARRIERS

  def issue(self, instruction: Instruction, memory: str) -> None:
    """Advances the clock to where the next instruction could issue."""
    for barrier in range(_NUM_BARRIERS):
      if instruction.wait_mask >> barrier & 1:
        self.clock = max(self.clock, self._clear[barrier])
    for barrier, wait in ((instruction.write_barrier, pipes.latency(instruction, memory)),
                          (instruction.read_barrier, pipes.LATENCY["operands"])):
      if barrier != NO_BARRIER:
        self._clear[barrier] = max(self._clear[barrier], self.clock + wait)
    self.clock += max(1, instruction.stall)
    if instruction.root == "BAR":
      self.clock += pipes.LATENCY["special"]


def _first_remainder(function: Function, block: Block, share: float) -> float:
  """A loop ends in its last trip, not in its first; any other branch is taken halfway to its turn."""
  tiny = 1e-9
  return {1: 1 - tiny, 0: tiny, None: share / 2}[function.repeating_side(block)]


def lone_warp_clocks(function: Function, taken: dict[int, float], memory_of) -> float:
  """Returns the clocks that a warp takes when nobody else is there: dependent latencies, stalls, issue.

  `memory_of(instruction)` says where a global access hits: "l1", "l2" or "dram".
  """
  branches = [block for block in function.blocks if block.is_branch]
  remainders = {block.index: _first_remainder(function, block, taken[block.index]) for block in branches}
  warp, steps = _Warp(), 0
  for _ in range(_PASSES):
    index = 0
    while index != EXIT:
      block = function.blocks[index]
      steps += len(block.instructions)
      if steps > _MAX_STEPS:
        raise FlowError(f"found more than {_MAX_STEPS} instructions in {_PASSES} executions, expected fewer")
      for instruction in block.instructions:
        warp.issue(instruction, memory_of(instruction))
      choice = 0
      if block.is_branch:
        remainders[index] += taken[index]
        choice = int(remainders[index] >= 1)
        remainders[index] -= choice
      index = block.successors[choice]
  return warp.clock / _PASSES
