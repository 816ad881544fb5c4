#!/usr/bin/env python3
"""Text to token ids and back, by the vocabulary in a GGUF file.

  gguf_tokens.py encode MODEL.gguf < text > ids     one line, ids separated by spaces, the model's first token included
  gguf_tokens.py decode MODEL.gguf < ids > text

Two kinds of vocabulary: byte-level BPE ("gpt2") and SentencePiece ("llama"). Special tokens in the text are text. Words
are cut with Python's idea of letters and digits, which differs from the published one in rare characters such as 2/3 in
one character. Needs the gguf package.
"""

import argparse
import heapq
import re
import sys
from collections.abc import Callable

import gguf

_SPACE = "\u2581"  # stands for a space in SentencePiece vocabularies
_BYTE_TOKEN = 6  # token_type of <0x00> to <0xFF>
_USER_DEFINED_TOKEN = 4  # found in the text before anything is merged, the longest first: runs of spaces and line ends

# What GPT-2 cuts text into before it merges; digits stand alone, as the "smollm" variant wants.
_WORDS = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[^\W\d_]+|\d| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def _byte_letters() -> list[str]:
  """Returns the letter that stands for each byte in a GPT-2 vocabulary: itself, or for odd ones one past 255."""
  printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
  others = iter(range(0x100, 0x200))
  return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def _merged(symbols: list[str], rank: Callable[[str, str], float | None]) -> list[str]:
  """Joins neighbours, always the pair of least rank and of those the leftmost, until no pair has a rank."""
  symbols = list(symbols)
  following = list(range(1, len(symbols) + 1))
  preceding = list(range(-1, len(symbols) - 1))
  queue: list[tuple[float, int, str, str]] = []

  def push(left: int) -> None:
    right = following[left]
    if left < 0 or right >= len(symbols):
      return
    if (value := rank(symbols[left], symbols[right])) is not None:
      heapq.heappush(queue, (value, left, symbols[left], symbols[right]))

  for index in range(len(symbols) - 1):
    push(index)
  while queue:
    _, left, left_text, right_text = heapq.heappop(queue)
    right = following[left]
    if right >= len(symbols) or (symbols[left], symbols[right]) != (left_text, right_text):
      continue  # One of the two has been merged with another since.
    symbols[left], symbols[right] = left_text + right_text, ""
    following[left] = following[right]
    if following[left] < len(symbols):
      preceding[following[left]] = left
    push(left)
    if preceding[left] >= 0:
      push(preceding[left])
  return [symbol for symbol in symbols if symbol]


class Vocabulary:
  """The vocabulary of a GGUF file.

  Args:
    path: the file.
  """

  def __init__(self, path: str):
    fields = gguf.GGUFReader(path).fields
    get = lambda name, default=None: fields[name].contents() if name in fields else default
    list_of = lambda name: [fields[name].parts[index] for index in fields[name].data]
    self._kind = get("tokenizer.ggml.model")
    if self._kind not in ("gpt2", "llama"):
      raise ValueError(f"tokenizer.ggml.model: found {self._kind}, expected gpt2 or llama")
    self._texts = [bytes(part).decode() for part in list_of("tokenizer.ggml.tokens")]
    self._ids = {text: token for token, text in enumerate(self._texts)}
    self._first = [get("tokenizer.ggml.bos_token_id")] if get("tokenizer.ggml.add_bos_token") else []
    if self._kind == "gpt2":
      merges = (bytes(part).decode() for part in list_of("tokenizer.ggml.merges"))
      self._merge_ranks = {tuple(merge.split(" ")): rank for rank, merge in enumerate(merges)}
    else:
      self._scores = [float(part[0]) for part in list_of("tokenizer.ggml.scores")]
      kinds = [int(part[0]) for part in list_of("tokenizer.ggml.token_type")]
      self._byte_ids = [token for token, kind in enumerate(kinds) if kind == _BYTE_TOKEN]
      self._byte_of = {token: byte for byte, token in enumerate(self._byte_ids)}
      whole = [self._texts[token] for token, kind in enumerate(kinds) if kind == _USER_DEFINED_TOKEN]
      longest_first = "|".join(map(re.escape, sorted(whole, key=len, reverse=True)))
      self._whole = re.compile(f"({longest_first or '(?!)'})")

  def encode(self, text: str) -> list[int]:
    pieces = self._encode_bpe(text) if self._kind == "gpt2" else self._encode_sentencepiece(text)
    return self._first + pieces

  def decode(self, tokens: list[int]) -> str:
    if self._kind == "gpt2":
      bytes_of = {letter: byte for byte, letter in enumerate(_byte_letters())}
      letters = "".join(self._texts[token] for token in tokens)
      return bytes(bytes_of[letter] for letter in letters).decode(errors="replace")
    parts = (bytes([self._byte_of[token]]) if token in self._byte_of else self._texts[token].encode()
             for token in tokens)
    return b"".join(parts).decode(errors="replace").replace(_SPACE, " ")

  def _encode_bpe(self, text: str) -> list[int]:
    letters = _byte_letters()
    rank = lambda left, right: self._merge_ranks.get((left, right))
    words = ([letters[byte] for byte in word.encode()] for word in _WORDS.findall(text))
    return [self._ids[piece] for word in words for piece in _merged(word, rank)]

  def _encode_sentencepiece(self, text: str) -> list[int]:

    def rank(left: str, right: str) -> float | None:
      token = self._ids.get(left + right)
      return None if token is None else -self._scores[token]

    tokens = []
    for index, part in enumerate(self._whole.split(text)):
      pieces = [part] if index % 2 else _merged(list(part.replace(" ", _SPACE)), rank)
      for piece in pieces:
        token = self._ids.get(piece)
        tokens += [token] if token is not None else [self._byte_ids[byte] for byte in piece.encode()]
    return tokens


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("direction", choices=("encode", "decode"))
  parser.add_argument("model", help="a GGUF file")
  args = parser.parse_args()
  vocabulary = Vocabulary(args.model)
  if args.direction == "encode":
    print(*vocabulary.encode(sys.stdin.read()))
  else:
    print(vocabulary.decode([int(word) for word in sys.stdin.read().split()]))


if __name__ == "__main__":
  main()
