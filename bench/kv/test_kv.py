"""Tests of the KV harness on small arrays. Run: python3 -m unittest discover -s bench/kv"""

import pathlib
import struct
import sys
import unittest
import zlib

_BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_BENCH / "lib"), str(_BENCH / "corpora"), str(_BENCH / "corpora" / "kv")]

try:
  import numpy as np

  import cachegen
  import coders
  import damage
  import planes
  import quantizer
  import rates
  import lossless
  import scoring
  import texts
  import uniform
except ImportError:
  np = None


def _normal(*shape, seed=1):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _transcribed_quantizer(plane, bins_of_layer):
  """The quantizer of the released CacheGen, one element at a time: returns symbols and the largest of each token."""
  layers, tokens, channels = plane.shape
  symbols, largest = np.zeros(plane.shape, np.int8), np.zeros((layers, tokens, 1), np.float32)
  for layer in range(layers):
    for token in range(tokens):
      max1 = max(abs(plane[layer, token, channel]) for channel in range(channels))
      largest[layer, token, 0] = max1
      top = bins_of_layer[layer] // 2 - 1
      for channel in range(channels):
        symbols[layer, token, channel] = round(float(plane[layer, token, channel] * (np.float32(top) / max1))) + top
  return symbols, largest


def _transcribed_coder_bits(symbols, cdf):
  """The bits that CacheGen's arithmetic coder writes: 32-bit bounds, one bit at a time."""
  low, high, pending, written = 0, 0xFFFFFFFF, 0, 0
  for symbol in symbols:
    span = high - low + 1
    high = low - 1 + ((span * int(cdf[symbol + 1])) >> 16)
    low = low + ((span * int(cdf[symbol])) >> 16)
    while True:
      if high < 1 << 31 or low >= 1 << 31:
        written += 1 + pending
        pending = 0
      elif low >= 1 << 30 and high < 3 << 30:
        pending += 1
        low, high = low - (1 << 30), high - (1 << 30)
      else:
        break
      low, high = (low << 1) & 0xFFFFFFFF, ((high << 1) & 0xFFFFFFFF) | 1
  return written + pending + 2


@unittest.skipIf(np is None, "needs numpy")
class QuantizerTest(unittest.TestCase):

  def test_base_is_the_nearest_multiple_and_halves_go_outwards(self):
    plane = np.array([0.0, 0.49, 0.5, -0.5, 1.49, -1.5, 700.25], np.float32)
    self.assertEqual(quantizer.base_index(plane, np.float32(1)).tolist(), [0, 0, 1, -1, 1, -2, 700])

  def test_refinements_are_middles_of_nested_cells(self):
    plane, step = _normal(1, 64, 8), np.float32(0.25)
    for refinements in range(1, 5):
      found = quantizer.restored(plane, step, refinements)
      half = step / 2**(refinements + 1)
      self.assertLessEqual(np.abs(found - plane).max(), half)
      self.assertTrue(np.array_equal(np.signbit(found), np.signbit(plane)))
      self.assertTrue(np.all((np.abs(found) / half) % 2 == 1))
    self.assertLessEqual(np.abs(quantizer.restored(plane, step, 0) - plane).max(), step / 2)

  def test_what_a_decoder_has_fixes_the_first_refinement(self):
    plane, step = _normal(1, 64, 8), np.float32(0.5)
    base = quantizer.base_index(plane, step)
    halves = coders._halves(plane, step, base)  # pylint: disable=protected-access
    magnitude = np.where(base == 0, 0.25, np.abs(base) - 0.25 + 0.5 * halves)
    sign = np.where(base == 0, 1 - 2 * halves, np.sign(base))
    np.testing.assert_array_equal(sign * magnitude * step, quantizer.restored(plane, step, 1))

  def test_steps_are_powers_of_two_and_follow_the_root_of_a_token(self):
    one = np.ones(1, np.float32)
    steps = quantizer.Steps(np.array([[-1.4, 0.6]], np.float32), np.array([0.0], np.float32), one)
    self.assertEqual(steps.of_keys().tolist(), [[[0.5, 2.0]]])
    values = np.array([[[1.0, -1], [16, 16], [0.25, 0.25], [0, 0]]], np.float32)
    self.assertEqual(steps.of_values(values).ravel().tolist(), [1, 4, 0.5, 2.0**-8])
    self.assertEqual(steps.scaled(2).of_values(values).ravel().tolist(), [4, 16, 2, 2.0**-6])


