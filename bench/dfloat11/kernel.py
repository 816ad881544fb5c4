"""What the CUDA kernel of DFloat11 0.5.0 does (its PTX), in numpy: every thread at once, every step in its order.

Where the kernel would read or write outside its arrays, never end, or leave an element unwritten, KernelFault is
raised. The byte of `gaps` that it reads behind the end counts as one that may hold anything.
"""

import numpy as np

_FIRST_POINTER = 240
_MAX_SHARED_BYTES = 48 << 10  # of a launch that does not ask for more
_POISON = 0xEE


class KernelFault(Exception):
  """What a GPU would not survive, or not say."""


def _require(condition, message: str) -> None:
  if not condition:
    raise KernelFault(message)


class _Threads:
  """The registers of all threads."""

  def __init__(self, luts, n_luts: int, codes, n_bytes: int, gaps, threads: int):
    _require(luts.size == 256 * n_luts, "luts: fewer rows than n_luts")
    self._luts = luts.reshape(-1)
    self._lengths = 256 * (n_luts - 1)
    thread = np.arange(threads, dtype=np.int64)
    own = self._bytes(codes, n_bytes, 8 * thread, 8)
    self.look_ahead = self._bytes(codes, n_bytes, 8 * thread + 8, 4)
    padded = np.append(gaps, np.uint8(_POISON)).astype(np.uint32)
    at = 5 * thread // 8
    _require(at[-1] + 1 < padded.size, "gaps: fewer than threads")
    self.gap = ((padded[at] << 8 | padded[at + 1]) >> (11 - 5 * thread % 8).astype(np.uint32)) & 31
    self.own = own << self.gap.astype(np.uint64)

  @staticmethod
  def _bytes(codes, n_bytes: int, at, count: int):
    """Bytes at `at`, most significant first; zeros from n_bytes on."""
    word = np.zeros(at.size, np.uint64)
    for i in range(count):
      inside = at + i < n_bytes
      byte = np.where(inside, codes[np.minimum(at + i, n_bytes - 1)], 0).astype(np.uint64)
      word = word << np.uint64(8) | byte
    return word

  def decode(self, window):
    """Returns the symbol at the top of each window, and the bits of its code."""
    entry = np.zeros(window.size, np.uint8)
    row = np.zeros(window.size, np.int64)
    active = np.ones(window.size, bool)
    for depth in range(4):
      byte = (window >> np.uint64(56 - 8 * depth)).astype(np.int64) & 0xFF
      at = 256 * row + byte
      _require((at[active] < self._luts.size).all(), "luts: a row that is not there")
      entry = np.where(active, self._luts[np.where(active, at, 0)], entry)
      active = active & (entry >= _FIRST_POINTER)
      row = 256 - entry.astype(np.int64)
    length = self._luts[self._lengths + entry.astype(np.int64)]
    _require((length > 0).all(), "a code of no bits: the thread would never end")
    return entry, length.astype(np.uint64)

  def with_look_ahead(self, window, free):
    """Puts the four bytes behind the eight own ones where bits are free."""
    shift = free.astype(np.int64) - 32
    moved = self.look_ahead << np.clip(shift, 0, 63).astype(np.uint64)
    return window | np.where((shift >= 0) & (shift < 64), moved, np.uint64(0))


def _count(threads: _Threads):
  """Phase 1: how many codes start in each thread's bytes."""
  window, free = threads.own.copy(), threads.gap.astype(np.uint64)
  count = np.zeros(window.size, np.int64)

  def step(active):
    _, length = threads.decode(window[active])
    window[active] <<= length
    free[active] += length
    count[active] += 1

  active = np.flatnonzero(free < 32)
  while active.size:
    step(active)
    active = active[free[active] < 32]
  window = threads.with_look_ahead(window, free)
  free -= np.uint64(32)
  active = np.flatnonzero(4 + free // 8 < 8)
  while active.size:
    step(active)
    active = active[4 + free[active] // 8 < 8]
  return count


def _write(threads: _Threads, begin, end, put) -> None:
  """Phase 2: the same once more; put(threads, places, symbols) takes what comes out."""
  window, free, place = threads.own.copy(), threads.gap.astype(np.uint64), begin.copy()

  def step(active):
    symbol, length = threads.decode(window[active])
    put(active, place[active], symbol)
    window[active] <<= length
    free[active] += length
    place[active] += 1

  active = np.flatnonzero((free < 32) & (place < end))
  while active.size:
    step(active)
    active = active[(free[active] < 32) & (place[active] < end[active])]
  window = threads.with_look_ahead(window, free)
  active = np.flatnonzero(place < end)
  while active.size:
    step(active)
    active = active[place[active] < end[active]]


def decode(grid, block, shared_mem: int, args) -> None:
  """The launch, as the package makes it."""
  luts, codes, sign_mantissa, positions, gaps, outputs, n_luts, n_bytes, n_elements = args
  blocks, block_threads = grid[0], block[0]
  _require(shared_mem <= _MAX_SHARED_BYTES, f"{shared_mem} bytes of shared memory: the launch fails")
  positions = np.ascontiguousarray(positions).view(np.uint32).astype(np.int64)
  _require(positions.size == blocks + 1, "output_positions: fewer than blocks and one more")
  threads = _Threads(luts, n_luts, codes, n_bytes, gaps, blocks * block_threads)
  counts = _count(threads).reshape(blocks, block_threads)
  begin = positions[:-1, None] + np.cumsum(counts, axis=1) - counts
  end = np.minimum(begin + counts, n_elements)
  capacity = (shared_mem - 4 * block_threads - 4) // 2
  buffer = np.zeros((blocks, capacity), np.uint16)
  written = np.zeros((blocks, capacity), bool)

  def put(thread, place, exponent):
    of_block = thread // block_threads
    at = place - positions[of_block]
    _require(((at >= 0) & (at < capacity)).all(), "shared memory: a write outside")
    other = sign_mantissa[place].astype(np.uint16)
    exponent = exponent.astype(np.uint16)
    high = other & 0x80 | exponent >> 1
    low = exponent << 7 & 0x80 | other & 0x7F
    buffer[of_block, at] = high << 8 | low
    written[of_block, at] = True

  _write(threads, begin.reshape(-1), end.reshape(-1), put)
  for i in range(blocks):
    count = min(positions[i + 1] - positions[i], n_elements - positions[i])
    _require(0 <= count <= capacity and written[i, :count].all(), f"block {i}: elements that nobody wrote")
    outputs[positions[i]:positions[i] + count] = buffer[i, :count]
