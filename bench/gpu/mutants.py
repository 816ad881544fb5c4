"""Mutations of kernel code: what small mistakes could be made in a line, each as an edit of its file.

The tokens are those of C++ as clang-format leaves it, so that an operator with spaces around it is a binary one and a
`<` without them opens template arguments. A mutation that does not compile says nothing and costs little, so the rules
need no types.
"""

import dataclasses
import random
import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|^[ \t]*#[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])'|\w+|<<=|>>=|[-+*/%&|^=!<>]=|"
    r"<<|>>|&&|\|\||\+\+|--|->|::|\s+|.", re.MULTILINE | re.DOTALL)
_SKIPPED = re.compile(r"\s|//|/\*|[ \t]*#")

# What each binary operator becomes.
_BINARY = {
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"), "==": ("!=",), "!=": ("==",),
    "+": ("-",), "-": ("+",), "*": ("+",), "/": ("*",), "%": ("/",), "&": ("|",), "|": ("&",), "^": ("|",),
    "&&": ("||",), "||": ("&&",), "<<": (">>", "<< 1 +"), ">>": ("<<", ">> 1 +"),
    "+=": ("-=",), "-=": ("+=",), "|=": ("&=",), "&=": ("|=",), "^=": ("|=",),
}  # yapf: disable
_WORDS = {
    "Min": "Max", "Max": "Min", "true": "false", "false": "true", "BlockBarrier": "WarpBarrier",
    "FunnelShiftRightClamped": "FunnelShiftRight", "Any": "All", "All": "Any", "ShuffleUp": "ShuffleDown",
    "ShuffleDown": "ShuffleUp", "InclusiveScan": "U32",
}  # yapf: disable
_UNARY = {"++": "--", "--": "++", "~": "", "!": ""}
_COMPONENTS = {"x": "y", "y": "x", "z": "w", "w": "z"}
# Calls whose arguments of these numbers may have been mixed up.
_SWAPS = {"Select": (1, 2), "BitSelect": (1, 2), "BytePermute": (0, 1), "FunnelShiftRight": (0, 1),
          "FunnelShiftRightClamped": (0, 1)}  # yapf: disable
_MEMORY = re.compile(r"(Global|Shared)(?:Load|Store|Or)\w*")
_CONSTANT = re.compile(r"k[A-Z]\w*")
_NUMBER = re.compile(r"\d+|0[xX][0-9a-fA-F]+")
_NO_EXPRESSION = frozenset("const constexpr using static_assert template struct return if for while auto typename inline "
                           "namespace else enum public private static friend case default break continue".split())
_ACTS = re.compile(r"\(|\+\+|--|[-+*/%&|^]?=")  # what a statement that does something has
_OPENERS = {"(": ")", "[": "]", "{": "}"}


@dataclasses.dataclass(frozen=True)
class Token:
  text: str
  begin: int

  @property
  def end(self) -> int:
    return self.begin + len(self.text)


@dataclasses.dataclass(frozen=True)
class Mutant:
  """An edit of one place. `name` tells it from the others of a line with the same text."""
  path: str
  line_number: int
  line: str  # without indentation
  name: str
  begin: int
  end: int
  text: str  # in place of begin:end

  @property
  def key(self) -> tuple[str, str, str]:
    return self.path, self.line, self.name

  def apply(self, source: str) -> str:
    return source[:self.begin] + self.text + source[self.end:]


