"""CacheGen as it was released, and as its paper has it (arXiv 2310.07240): baselines.

Arrays are fp32 [model layers, tokens, channels] of one chunk. The released code quantizes each token of a layer by one
scale, and codes each channel with a table of the very chunk, which it stores. The paper codes groups of 10 tokens: the
first is an anchor of 8 bits, the others differences from it, with tables made once for a model.
"""

import dataclasses

import numpy as np

GROUP_TOKENS = 10
_TABLE_TOP = 0xFFFF
_SCALE_BITS = 16  # of each token's largest magnitude
_LENGTH_BITS = 32  # of each stream's length
_FLUSH_BITS = 2  # the coder's last bits; a stream is whole bytes
_ANCHOR_LEVELS = 127
_LARGEST = 127


@dataclasses.dataclass(frozen=True)
class Level:
  """Bins of K and of V by model layer."""
  name: str
  key_bins: tuple[int, ...]
  value_bins: tuple[int, ...]


def _by_layer(layers: int, *runs: tuple[int, int]) -> tuple[int, ...]:
  """Returns the bins of each layer: `runs` are (bins, layers they end at), the last for the rest."""
  return tuple(next((bins for bins, end in runs[:-1] if layer < end), runs[-1][0]) for layer in range(layers))


def level(number: int, layers: int) -> Level:
  """Returns a released level for a model of so many layers: of 32 layers they are those of Mistral-7B."""
  keys, values = {
      1: (((16, 20), (12, layers)), ((16, 2), (12, layers))),
      2: (((32, 10), (16, layers)), ((32, 2), (16, layers))),
      3: (((32, layers),), ((32, layers),)),
  }[number]
  return Level(f"level {number}", _by_layer(layers, *keys), _by_layer(layers, *values))


def scaled_level(base: Level, factor: float, most: int = 255) -> Level:
  """Returns a level with all bins multiplied, at most `most`."""
  scale = lambda bins: tuple(min(most, max(8, round(one * factor))) for one in bins)
  return Level(f"{base.name} x{factor:g}", scale(base.key_bins), scale(base.value_bins))


def sweep(layers: int, factors: tuple[float, ...]) -> dict[str, Level]:
  """Returns the released levels 2 and 3, and level 2 with all bins multiplied by each factor, by name."""
  found = {str(number): level(number, layers) for number in (2, 3)}
  return found | {f"2x{factor:g}": scaled_level(found["2"], factor) for factor in factors}


