"""Rows of `speed` about sizes: what every level makes of every file beside limit and peers, and that all encoders make
the same of it."""

import dataclasses
import functools
import math
import pathlib
import tempfile

from containers import VARIANTS, require_variant
from rows import Bench, Outcome, Row, log, require
from speed_kernels import Contests

import corpus_sizes
import peers_race
from corpus_sizes import CORPORA, MIN_ELEMENTS
from files import sha256

_LEVELS = (3, 5, 7)
_HUFFMAN_PEERS = ("ZipNN", "OpenZL Huffman", "OpenZL Huffman, byte planes")
_SMALL_PEERS = ("OpenZL FSE", "OpenZL FSE, byte planes", "htscodecs rANS 32x16")

# Most percent over the order-0 limit, by level and family.
_MOST_OVER_LIMIT = {
    3: {"transformer": 0.75, "cnn": 1.1},
    5: {"transformer": 0.35, "cnn": 0.5},
    7: {"transformer": 0.12, "cnn": 0.12},
}
_PEERS = {3: (), 5: _HUFFMAN_PEERS, 7: _SMALL_PEERS}
_LEVEL_NAMES = {3: "default level", 5: "rans fast setting", 7: "rans small setting"}
# Published in types for which the limit of bf16 is not defined: beside peers alone.
_OTHER_REAL = ("minilm", "embgemma", "ppdoclayout", "wordllama")


def _own_coder(level: int) -> str:
  return f"plait -{level}"


@dataclasses.dataclass(frozen=True)
class Coded:
  """A container: its bytes, its SHA-256, and what `plait list --json` says of it."""
  num_bytes: int
  digest: str
  listing: dict


def counted_bits(listing: dict, dtype: str) -> float:
  """Returns bits per weight of that type's tensors of at least MIN_ELEMENTS; all that their frames hold is counted."""
  counted = [row for row in listing["tensors"] if row["dtype"] == dtype and math.prod(row["shape"]) >= MIN_ELEMENTS]
  return 8 * sum(row["coded_bytes"] for row in counted) / sum(math.prod(row["shape"]) for row in counted)


class Levels:
  """What the levels make of corpora, each container made once and thrown away."""

  def __init__(self, bench: Bench):
    self._bench = bench
    self._contests = Contests(bench)

  @functools.cache
  def coded(self, corpus: str, level: int) -> Coded:
    """Decoded and compared by the program itself."""
    with tempfile.TemporaryDirectory(prefix="plait-speed-", dir="/dev/shm") as folder:
      container = self._compress(corpus, level, pathlib.Path(folder))
      return Coded(container.stat().st_size, sha256(container), self._bench.plait.list(container))

  def bits(self, corpus: str, level: int) -> float:
    return counted_bits(self.coded(corpus, level).listing, peers_race.dtype_of(corpus))

  def digest(self, corpus: str, level: int, cpu: str) -> str:
    with tempfile.TemporaryDirectory(prefix="plait-speed-", dir="/dev/shm") as folder:
      return sha256(self._compress(corpus, level, pathlib.Path(folder), "--no-verify", cpu=cpu))

  def _compress(self, corpus: str, level: int, folder: pathlib.Path, *options: str, cpu: str = "") -> pathlib.Path:
    container = folder / "coded"
    self._bench.plait.checked("compress", f"-{level}", "-T2", *options, "-o", container,
                              corpus_sizes.corpus_path(corpus), cpu=cpu)
    return container

  @functools.cache
  def coders(self, corpus: str) -> dict[str, float]:
    """Bits per weight of the same tensors by peers, with nothing around what they return, and by our own blocks alone."""
    own = tuple(_own_coder(level) for level in _LEVELS)
    return peers_race.measure_bits(self._contests.binary, corpus, own + _HUFFMAN_PEERS + _SMALL_PEERS, self._bench.work)

  @functools.cache
  def limit(self, corpus: str) -> float:
    return corpus_sizes.order0_limit(str(corpus_sizes.corpus_path(corpus)), MIN_ELEMENTS)["bits_per_weight"]


def against_limit_and_peers(levels: Levels, corpus: str, level: int) -> Outcome:
  bits = levels.bits(corpus, level)
  texts, passed = [f"{bits:.3f} bits per weight"], True
  if CORPORA[corpus].dtype == "bf16":
    percent = 100 * (bits / levels.limit(corpus) - 1)
    passed = percent <= _MOST_OVER_LIMIT[level][CORPORA[corpus].family]
    texts.append(f"limit {levels.limit(corpus):.3f} {percent:+.2f} %")
  if _PEERS[level]:
    coders = levels.coders(corpus)
    wanted = [peer for peer in _PEERS[level] if peer in coders]
    require(bool(wanted), "no peer ran")
    texts[0] += f" ({coders[_own_coder(level)]:.3f} without frames)"
    passed = passed and all(bits < coders[peer] for peer in wanted)
    texts += [f"{peer} {coders[peer]:.3f}" for peer in wanted]
  return Outcome(passed, ", ".join(texts))


def ever_smaller(levels: Levels, corpora: list[str]) -> Outcome:
  """Compares whole containers, level by level."""
  wrong, texts = [], []
  for corpus in corpora:
    sizes = [levels.coded(corpus, level).num_bytes for level in _LEVELS]
    texts.append(f"{corpus} {' > '.join(map(str, sizes))}")
    if sorted(set(sizes), reverse=True) != sizes:
      wrong.append(corpus)
  return Outcome(not wrong, f"{f'not so: {wrong}; ' if wrong else ''}{'; '.join(texts)}")


def same_bytes(bench: Bench, levels: Levels, corpora: list[str], cpu: str) -> Outcome:
  require_variant(bench, cpu)
  for corpus in corpora:
    log(f"   {corpus}")
    for level in _LEVELS:
      require(levels.digest(corpus, level, cpu) == levels.coded(corpus, level).digest,
              f"{corpus}: {cpu} makes another container at level {level}")
  return Outcome(True, f"{len(corpora)} files at levels {', '.join(map(str, _LEVELS))}: as the best variant's")


def _target(corpus: str, level: int) -> str:
  parts = []
  if CORPORA[corpus].dtype == "bf16":
    parts.append(f"<= order-0 limit + {_MOST_OVER_LIMIT[level][CORPORA[corpus].family]} %")
  if _PEERS[level]:
    peers = "ZipNN and OpenZL Huffman" if level == 5 else "OpenZL FSE and htscodecs"
    parts.append(f"frames, hashes and padding counted, smaller than {peers} without any")
  return ", ".join(parts)


def make_rows(bench: Bench) -> list[Row]:
  levels = Levels(bench)
  bf16 = [corpus.name for corpus in corpus_sizes.bf16_corpora()]
  tensors = [name for name, corpus in CORPORA.items() if corpus.suffix == ".safetensors"]
  made = [
      Row(f"{_LEVEL_NAMES[level]} (-{level}), {corpus_sizes.label(CORPORA[corpus])}", _target(corpus, level),
          functools.partial(against_limit_and_peers, levels, corpus, level))
      for level in _LEVELS
      for corpus in (*bf16, *(_OTHER_REAL if level != 3 else ()))
  ]
  every = [*bf16, *_OTHER_REAL]
  made.append(
      Row("every level smaller than the one before it", "on every real file", lambda: ever_smaller(levels, every)))
  made += [
      Row(f"same bytes: {cpu} encoder", "byte-identical on all corpora",
          functools.partial(same_bytes, bench, levels, tensors, cpu)) for cpu in VARIANTS
  ]
  return made
