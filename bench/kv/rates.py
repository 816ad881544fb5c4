"""Code lengths of symbols under tables of a profile: one per channel class, or per class and the previous token's symbol.

Symbols are int32 [model layers, tokens, channels] of one kind (K or V). They are coded as themselves up to a largest
magnitude, beyond it as an escape and an Elias gamma code. Probabilities are multiples of 1 / 4096.
"""

import numpy as np

CLASSES = 16
_LARGEST = 15
_SYMBOLS = 2 * _LARGEST + 3  # and an escape of either sign
_PROBABILITY_UNITS = 4096
_FAR = 3  # previous symbols beyond it are one context
_CONTEXTS = 2 * _FAR + 2  # and that of a chunk's first token
_ROUNDS = 8


def _codes(symbols: np.ndarray) -> np.ndarray:
  """Returns the table entry of each symbol."""
  return np.clip(symbols, -_LARGEST - 1, _LARGEST + 1) + (_LARGEST + 1)


def _escape_bits(symbols: np.ndarray) -> float:
  beyond = np.abs(symbols)
  beyond = beyond[beyond > _LARGEST] - _LARGEST
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


def _joint_counts(classes: np.ndarray, codes: np.ndarray, contexts: np.ndarray | None, num_contexts: int) -> np.ndarray:
  """Returns counts [model layers, classes, contexts, symbols]; `classes` is [model layers, channels]."""
  counted = []
  for layer_classes, layer_codes, layer in zip(classes, codes, range(len(codes))):
    place = layer_classes[None, :] * num_contexts
    place = place + (contexts[layer] if contexts is not None else 0)
    place = place * _SYMBOLS + layer_codes
    counted.append(np.bincount(place.ravel(), minlength=CLASSES * num_contexts * _SYMBOLS))
  return np.stack(counted).reshape(len(codes), CLASSES, num_contexts, _SYMBOLS)


def _channel_counts(codes: np.ndarray) -> np.ndarray:
  """Returns counts [model layers, channels, symbols]."""
  layers, _, channels = codes.shape
  place = (np.arange(channels) * _SYMBOLS)[None, :]
  return np.stack([np.bincount((place + layer).ravel(), minlength=channels * _SYMBOLS) for layer in codes]).reshape(
      layers, channels, _SYMBOLS)


def classes_of(channel_counts: np.ndarray) -> np.ndarray:
  """Returns a class for each channel, [model layers, channels], so that channels of a class share a table well.

  Starts with equal groups by how often the symbol is not zero, then moves each channel to the table that codes it in
  the fewest bits, some rounds long.
  """
  layers, channels, _ = channel_counts.shape
  busy = 1 - channel_counts[:, :, _LARGEST + 1] / channel_counts.sum(axis=-1)
  rank = np.argsort(np.argsort(busy, axis=1), axis=1)
  classes = rank * CLASSES // channels
  for _ in range(_ROUNDS):
    tables = np.zeros((layers, CLASSES, _SYMBOLS))
    for layer in range(layers):
      np.add.at(tables[layer], classes[layer], channel_counts[layer])
    bits = np.einsum("lcs,lks->lck", channel_counts, _lengths(tables))
    classes = bits.argmin(axis=-1)
  return classes


class Tables:
  """Tables of one kind of planes at one scale.

  Args:
    chunks: the symbols of the profile's chunks.
  """

  def __init__(self, chunks: list[np.ndarray]):
    coded = [_codes(symbols) for symbols in chunks]
    self.classes = classes_of(sum(_channel_counts(codes) for codes in coded))
    by_class = sum(_joint_counts(self.classes, codes, None, 1) for codes in coded)
    given = sum(_joint_counts(self.classes, codes, contexts_of(symbols), _CONTEXTS)
                for codes, symbols in zip(coded, chunks))
    # What a context has seldom seen is taken from the class.
    prior = by_class / by_class.sum(axis=-1, keepdims=True)
    self._class_lengths = _lengths(by_class)
    self._context_lengths = _lengths(given + 16 * prior)

  def bits(self, symbols: np.ndarray) -> dict[str, float]:
    """Returns the code length of a chunk, {"classes": bits, "contexts": bits}."""
    codes = _codes(symbols)
    escapes = _escape_bits(symbols)
    by_class = _joint_counts(self.classes, codes, None, 1)
    given = _joint_counts(self.classes, codes, contexts_of(symbols), _CONTEXTS)
    return {"classes": float((by_class * self._class_lengths).sum()) + escapes,
            "contexts": float((given * self._context_lengths).sum()) + escapes}  # yapf: disable