@unittest.skipIf(np is None, "needs numpy")
class RatesTest(unittest.TestCase):

  def test_a_class_costs_its_entropy(self):
    symbols = np.zeros((1, 256, rates.CLASSES), np.int32)
    symbols[0, ::4] = 1  # a quarter of each channel
    bits = rates.Tables([symbols]).bits(symbols)["classes"]
    entropy = 2 * 0.25 + 0.75 * np.log2(4 / 3)
    self.assertAlmostEqual(bits / symbols.size, entropy, delta=0.02)

  def test_contexts_use_what_was_before(self):
    steps = np.random.default_rng(5).integers(0, 2, (2, 512, rates.CLASSES))
    symbols = (np.cumsum(steps == 0, axis=1) % 2).astype(np.int32)  # changes at random: 1 bit in any context
    slow = np.repeat(symbols[:, ::8], 8, axis=1)
    found = rates.Tables([slow]).bits(slow)
    self.assertLess(found["contexts"], 0.6 * found["classes"])

  def test_escapes_are_paid_for(self):
    symbols = np.zeros((1, 64, rates.CLASSES), np.int32)
    tables = rates.Tables([symbols])
    large = symbols.copy()
    large[0, 3, 2] = rates.LARGEST + 5  # an escape, which no table has seen, and 5 in five bits
    self.assertGreaterEqual(tables.bits(large)["classes"] - tables.bits(symbols)["classes"], 12 + 5 - 0.1)

  def test_channels_of_like_shape_share_a_class(self):
    symbols = np.zeros((1, 400, 32), np.int32)
    symbols[0, :, ::2] = _normal(400, 16, seed=2).round() * 4
    classes = rates.Tables([symbols]).classes[0]
    self.assertFalse(set(classes[::2]) & set(classes[1::2]))


