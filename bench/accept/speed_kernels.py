"""Rows of `speed` about kernels: memory to memory, beside copies and peers, on one core and on two threads."""

import functools
import pathlib

from rows import Bench, Outcome, Row, Skip, log

import corpus_sizes
import peers_race
import race
from contest import LEAST_ROUNDS, Entrant, Results, Spread

_CORPUS = "astra"  # bf16 as published
_COPY = Entrant("streaming copy", "copy")
_HUFF0 = "huff0 4X2"
_PYTHON_PEERS = peers_race.PYTHON_CODECS
_PEERS = (_HUFF0, *_PYTHON_PEERS)
_CHECKED = "decode, checked"
_DEFAULT, _FAST, _SMALL = "plait -3", "plait -5", "plait -7"
_AVX2 = f"{_DEFAULT} avx2"
_THREADS = 2

# type: (corpus, least of the fastest peer's speed, most percent that the default level may be larger than that peer)
_OTHER_TYPES = {
    "fp8": ("cast-embgemma-layers-e4m3", 4, 1.2),
    "fp32": ("minilm", 4, 0.5),
    "fp16": ("wordllama", 2, 0.9),
}


class Contests:
  """The contests that rows look at, each held once."""

  def __init__(self, bench: Bench):
    self._work = bench.work
    # The server is built beside the program.
    self._binary = pathlib.Path(bench.plait.path).parents[1] / "bench" / "peers" / "plait_peers"

  @property
  def binary(self) -> pathlib.Path:
    if not self._binary.is_file():
      raise FileNotFoundError(f"{self._binary} is not built; ./dev accept speed does that")
    return self._binary

  @functools.cache
  def of(self, corpus: str) -> Results:
    results = peers_race.race_corpus(self.binary, corpus, self._work, LEAST_ROUNDS)
    for codec, reason in results.skipped.items():
      log(f"   left out: {codec}: {reason}")
    return results

  @functools.cache
  def of_threads(self) -> Results:
    if race.cores() < _THREADS:
      raise Skip(f"this machine has {race.cores()} core")
    return peers_race.race_threads(self.binary, _CORPUS, _THREADS, self._work, LEAST_ROUNDS)


def times(ratio: Spread) -> str:
  return f"{ratio.median:.2f} ({ratio.least:.2f}-{ratio.most:.2f})"


def gap(results: Results, codec: str, peer: str) -> str:
  """Returns how much more a codec's weights take than the peer's."""
  return f"{100 * (results.bits[codec] / results.bits[peer] - 1):+.2f} % bits"


def of_copy(results: Results, codec: str, task: str, least: float) -> Outcome:
  ratio, speed = results.ratio(Entrant(codec, task), _COPY), results.speed(Entrant(codec, task))
  text = f"{times(ratio)} of a streaming copy: {speed} of {results.speed(_COPY)} GB/s"
  return Outcome(ratio.median >= least, text)


def of_fastest(results: Results, codec: str, task: str, peers: tuple[str, ...], least: float) -> Outcome:
  peer = results.fastest(peers, task)
  ratio = results.ratio(Entrant(codec, task), peer)
  text = (f"{times(ratio)} x {peer.codec}: {results.speed(Entrant(codec, task))} and {results.speed(peer)} GB/s, "
          f"{gap(results, codec, peer.codec)}")
  return Outcome(ratio.median >= least, text)


def of_type(results: Results, least: float, most_gap_percent: float) -> Outcome:
  """Looks for a level that is fast and small enough: the default may be somewhat larger than the peer, others not."""
  peer = results.fastest(_PYTHON_PEERS, "decode")
  texts, passed = [], False
  for level in (_DEFAULT, _FAST, _SMALL):
    ratio = results.ratio(Entrant(level, "decode"), peer)
    most_bits = results.bits[peer.codec] * (1 + (most_gap_percent / 100 if level == _DEFAULT else 0))
    passed = passed or (ratio.median >= least and results.bits[level] <= most_bits)
    texts.append(f"{level} {times(ratio)} x, {gap(results, level, peer.codec)}")
  return Outcome(passed, f"{peer.codec} {results.speed(peer)} GB/s; {'; '.join(texts)}")


def two_threads(results: Results) -> Outcome:
  outcome = of_copy(results, _DEFAULT, "decode", 0.8)
  checked = times(results.ratio(Entrant(_DEFAULT, _CHECKED), _COPY))
  return Outcome(outcome.passed, f"{outcome.measured}; with checks {checked}")


def make_rows(bench: Bench) -> list[Row]:
  contests = Contests(bench)

  def row(name: str, target: str, judge, *args) -> Row:
    return Row(name, target, lambda: judge(contests.of(_CORPUS), *args))

  others = [
      Row(f"{dtype} decode, {corpus_sizes.label(corpus_sizes.CORPORA[corpus])}",
          f">= {least} x the faster of OpenZL and ZipNN at no worse ratio (-3: +{percent} %)",
          lambda corpus=corpus, least=least, percent=percent: of_type(contests.of(corpus), least, percent))
      for dtype, (corpus, least, percent) in _OTHER_TYPES.items()
  ]  # yapf: disable
  return [
      row("tier decode, kernel", ">= 0.8 of a streaming copy", of_copy, _DEFAULT, "decode", 0.8),
      row("tier decode, default checks", ">= 0.65 of a streaming copy", of_copy, _DEFAULT, _CHECKED, 0.65),
      row("tier decode against peers", ">= 3 x the fastest of huff0, OpenZL, ZipNN", of_fastest, _DEFAULT, "decode",
          _PEERS, 3),
      row("tier encode against peers", ">= 3 x the fastest of huff0, OpenZL, ZipNN", of_fastest, _DEFAULT, "encode",
          _PEERS, 3),
      row("tier decode, forced AVX2", ">= 1.5 x the fastest peer (stretch: 2)", of_fastest, _AVX2, "decode", _PEERS,
          1.5),
      row("rans fast decode (-5)", ">= 2 x huff0", of_fastest, _FAST, "decode", (_HUFF0,), 2),
      row("rans small decode (-7)", ">= 1.3 x huff0", of_fastest, _SMALL, "decode", (_HUFF0,), 1.3),
      *others,
      Row("two threads, memory to memory", ">= 0.8 of a two-thread streaming copy",
          lambda: two_threads(contests.of_threads())),
  ]
