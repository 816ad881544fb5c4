"""Tests of reference_model.py on tiny models made here. Run: python3 -m unittest discover -s bench/lib"""

import pathlib
import sys
import tempfile
import unittest

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_REPOSITORY / "tests" / "examples"), str(_REPOSITORY / "bench" / "corpora")]

import tiny_model

try:
  import numpy as np

  import reference_model
except ImportError:
  np = None

_TOKENS = 40  # more than three windows of tiny_model.GEMMA3


@unittest.skipIf(np is None, "needs numpy")
class ReferenceModelTest(unittest.TestCase):

  def models(self):
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    for config in (tiny_model.LLAMA, tiny_model.GEMMA3):
      path = pathlib.Path(folder.name) / f"{config['model_type']}.safetensors"
      tiny_model.write(path, tiny_model.weights(config))
      with self.subTest(config["model_type"]):
        yield reference_model.ReferenceModel(path, config, keep_weights=True)

  def ids(self) -> list[int]:
    return np.random.default_rng(3).integers(0, tiny_model.VOCABULARY, _TOKENS).tolist()

  def test_tokens_behind_a_cache_are_as_all_at_once(self):
    for model in self.models():
      ids, whole = self.ids(), model.empty_cache()
      at_once = model.run(ids, whole)
      for cut in (1, 11, 12, 13, _TOKENS - 1):
        cache = model.empty_cache()
        parts = [model.run(part, cache) for part in (ids[:cut], ids[cut:])]
        np.testing.assert_allclose(np.concatenate(parts), at_once, atol=2e-3)
        self.assertEqual(cache.tokens, _TOKENS)

  def test_a_cache_matters_as_far_as_a_layer_sees(self):
    for model in self.models():
      ids, cache = self.ids(), model.empty_cache()
      model.run(ids[:-1], cache)
      exact = model.run(ids[-1:], cache.copy())
      for layer in range(model.layers):
        _, distance = model.rope(layer)
        for position in (0, _TOKENS - (distance or _TOKENS), _TOKENS - 2):
          changed = cache.copy()
          changed.values[layer] = changed.values[layer].copy()
          changed.values[layer][position] += 1
          seen = distance is None or position > _TOKENS - 1 - distance
          found = model.run(ids[-1:], changed)
          self.assertEqual(seen, bool(np.abs(found - exact).max() > 1e-4), (layer, position))

  def test_what_is_observed_is_what_is_cached(self):
    for model in self.models():
      seen, cache = [], model.empty_cache()
      model.run(self.ids(), cache, seen.append)
      self.assertEqual([one.layer for one in seen], list(range(model.layers)))
      for one in seen:
        np.testing.assert_array_equal(reference_model.rounded(one.keys), cache.keys[one.layer])
        np.testing.assert_array_equal(reference_model.rounded(one.values), cache.values[one.layer])
        again = reference_model.rotated(one.keys_before_rotation, model.rope(one.layer)[0])
        np.testing.assert_array_equal(again, one.keys)


@unittest.skipIf(np is None, "needs numpy")
class RotatedTest(unittest.TestCase):

  def test_backwards_undoes_it(self):
    heads = np.random.default_rng(1).standard_normal((5, 2, 8)).astype(np.float32)
    turned = reference_model.rotated(heads, 10000.0, 7)
    self.assertGreater(np.abs(turned - heads).max(), 0.1)
    np.testing.assert_allclose(reference_model.rotated(turned, 10000.0, 7, backwards=True), heads, atol=1e-5)


if __name__ == "__main__":
  unittest.main()