@unittest.skipIf(np is None, "needs numpy")
class CachegenTest(unittest.TestCase):

  def test_quantizer_is_the_released_one(self):
    plane, bins = _normal(3, 5, 7), np.array([32, 16, 12])
    symbols, largest = cachegen.quantize(plane, bins)
    wanted, wanted_largest = _transcribed_quantizer(plane, bins)
    np.testing.assert_array_equal(symbols, wanted)
    np.testing.assert_array_equal(largest, wanted_largest)
    top = (bins // 2 - 1)[:, None, None]
    np.testing.assert_allclose(cachegen.dequantize(symbols, largest, bins), (wanted - top) / top * largest, rtol=1e-6)

  def test_levels_of_mistral(self):
    two = cachegen.level(2, 32)
    self.assertEqual(two.key_bins, (32,) * 10 + (16,) * 22)
    self.assertEqual(two.value_bins, (32,) * 2 + (16,) * 30)
    one = cachegen.level(1, 32)
    self.assertEqual(one.key_bins, (16,) * 20 + (12,) * 12)
    self.assertEqual(one.value_bins, (16,) * 2 + (12,) * 30)

  def test_bits_are_those_of_the_coder(self):
    symbols = cachegen.quantize(_normal(2, 256, 3), np.array([32, 16]))[0]
    written = 0
    for layer in range(2):
      for channel in range(3):
        stream = symbols[layer, :, channel]
        bits = _transcribed_coder_bits(stream, cachegen.table(stream, 32))
        written += -(-bits // 8) * 8
    self.assertLess(abs(cachegen.stream_bits(symbols, 32) - written), 6 * 8 + 1)

  def test_shipped_bytes_hold_tables_and_lengths(self):
    coder = cachegen.Released(cachegen.level(2, 12))
    bits, _, _ = coder.encode(_normal(12, 256, 4), _normal(12, 256, 4, seed=2), 0)
    self.assertEqual(bits["shipped"] - bits["tables free"], 2 * 12 * 4 * (33 * 16 + 32))

  def test_paper_form_restores_within_half_a_step(self):
    keys, values = _normal(3, 40, 16), _normal(3, 40, 16, seed=2)
    coarse, fine = (cachegen.Paper(levels, [(keys, values)]).encode(keys, values, 0) for levels in (4, 16))
    self.assertLess(np.abs(fine[1] - keys).mean(), 0.3 * np.abs(coarse[1] - keys).mean())
    self.assertLess(coarse[0]["paper"], fine[0]["paper"])
    anchors = keys[:, ::cachegen.GROUP_TOKENS]
    largest = np.abs(anchors).max(axis=2, keepdims=True)
    self.assertTrue(np.all(np.abs(coarse[1][:, ::cachegen.GROUP_TOKENS] - anchors) <= largest / 254 * 1.001))


@unittest.skipIf(np is None, "needs numpy")
class CodersTest(unittest.TestCase):

  def setUp(self):
    self.keys = damage_rounded(_normal(2, 64, 16))
    self.values = damage_rounded(_normal(2, 64, 16, seed=2))
    self.steps = quantizer.Steps(np.full((2, 16), -1, np.float32), np.full(2, -1, np.float32), np.ones(2, np.float32))

  def test_first_tokens_are_exact_in_the_first_chunk_only(self):
    coder = coders.Ours(self.steps, 0, 0, [(self.keys, self.values)])
    for first_token, exact in ((0, 4), (256, 0)):
      bits, keys, values = coder.encode(self.keys, self.values, first_token)
      np.testing.assert_array_equal(keys[:, :exact], self.keys[:, :exact])
      np.testing.assert_array_equal(values[:, :exact], self.values[:, :exact])
      self.assertFalse(np.array_equal(keys[:, exact:exact + 1], self.keys[:, exact:exact + 1]))
      self.assertGreater(bits["classes"], 0)

  def test_a_refinement_costs_a_bit_and_a_half_step_less_error(self):
    chunk = (self.keys, self.values)
    found = [coders.Ours(self.steps, 0, number, [chunk]).encode(*chunk, 256) for number in range(4)]
    errors = [np.abs(keys - self.keys).mean() for _, keys, _ in found]
    for finer, coarser in zip(errors[1:], errors):
      self.assertLess(finer, 0.8 * coarser)
    bits = [one[0]["classes"] / (2 * self.keys.size) for one in found]
    self.assertAlmostEqual(bits[3] - bits[2], 1, delta=1e-6)
    self.assertLess(bits[1] - bits[0], 1.01)

  def test_uniform_levels_halve_the_error(self):
    chunk = (self.keys, self.values)
    errors = [np.abs(uniform.Uniform(levels, 2, [chunk]).encode(*chunk, 0)[2] - self.values).max()
              for levels in (16, 256)]  # yapf: disable
    self.assertLess(errors[1], errors[0] / 10)


def damage_rounded(values):
  from reference_model import rounded  # pylint: disable=import-outside-toplevel
  return rounded(values)


class _FakeModel:
  """Gives prepared logits: `run` returns the array that stands in the cache's place."""

  def run(self, ids, cache):
    return cache[:len(ids)]

  def logit_slices(self, outputs):
    return iter([outputs[:2], outputs[2:]])


class _FakeCache:

  def __init__(self, logits):
    self._logits = logits

  def copy(self):
    return self._logits


@unittest.skipIf(np is None, "needs numpy")
class DamageTest(unittest.TestCase):

  def setUp(self):
    self.wanted, self.found = 3 * _normal(4, 50), 3 * _normal(4, 50) + 0.3 * _normal(4, 50, seed=2)
    self.exact = damage.Exact(_FakeModel(), _FakeCache(self.wanted), [0] * 4, [1, 2, 3, 4])

  def test_is_what_the_definition_says(self):
    log_p, log_q = (logits - np.log(np.exp(logits.astype(np.float64)).sum(axis=1, keepdims=True))
                    for logits in (self.wanted, self.found))
    found = self.exact.damage_of(_FakeCache(self.found))
    np.testing.assert_allclose(found.divergence, (np.exp(log_p) * (log_p - log_q)).sum(axis=1), rtol=1e-4)
    rows, following = np.arange(4), [1, 2, 3, 4]
    np.testing.assert_allclose(found.extra_loss, (log_p - log_q)[rows, following], rtol=1e-4)
    np.testing.assert_array_equal(found.agreed, log_p.argmax(axis=1) == log_q.argmax(axis=1))
    self.assertAlmostEqual(self.exact.perplexity(), np.exp(-log_p[rows, following].mean()), places=3)

  def test_a_shift_of_all_logits_is_none(self):
    found = self.exact.damage_of(_FakeCache(self.wanted + np.float32(0.5)))
    self.assertLess(found.divergence.max(), 1e-6)
    self.assertTrue(found.agreed.all())


@unittest.skipIf(np is None, "needs numpy")
class ScoringTest(unittest.TestCase):

  def curve(self):
    """Bits 1 and 3 with divergences 0.1 and 0.001, of two windows."""
    even = lambda value: damage.Damage(np.full((2, 3), value), np.ones((2, 3), bool), np.zeros((2, 3)))
    return [scoring.Scores({"all": np.array([bits, bits])}, even(value)) for bits, value in ((1, 0.1), (3, 0.001))]

  def test_bits_between_two_qualities(self):
    self.assertAlmostEqual(scoring.bits_at(self.curve(), "all", 0.01), 2)
    self.assertTrue(np.isnan(scoring.bits_at(self.curve(), "all", 0.0001)))

  def test_intervals_are_over_windows(self):
    figures = np.array([1.0, 2, 3, 4])
    found = scoring.estimate(lambda chosen: figures[chosen].mean(), 4)
    self.assertEqual(found.value, 2.5)
    self.assertTrue(1.2 < found.low < 2 < 3 < found.high < 3.8)


@unittest.skipIf(np is None, "needs numpy")
class PlanesTest(unittest.TestCase):

  def planes(self):
    count = iter(range(1000))
    make = lambda: np.array([next(count) for _ in range(5 * 2 * 3)], np.uint16).reshape(5, 2, 3)
    return {f"layers.{layer}.{plane}": make() for layer in (0, 1) for plane in "kv"}

  def test_array(self):
    found, array = self.planes(), planes.as_array(self.planes())
    self.assertEqual(array.shape, (2, 2, 5, 6))
    np.testing.assert_array_equal(array[1, 0, 3], found["layers.0.v"][3].ravel())

  def test_pages(self):
    found, pages = self.planes(), planes.as_pages(self.planes(), 4)
    self.assertEqual(pages["layers.1.kv"].shape, (2, 2, 4, 2, 3))
    np.testing.assert_array_equal(pages["layers.1.kv"][1, 0, 0], found["layers.1.k"][4])
    self.assertEqual(int(pages["layers.1.kv"][1, :, 1:].max()), 0)


@unittest.skipIf(np is None, "needs numpy")
class TextsTest(unittest.TestCase):

  def test_sets_have_no_part_of_a_text_in_common(self):
    spans = {}
    for text in texts.TEXTS.values():
      spans.setdefault((text.package, text.part), []).append((text.begin, text.set_name))
    for part, found in spans.items():
      self.assertEqual(len({set_name for _, set_name in found}), 1, part)
      begins = sorted(begin for begin, _ in found)
      for begin, following in zip(begins, begins[1:]):
        self.assertGreaterEqual(following - begin, texts.MAX_CHARACTERS, part)

  def test_every_text_is_pinned(self):
    self.assertEqual(sorted(texts.load_pins()), sorted(texts.TEXTS))

  def test_novels_are_read_from_r(self):
    string = lambda word: struct.pack(">II", 0x00040009, len(word)) + word
    objects = []
    for words in ((b"One", b"", b"line"), (b"Two",)):
      strings = struct.pack(">II", 16, len(words)) + b"".join(map(string, words))
      objects.append(b"X\n" + bytes(12) + struct.pack(">I", 5) + b"UTF-8" + strings)
    database = b"".join(struct.pack(">I", len(one)) + zlib.compress(one) for one in objects)
    self.assertEqual(texts.novels(database), ["One\n\nline", "Two"])

  def test_pages_become_what_is_seen(self):
    page = "<html><head>no</head><body><p>a <b>b</b></p><script>no</script><pre>c &lt; d</pre></body></html>"
    self.assertEqual(texts.words_of_page(page), "a b\n\nc < d")


@unittest.skipIf(np is None, "needs numpy")
class LosslessTest(unittest.TestCase):

  def test_top_exponents(self):
    plane = (np.arange(2048) % 16 + 100 << 7).astype(np.uint16)
    self.assertEqual(lossless.top_exponents_bits(plane), 12 * 2048 + 2 * 16)
    plane[5] = 90 << 7
    self.assertEqual(lossless.top_exponents_bits(plane), 12 * 2048 + 2 * 16 + 24)

  def test_shuffled(self):
    self.assertEqual(lossless.shuffled(np.array([0x0102, 0x0304], np.uint16)), bytes((2, 4, 1, 3)))


if __name__ == "__main__":
  unittest.main()
