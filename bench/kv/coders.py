"""What the harness scores: coders of chunks, and ours as a NumPy model of it."""

from typing import Protocol

import numpy as np

from quantizer import SINK_TOKENS, Steps, base_index, restored
from rates import Tables
from reference_model import rounded

_EXPONENT_BITS = 4  # of a token's step of values
_ELEMENT_BITS = 16
# A segment for each plane: its place, checksum and measured error, and the states of 32 lanes of rANS.
_SEGMENT_BITS = 8 * (32 + 32 * 2)


class Coder(Protocol):
  """A coder at one quality.

  Attributes:
    name: for people.
  """
  name: str

  def encode(self, keys: np.ndarray, values: np.ndarray,
             first_token: int) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
    """Returns ({accounting: bits}, restored keys, restored values) of a chunk.

    Args:
      keys: fp32 values of bf16, [model layers, tokens, channels].
      values: the same.
      first_token: the chunk's first token, counted in the whole cache.
    """


Profile = list[tuple[np.ndarray, np.ndarray]]  # (keys, values) of chunks


class _Refined:
  """Tables of the first refinement, given the base: the half of the cell, or at 0 the sign."""

  def __init__(self, planes: list[tuple[np.ndarray, np.ndarray]], classes: np.ndarray):
    self._classes = classes
    counts = sum(self._counts(base, halves) for base, halves in planes) + 0.5
    self._lengths = -np.log2(counts / counts.sum(axis=-1, keepdims=True))

  def _counts(self, base: np.ndarray, halves: np.ndarray) -> np.ndarray:
    given = np.minimum(np.abs(base), 3)
    place = (self._classes[:, None, :] + np.arange(len(base))[:, None, None] * (1 + self._classes.max())) * 8
    place = (place + given * 2 + halves).ravel()
    size = len(base) * (1 + self._classes.max()) * 8
    return np.bincount(place, minlength=size).reshape(-1, 4, 2)

  def bits(self, base: np.ndarray, halves: np.ndarray) -> float:
    return float((self._counts(base, halves) * self._lengths).sum())


def _halves(plane: np.ndarray, step: np.ndarray, base: np.ndarray) -> np.ndarray:
  """Returns what the first refinement codes: 1 for the upper half of the base's cell, or at 0 for a minus."""
  upper = np.floor(2 * np.abs(plane) / step) >= 2 * np.abs(base)
  return np.where(base == 0, np.signbit(plane), upper).astype(np.int32)


class Ours:
  """KV objects at one scale and number of refinements.

  Args:
    steps: those of the profile.
    scale: how many binades the base's steps are larger.
    refinements: 0 for the base.
    profile: chunks for the tables.
  """

  def __init__(self, steps: Steps, scale: float, refinements: int, profile: Profile):
    self.name = f"ours, scale {scale:g}" + (f", {refinements} refinements" if refinements else "")
    self._steps = steps.scaled(scale)
    self._refinements = refinements
    coded = [self._indices(*chunk) for chunk in profile]
    self._tables = [Tables([chunk[plane][1] for chunk in coded]) for plane in (0, 1)]
    self._refined = []
    if refinements:
      for plane, tables in enumerate(self._tables):
        pairs = [(base, _halves(chunk[plane], step, base))
                 for chunk, (step, base) in ((chunk, indices[plane]) for chunk, indices in zip(profile, coded))]
        self._refined.append(_Refined(pairs, tables.classes))

  def _indices(self, keys: np.ndarray, values: np.ndarray):
    """Returns (step, base index) of keys and of values."""
    steps = (self._steps.of_keys(), self._steps.of_values(values))
    return [(step, base_index(plane, step)) for plane, step in zip((keys, values), steps)]

  def encode(self, keys: np.ndarray, values: np.ndarray, first_token: int):
    """See Coder."""
    layers, tokens, channels = keys.shape
    sinks = max(0, SINK_TOKENS - first_token)
    side = 2 * layers * (sinks * channels * _ELEMENT_BITS + _SEGMENT_BITS) + layers * tokens * _EXPONENT_BITS
    bits, found = {"classes": side, "contexts": side}, []
    for index, (plane, (step, base)) in enumerate(zip((keys, values), self._indices(keys, values))):
      again = rounded(restored(plane, step, self._refinements))
      again[:, :sinks] = plane[:, :sinks]
      found.append(again)
      more = self._refinement_bits(index, plane[:, sinks:], step if step.shape[1] == 1 else step[:, sinks:],
                                   base[:, sinks:])
      for accounting, length in self._tables[index].bits(base[:, sinks:]).items():
        bits[accounting] += length + more
    return bits, *found

  def _refinement_bits(self, index: int, plane: np.ndarray, step: np.ndarray, base: np.ndarray) -> float:
    if not self._refinements:
      return 0
    return self._refined[index].bits(base, _halves(plane, step, base)) + (self._refinements - 1) * base.size