def quantize(plane: np.ndarray, bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns symbols from 0 on and the largest magnitude of each token, [model layers, tokens, 1]."""
  largest = np.abs(plane).max(axis=2, keepdims=True)
  half = (bins // 2 - 1).astype(np.float32)[:, None, None]
  symbols = np.rint(plane * (half / np.where(largest > 0, largest, 1)) + half)
  return symbols.astype(np.int32), largest


def dequantize(symbols: np.ndarray, largest: np.ndarray, bins: np.ndarray) -> np.ndarray:
  half = (bins // 2 - 1).astype(np.float32)[:, None, None]
  return (symbols - half) / half * largest


def table(symbols: np.ndarray, entries: int) -> np.ndarray:
  """Returns the 16-bit table of one stream, [entries + 1], the last entry 65536."""
  counts = np.bincount(symbols, minlength=entries)
  cumulated = np.concatenate(([0], np.cumsum(counts)))
  cdf = (_TABLE_TOP - entries) * cumulated // len(symbols) + np.arange(entries + 1)
  cdf[-1] = _TABLE_TOP + 1
  return cdf


def _channel_counts(symbols: np.ndarray, entries: int) -> np.ndarray:
  """Returns counts [model layers, channels, entries]."""
  layers, _, channels = symbols.shape
  place = np.arange(channels)[None, :] * entries
  return np.stack([np.bincount((place + layer).ravel(), minlength=channels * entries) for layer in symbols]).reshape(
      layers, channels, entries)


def stream_bits(symbols: np.ndarray, entries: int) -> float:
  """Returns the bits of the arithmetic-coded streams of every layer and channel, each with its own table."""
  counts = _channel_counts(symbols, entries)
  cumulated = np.concatenate((np.zeros((*counts.shape[:2], 1), np.int64), np.cumsum(counts, axis=2)), axis=2)
  cdf = (_TABLE_TOP - entries) * cumulated // symbols.shape[1] + np.arange(entries + 1)
  cdf[..., -1] = _TABLE_TOP + 1
  lengths = (_TABLE_TOP + 1).bit_length() - 1 - np.log2(np.diff(cdf, axis=2))
  payload = (counts * lengths).sum(axis=2) + _FLUSH_BITS
  return float((np.ceil(payload / 8) * 8).sum())


class Released:
  """The released scheme at one level."""

  def __init__(self, chosen: Level):
    self.name = f"CacheGen {chosen.name}"
    self._bins = (np.array(chosen.key_bins), np.array(chosen.value_bins))

  def encode(self, keys: np.ndarray, values: np.ndarray, first_token: int):
    """See coders.Coder."""
    del first_token
    entries = int(max(bins.max() for bins in self._bins))
    bits = {"tables free": 0.0, "shipped": 0.0}
    restored = []
    for plane, bins in zip((keys, values), self._bins):
      symbols, largest = quantize(plane, bins)
      restored.append(dequantize(symbols, largest, bins))
      payload = stream_bits(symbols, entries) + _SCALE_BITS * largest.size
      streams = plane.shape[0] * plane.shape[2]
      bits["tables free"] += payload
      bits["shipped"] += payload + streams * ((entries + 1) * 16 + _LENGTH_BITS)
    return bits, *restored


def _third_bins(layers: int) -> np.ndarray:
  """Returns the paper's bins, growing with depth: 0.5, 1 and 1.5 by thirds."""
  return np.array([(0.5, 1.0, 1.5)[3 * layer // layers] for layer in range(layers)], np.float32)


def _anchors_and_differences(plane: np.ndarray, levels: float):
  """Returns symbols of anchors and of differences, the scales' number and the restored plane."""
  anchor_of = np.arange(plane.shape[1]) // GROUP_TOKENS
  first = plane[:, ::GROUP_TOKENS]
  anchor_scale = np.abs(first).max(axis=2, keepdims=True) / _ANCHOR_LEVELS
  anchor_scale = np.where(anchor_scale > 0, anchor_scale, 1)
  anchors = np.rint(first / anchor_scale).astype(np.int32)
  restored = (anchors * anchor_scale)[:, anchor_of]
  others = np.arange(plane.shape[1]) % GROUP_TOKENS > 0
  differences = (plane - restored)[:, others]
  step = np.abs(differences).max(axis=2, keepdims=True) * _third_bins(len(plane))[:, None, None] / levels
  step = np.where(step > 0, step, 1)
  symbols = np.rint(differences / step).astype(np.int32)
  restored[:, others] += symbols * step
  return anchors, symbols, restored


class _ChannelTables:
  """Tables shared by all texts, one for each layer and channel."""

  def __init__(self, chunks: list[np.ndarray]):
    entries = 2 * _LARGEST + 1
    counts = sum(_channel_counts(np.clip(symbols, -_LARGEST, _LARGEST) + _LARGEST, entries) for symbols in chunks)
    shares = (counts + 0.02) / (counts.sum(axis=2, keepdims=True) + 0.02 * entries)
    self._lengths = -np.log2(shares)

  def bits(self, symbols: np.ndarray) -> float:
    counts = _channel_counts(np.clip(symbols, -_LARGEST, _LARGEST) + _LARGEST, 2 * _LARGEST + 1)
    payload = (counts * self._lengths).sum(axis=2) + _FLUSH_BITS
    return float((np.ceil(payload / 8) * 8).sum())


class Paper:
  """The paper's form.

  Args:
    levels: a difference's step is its token's largest, times the bin of its layer, over this.
    profile: (keys, values) of the chunks that the tables are made of.
  """

  def __init__(self, levels: float, profile: list[tuple[np.ndarray, np.ndarray]]):
    self.name = f"CacheGen paper, {levels:g} levels"
    self._levels = levels
    coded = [[_anchors_and_differences(plane, levels)[:2] for plane in chunk] for chunk in profile]
    self._tables = [[_ChannelTables([chunk[plane][part] for chunk in coded]) for part in (0, 1)] for plane in (0, 1)]

  def encode(self, keys: np.ndarray, values: np.ndarray, first_token: int):
    """See coders.Coder."""
    del first_token
    bits, restored = 0.0, []
    for plane, tables in zip((keys, values), self._tables):
      anchors, symbols, again = _anchors_and_differences(plane, self._levels)
      restored.append(again)
      bits += tables[0].bits(anchors) + tables[1].bits(symbols) + _SCALE_BITS * plane.shape[0] * plane.shape[1]
    return {"paper": bits}, *restored