class Source:
  """A file's tokens with their brackets."""

  def __init__(self, text: str):
    self.text = text
    self.tokens = [
        Token(match.group(), match.start()) for match in _TOKEN.finditer(text) if not _SKIPPED.match(match.group())
    ]
    self.partner: dict[int, int] = {}
    self.parent: list[int] = []  # of each token: the innermost bracket around it, -1 outside of all
    stack: list[int] = []
    for number, token in enumerate(self.tokens):
      if token.text in _OPENERS.values() and stack:
        self.partner[stack[-1]] = number
        self.partner[number] = stack.pop()
      self.parent.append(stack[-1] if stack else -1)
      if token.text in _OPENERS:
        stack.append(number)

  def at(self, number: int) -> str:
    return self.tokens[number].text if 0 <= number < len(self.tokens) else ""

  def spaced(self, number: int) -> bool:
    token = self.tokens[number]
    return self.text[token.begin - 1].isspace() and self.text[token.end:token.end + 1].isspace()

  def arguments(self, opener: int) -> list[tuple[int, int]]:
    """Returns begin and end in the text of each argument of a call."""
    closer = self.partner[opener]
    commas = [n for n in range(opener + 1, closer) if self.parent[n] == opener and self.at(n) == ","]
    if closer == opener + 1:
      return []
    firsts = [opener + 1, *(comma + 1 for comma in commas)]
    lasts = [*(comma - 1 for comma in commas), closer - 1]
    return [(self.tokens[a].begin, self.tokens[b].end) for a, b in zip(firsts, lasts) if a <= b]


# An edit as rules give it: begin, end, what stands there then.
Edit = tuple[int, int, str]


def _operators(source: Source, number: int) -> Iterator[Edit]:
  token = source.tokens[number]
  if token.text in _BINARY and source.spaced(number) and source.at(number - 1) != "template":
    yield from ((token.begin, token.end, other) for other in _BINARY[token.text])
  elif token.text in _UNARY:
    yield token.begin, token.end, _UNARY[token.text]


def _words(source: Source, number: int) -> Iterator[Edit]:
  token = source.tokens[number]
  if token.text in _WORDS and source.at(number - 1) != "::":
    yield token.begin, token.end, _WORDS[token.text]
  if token.text in _COMPONENTS and source.at(number - 1) == ".":
    yield token.begin, token.end, _COMPONENTS[token.text]


def _constants(source: Source, number: int) -> Iterator[Edit]:
  token = source.tokens[number]
  if _NUMBER.fullmatch(token.text):
    value = int(token.text, 0)
    if token.text[:2].lower() == "0x":  # a mask or a selector: its lowest and its highest one
      others = {value & (value - 1), value ^ (1 << max(value.bit_length() - 1, 0))}
      yield from ((token.begin, token.end, hex(other)) for other in sorted(others - {value}))
      return
    yield from ((token.begin, token.end, str(other)) for other in (value + 1, value - 1) if other >= 0)
  elif _CONSTANT.fullmatch(token.text):
    defined = source.at(number + 1) in ("=", "{", "(", "::") or source.at(number - 1) in ("::", "class", "bool")
    template = source.text[token.begin - 1] == "<" or source.at(number - 1) == "uint32_t"
    if not defined and not template:
      yield token.begin, token.end, f"({token.text} + 1)"


def _changed(source: Source, span: tuple[int, int], before: str, after: str) -> Edit:
  begin, end = span
  return begin, end, f"{before}{source.text[begin:end]}{after}"


def _conditions(source: Source, number: int) -> Iterator[Edit]:
  """Of branches, of `...If` and of `?:`."""
  word = source.at(number)
  if word in ("if", "while"):
    opener = number + 1 + (source.at(number + 1) == "constexpr")
    begin, end = source.tokens[opener].end, source.tokens[source.partner[opener]].begin
    yield _changed(source, (begin, end), "!(", ")")
    yield begin, end, "true"
    yield begin, end, "false"
  elif word.endswith("If") and source.at(number - 1) == "." and source.at(number + 1) == "(":
    span = source.arguments(number + 1)[0]
    yield _changed(source, span, "!(", ")")
    yield *span, "typename Ctx::Pred(true)"
  elif word == "?":
    yield _changed(source, (source.tokens[_ternary_begin(source, number)].begin, source.tokens[number - 1].end), "!(",
                   ")")


def _ternary_begin(source: Source, question: int) -> int:
  """The first token of the condition before a question mark."""
  number = question
  while number > 0 and not (source.parent[number - 1] == source.parent[question] and
                            source.at(number - 1) in ("=", "return", ",", ";", "?", ":", "+=", "|=")):
    if number - 1 == source.parent[question]:
      break
    number -= 1
  return number


