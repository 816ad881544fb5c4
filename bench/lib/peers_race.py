"""Plait's kernels and their peers on one corpus, in turns: sets up sample and servers."""

import contextlib
import os
import pathlib
import sys

_PEERS = pathlib.Path(__file__).resolve().parents[1] / "peers"
sys.path.insert(0, str(_PEERS))

import corpus_sizes  # pylint: disable=wrong-import-position
import peers  # pylint: disable=wrong-import-position
from contest import Results, Server, race  # pylint: disable=wrong-import-position
from sample_file import write_sample  # pylint: disable=wrong-import-position

PYTHON_CODECS = ("ZipNN", "OpenZL Huffman", "OpenZL FSE", "OpenZL Huffman, byte planes", "OpenZL FSE, byte planes")
OPENZL_CODECS = PYTHON_CODECS[1:]

# More than any cache here, and not so much that nine rounds of the slowest take minutes.
_LEAST_BYTES = 64 << 20
_MOST_BYTES = 128 << 20

_SAFETENSORS_DTYPES = {"bf16": ("BF16",), "fp16": ("F16",), "fp32": ("F32",), "fp8": ("F8_E4M3", "F8_E5M2")}

# Buffers that malloc keeps are touched; given back, every run would pay for new pages.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "68719476736"}


def timing_core() -> int:
  """Returns the core that contests run on: the last one, where interrupts are rarest."""
  return max(os.sched_getaffinity(0))


def dtype_of(corpus: str) -> str:
  """Returns the type of a corpus's weights as .safetensors files name it."""
  path, names = corpus_sizes.corpus_path(corpus), _SAFETENSORS_DTYPES[corpus_sizes.CORPORA[corpus].dtype]
  present = {info.dtype for info in corpus_sizes.SafetensorsFile(path).tensors.values()}
  return next(name for name in names if name in present)


def cut_sample(corpus: str, target: pathlib.Path, whole: bool = False) -> None:
  """Writes the sample of a corpus: what fits a contest, or all of its larger tensors."""
  limits = (0, None) if whole else (_LEAST_BYTES, _MOST_BYTES)
  write_sample(corpus_sizes.corpus_path(corpus), dtype_of(corpus), target, *limits)


class Contest:
  """Servers for one sample, ready to race. Use it as a context.

  Args:
    binary: plait_peers.
    sample: a file of write_sample.
    codecs: those wanted; all without.
    core: what all are pinned to.
  """

  def __init__(self, binary: pathlib.Path, sample: pathlib.Path, codecs: tuple[str, ...] = (),
               core: int | None = None):
    self._stack = contextlib.ExitStack()
    self.skipped: dict[str, str] = {}
    self.servers = []
    python_codecs = [codec for codec in codecs if codec in PYTHON_CODECS]
    native_codecs = [codec for codec in codecs if codec not in PYTHON_CODECS]
    if native_codecs or not codecs:
      self._start([binary, sample, 1, *native_codecs], core)
    if python_codecs or not codecs:
      self._start_python(sample, python_codecs, core)

  def _start_python(self, sample: pathlib.Path, codecs: list[str], core: int | None) -> None:
    try:
      self._start([peers.setup_python(), _PEERS / "python_server.py", sample, *codecs], core, _KEEP_MEMORY)
    except peers.PeerSkipped as reason:
      self.skipped = {"ZipNN and OpenZL": str(reason)}

  def _start(self, command: list, core: int | None, environment: dict[str, str] | None = None) -> None:
    self.servers.append(self._stack.enter_context(Server(command, core, environment)))

  @property
  def bits(self) -> dict[str, float]:
    """Bits per weight by codec; every codec has given the sample back."""
    return {codec: bits for server in self.servers for codec, bits in server.bits.items()}

  def race(self, rounds: int) -> Results:
    results = race(self.servers, rounds)
    results.skipped.update(self.skipped)
    return results

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self._stack.close()


def race_corpus(binary: pathlib.Path, corpus: str, folder: pathlib.Path, rounds: int) -> Results:
  """Lets everything take turns on a corpus, on one core."""
  sample = folder / "sample.safetensors"
  cut_sample(corpus, sample)
  try:
    with Contest(binary, sample, core=timing_core()) as contest:
      return contest.race(rounds)
  finally:
    sample.unlink()


def race_threads(binary: pathlib.Path, corpus: str, threads: int, folder: pathlib.Path, rounds: int) -> Results:
  """Lets copies and Plait's decoders take turns with several threads; seconds are those on the wall."""
  sample = folder / "sample.safetensors"
  cut_sample(corpus, sample)
  try:
    with Server([binary, sample, threads]) as server:
      return race([server], rounds)
  finally:
    sample.unlink()


def measure_bits(binary: pathlib.Path, corpus: str, codecs: tuple[str, ...], folder: pathlib.Path) -> dict[str, float]:
  """Returns the bits per weight of codecs on all larger tensors of a corpus; those that do not run are missing."""
  sample = folder / "sample.safetensors"
  cut_sample(corpus, sample, whole=True)
  try:
    with Contest(binary, sample, codecs) as contest:
      return contest.bits
  finally:
    sample.unlink()
