"""Code lengths of symbols under tables of a profile: one per channel class, or also per symbol of the token before.

Symbols are int32 [model layers, tokens, channels] of one kind (K or V). They are coded as themselves up to a largest
magnitude, beyond it as an escape and an Elias gamma code. Probabilities are multiples of 1 / 4096.
"""

import numpy as np

CLASSES = 16
LARGEST = 15  # symbols of larger magnitude are escapes
_PROBABILITY_UNITS = 4096
_FAR = 3  # previous symbols beyond it are one context
_CONTEXTS = 2 * _FAR + 2  # and that of a chunk's first token
_ROUNDS = 8
_PRIOR_WEIGHT = 16  # of a class's table in that of a context, in symbols


def _escape_bits(symbols: np.ndarray, largest: int) -> float:
  beyond = np.abs(symbols)
  beyond = beyond[beyond > largest] - largest
  return float(np.sum(2 * np.floor(np.log2(beyond)) + 1))


def contexts_of(symbols: np.ndarray) -> np.ndarray:
  """Returns the context that each symbol has in the token before it."""
  contexts = np.full(symbols.shape, _CONTEXTS - 1, np.int32)
  contexts[:, 1:] = np.clip(symbols[:, :-1], -_FAR, _FAR) + _FAR
  return contexts


def _lengths(counts: np.ndarray) -> np.ndarray:
  """Returns the bits of each symbol of tables, from counts [..., symbols]; every symbol can be coded."""
  shares = (counts + 1e-9) / (counts.sum(axis=-1, keepdims=True) + 1e-9 * counts.shape[-1])
  units = np.maximum(np.rint(shares * _PROBABILITY_UNITS), 1)
  return np.log2(units.sum(axis=-1, keepdims=True)) - np.log2(units)


def _joint_counts(classes: np.ndarray, codes: np.ndarray, contexts: np.ndarray | None, shape: tuple[int, int]):
  """Returns counts [model layers, classes, contexts, symbols], `shape` the last two of them.

  Args:
    classes: of channels, [model layers, channels].
    codes: entries of tables.
    contexts: of each symbol, or None for one context.
    shape: how many contexts and symbols there are.
  """
  counted = []
  for layer, layer_classes in enumerate(classes):
    place = layer_classes[None, :].astype(np.int32) * shape[0]
    if contexts is not None:
      place = place + contexts[layer]
    counted.append(np.bincount((place * shape[1] + codes[layer]).ravel(), minlength=CLASSES * shape[0] * shape[1]))
  return np.stack(counted).reshape(len(codes), CLASSES, *shape)


def _channel_counts(codes: np.ndarray, entries: int) -> np.ndarray:
  """Returns counts [model layers, channels, symbols]."""
  layers, _, channels = codes.shape
  place = (np.arange(channels, dtype=np.int32) * entries)[None, :]
  return np.stack([np.bincount((place + layer).ravel(), minlength=channels * entries) for layer in codes]).reshape(
      layers, channels, entries)


def classes_of(channel_counts: np.ndarray) -> np.ndarray:
  """Returns a class for each channel, [model layers, channels], so that channels of a class share a table well.

  Starts with equal groups by the mean magnitude, then moves each channel to the table that codes it in the fewest bits,
  some rounds long. Counts are [model layers, channels, symbols], the symbol 0 in their middle.
  """
  layers, channels, entries = channel_counts.shape
  magnitude = channel_counts @ np.abs(np.arange(entries) - entries // 2) / channel_counts.sum(axis=-1)
  rank = np.argsort(np.argsort(magnitude, axis=1), axis=1)
  classes = rank * CLASSES // channels
  for _ in range(_ROUNDS):
    tables = np.zeros((layers, CLASSES, entries))
    for layer in range(layers):
      np.add.at(tables[layer], classes[layer], channel_counts[layer])
    bits = channel_counts @ _lengths(tables).transpose(0, 2, 1)
    classes = bits.argmin(axis=-1)
  return classes


class Tables:
  """Tables of one kind of planes at one scale.

  Args:
    chunks: the symbols of the profile's chunks.
    largest: the largest magnitude that is no escape.
  """

  def __init__(self, chunks: list[np.ndarray], largest: int = LARGEST):
    self._largest = largest
    entries = 2 * largest + 3  # with an escape of either sign
    self._shape = (_CONTEXTS, entries)
    coded = [self._codes(symbols) for symbols in chunks]
    self.classes = classes_of(sum(_channel_counts(codes, entries) for codes in coded))
    given = sum(self._counts(codes, symbols) for codes, symbols in zip(coded, chunks))
    by_class = given.sum(axis=2, keepdims=True)
    # What a context has seldom seen is taken from the class.
    prior = by_class / np.maximum(by_class.sum(axis=-1, keepdims=True), 1)
    self._class_lengths = _lengths(by_class)
    self._context_lengths = _lengths(given + _PRIOR_WEIGHT * prior)

  def _codes(self, symbols: np.ndarray) -> np.ndarray:
    return np.clip(symbols, -self._largest - 1, self._largest + 1) + (self._largest + 1)

  def _counts(self, codes: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    return _joint_counts(self.classes, codes, contexts_of(symbols), self._shape)

  def bits(self, symbols: np.ndarray) -> dict[str, float]:
    """Returns the code length of a chunk, {"classes": bits, "contexts": bits}."""
    given = self._counts(self._codes(symbols), symbols)
    escapes = _escape_bits(symbols, self._largest)
    return {"classes": float((given * self._class_lengths).sum()) + escapes,
            "contexts": float((given * self._context_lengths).sum()) + escapes}  # yapf: disable