def _calls(source: Source, number: int) -> Iterator[Edit]:
  """Arguments mixed up, addresses and indices next to the right ones."""
  word = source.at(number)
  if source.at(number + 1) != "(" or source.at(number - 1) != ".":
    return
  arguments = source.arguments(number + 1)
  if word in _SWAPS and len(arguments) == 3:
    (a, b), (c, d) = (arguments[i] for i in _SWAPS[word])
    yield a, d, source.text[c:d] + source.text[b:c] + source.text[a:b]
  memory = _MEMORY.fullmatch(word)
  if memory:
    place = (memory.group(1) == "Global" and "Uniform" not in word and word != "GlobalOr") + word.endswith("If")
    yield _changed(source, arguments[place], "", " + 1")
    yield _changed(source, arguments[place], "", " - 1")


def _subscripts(source: Source, number: int) -> Iterator[Edit]:
  if source.at(number) != "[" or not re.fullmatch(r"\w+|\)|\]", source.at(number - 1)):
    return
  declares = re.fullmatch(r"\w+|[>*&]", source.at(number - 2)) and source.at(number - 2) != "return"
  for span in source.arguments(number) if not declares else ():
    yield _changed(source, span, "(", ") + 1")


def _statements(source: Source, number: int) -> Iterator[Edit]:
  """A statement that is no declaration, dropped: barriers among them."""
  parent = source.parent[number]
  if parent >= 0 and source.at(parent) != "{" or source.at(number - 1) not in (";", "{", "}", ")", "else", ":"):
    return
  word, following = source.at(number), source.at(number + 1)
  if word in _NO_EXPRESSION or not re.fullmatch(r"\w+|\+\+|--", word) or re.fullmatch(r"\w+|,|}", following) and word not in (
      "++", "--"):
    return
  for last in range(number, len(source.tokens)):
    if source.parent[last] == parent and source.at(last) == ";":
      if any(_ACTS.fullmatch(source.at(n)) for n in range(number, last)):
        yield source.tokens[number].begin, source.tokens[last].begin, ""
      return
    if last == source.partner.get(parent):
      return


_RULES = {
    "operator": _operators, "word": _words, "constant": _constants, "condition": _conditions, "call": _calls,
    "index": _subscripts, "dropped": _statements,
}  # yapf: disable


def _one_line(text: str) -> str:
  return " ".join(text.split())


def mutants_of(path: str, text: str) -> list[Mutant]:
  """Returns every mutant of a file's code, in the file's order."""
  source = Source(text)
  found, seen = [], set()
  names: dict[tuple[str, str], int] = {}
  lines = text.split("\n")
  for number, token in enumerate(source.tokens):
    line_number = text.count("\n", 0, token.begin)
    line = lines[line_number].strip()
    if "static_assert" in line:
      continue
    for rule, edits in _RULES.items():
      for begin, end, new in edits(source, number):
        if (begin, end, new) in seen or text[begin:end] == new:
          continue
        seen.add((begin, end, new))
        name = f"{rule}: {_one_line(text[begin:end])} -> {_one_line(new)}"
        count = names[line, name] = names.get((line, name), 0) + 1
        if count > 1:
          name += f" ({count})"
        found.append(Mutant(path, line_number + 1, line, name, begin, end, new))
  return found


def code_lines(text: str) -> int:
  """Returns how many lines have code: tokens other than brackets and what ends a statement."""
  tokens = Source(text).tokens
  return len({text.count("\n", 0, token.begin) for token in tokens if token.text not in ("{", "}", ";", ")", "(")})


def sample(mutants: list[Mutant], seed: int, per_line: int, limit: int) -> list[Mutant]:
  """Returns up to `per_line` mutants of each line and up to `limit` of those, 0 being no limit, in a shuffled order.

  A smaller sample of the same seed is the begin of a larger one, so that a run which is cut off is a fair sample too.
  """
  by_line: dict[tuple[str, int], list[Mutant]] = {}
  for mutant in mutants:
    by_line.setdefault((mutant.path, mutant.line_number), []).append(mutant)
  chosen = []
  for (path, _), of_line in by_line.items():
    random.Random(f"{seed} {path} {of_line[0].line}").shuffle(of_line)
    chosen += of_line[:per_line or len(of_line)]
  random.Random(seed).shuffle(chosen)
  return chosen[:limit or len(chosen)]
