"""Tests of gguf_tokens.py on vocabularies made here. Run: python3 -m unittest discover -s bench/lib"""

import pathlib
import tempfile
import unittest

try:
  import gguf

  import gguf_tokens
except ImportError:
  gguf = None

_NORMAL, _CONTROL, _USER_DEFINED, _BYTE = 1, 3, 4, 6


@unittest.skipIf(gguf is None, "needs the gguf package")
class VocabularyTest(unittest.TestCase):

  def setUp(self):
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self.path = str(pathlib.Path(folder.name) / "v.gguf")

  def vocabulary(self, kind: str, tokens: list[str], kinds: list[int], scores=(), merges=(), first: int | None = None):
    writer = gguf.GGUFWriter(self.path, "llama")
    writer.add_tokenizer_model(kind)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    if scores:
      writer.add_token_scores(scores)
    if merges:
      writer.add_token_merges(merges)
    if first is not None:
      writer.add_bos_token_id(first)
    writer.add_add_bos_token(first is not None)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return gguf_tokens.Vocabulary(self.path)

  def test_bpe_merges_by_rank_within_words(self):
    tokens = ["a", "b", "c", "\u0120", "1", "2", "ab", "bc", "\u0120a", "\u00c3", "\u00a9", "\u00c3\u00a9"]
    vocabulary = self.vocabulary("gpt2", tokens, [_NORMAL] * len(tokens),
                                 merges=["b c", "a b", "\u0120 a", "\u00c3 \u00a9", "1 2"])
    self.assertEqual(vocabulary.encode("abc abb a"), [0, 7, 3, 6, 1, 8])  # "b c" before "a b" before " a"
    self.assertEqual(vocabulary.encode("12"), [4, 5])  # digits stand alone
    self.assertEqual(vocabulary.encode("\u00e9"), [11])
    self.assertEqual(vocabulary.decode([0, 7, 8, 11, 4]), "abc a\u00e91")

  def test_sentencepiece_merges_by_score_and_falls_back_to_bytes(self):
    tokens = ["<bos>", "a", "b", "\u2581", "ab", "\u2581a", "  "] + [f"<0x{byte:02X}>" for byte in range(256)]
    kinds = [_CONTROL] + [_NORMAL] * 5 + [_USER_DEFINED] + [_BYTE] * 256
    scores = [0.0, -9.0, -9.0, -9.0, -2.0, -1.0, 0.0] + [0.0] * 256
    vocabulary = self.vocabulary("llama", tokens, kinds, scores=scores, first=0)
    self.assertEqual(vocabulary.encode(" abab"), [0, 5, 2, 4])  # " a" has the better score
    self.assertEqual(vocabulary.encode("  a a"), [0, 6, 1, 5])  # two spaces are one token, whatever the scores
    self.assertEqual(vocabulary.encode("\u00e9"), [0, 7 + 0xC3, 7 + 0xA9])
    self.assertEqual(vocabulary.decode([5, 2, 4, 6, 7 + 0xC3, 7 + 0xA9]), " abab  \u00e9")

  def test_refuses_other_kinds(self):
    with self.assertRaisesRegex(ValueError, "found bert, expected gpt2 or llama"):
      self.vocabulary("bert", ["a"], [_NORMAL])


if __name__ == "__main__":
  unittest.main()
