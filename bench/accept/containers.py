"""What the acceptance tables do with containers: make them, restore them, look at the memory that it takes."""

import functools
import pathlib

from rows import Bench, Outcome, Skip, require

import corpus_sizes
from files import same_bytes
from plait_command import Peak

VARIANTS = ("scalar", "avx2", "avx512")
_MIB = 1 << 20
_MOST_ANONYMOUS = 512 * _MIB


class Containers:
  """The corpora's containers, each made once, with -T2."""

  def __init__(self, bench: Bench):
    self._bench = bench

  @functools.cache
  def path(self, corpus: str) -> pathlib.Path:
    container = self._bench.work / f"{corpus}.plait.safetensors"
    self._bench.plait.compress(corpus_sizes.corpus_path(corpus), container)
    return container

  @functools.cache
  def sizes(self, corpus: str) -> corpus_sizes.Sizes:
    container = self.path(corpus)
    return corpus_sizes.measure_sizes(corpus_sizes.corpus_path(corpus), container, self._bench.plait.list(container))


def require_restored(bench: Bench, original: pathlib.Path, container: pathlib.Path, threads: int,
                     cpu: str = "") -> None:
  """Fails unless the container decompresses to the original."""
  restored = bench.work / "restored"
  bench.plait.decompress(container, restored, threads, cpu)
  require(same_bytes(original, restored), f"{original.name} differs from what -T{threads} {cpu} restored")
  restored.unlink()


def require_variant(bench: Bench, cpu: str) -> None:
  if not bench.plait.has_cpu(cpu):
    raise Skip(f"this machine does not run the {cpu} variant")


def mib(num_bytes: int) -> str:
  return f"{num_bytes / _MIB:.1f} MiB"


def memory(peak: Peak, size: int) -> Outcome:
  text = f"{mib(peak.anonymous)} anonymous, {mib(peak.resident)} resident, file of {size / (1 << 30):.2f} GiB"
  return Outcome(peak.anonymous <= _MOST_ANONYMOUS, text)
