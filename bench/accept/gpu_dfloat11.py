"""Rows of `gpu` about DFloat11 checkpoints: both ways beside its own package, sizes, speed.

The package runs on numpy (bench/dfloat11): its encoder, its loader and its hooks are its own, only the CUDA kernel is
transcribed. Convolutions count as matrices [first, all others], which is what DFloat11 would code of them.
"""

import dataclasses
import functools
import pathlib
import statistics
import sys
import tempfile

from rows import Bench, Outcome, Row, require

_DFLOAT11 = pathlib.Path(__file__).resolve().parents[1] / "dfloat11"
sys.path.insert(0, str(_DFLOAT11))

import corpus_sizes  # pylint: disable=wrong-import-position
import package  # pylint: disable=wrong-import-position
import race  # pylint: disable=wrong-import-position
from safetensors_file import SafetensorsFile  # pylint: disable=wrong-import-position

_LEAST_PERCENT_SMALLER = 1
_LEAST_ENCODE_GB = 0.4
_SPEED_CORPUS = "cast-embgemma-layers"
_THREADS = 2
_ODD_MODULES = 150
_ROUNDS = 5


@dataclasses.dataclass(frozen=True)
class Sample:
  """Matrices of a corpus, and the modules that they are."""
  corpus: str
  prefixes: tuple[str, ...]  # of the names of its tensors
  patterns: tuple[str, ...]

  @property
  def name(self) -> str:
    return f"{corpus_sizes.label(corpus_sizes.CORPORA[self.corpus])}: {', '.join(self.prefixes)}"


_GEMMA_LAYER = ("mlp.down_proj,mlp.gate_proj,mlp.up_proj,self_attn.k_proj,self_attn.o_proj,self_attn.q_proj,"
                "self_attn.v_proj")
# Of about 10^7 weights: the package encodes some 10^6 a second.
_SAMPLES = (
    Sample("cast-embgemma-layers", ("layers.0.", "layers.1."), (rf"layers\.\d+={_GEMMA_LAYER}",)),
    Sample("astra", ("layer2.",), (r"layer2\.\d+=conv1,conv2,conv3", r"layer2\.0\.downsample\.0")),
)


@dataclasses.dataclass(frozen=True)
class Made:
  """A sample, what Plait makes of it, and what the package does."""
  weights: int
  source: pathlib.Path
  ours: pathlib.Path  # directories
  theirs: pathlib.Path


class Checkpoints:
  """Made once."""

  def __init__(self, bench: Bench):
    self.bench = bench

  @functools.cache
  def made(self, sample: Sample) -> Made:
    folder = pathlib.Path(tempfile.mkdtemp(dir=self.bench.work))
    made = Made(package.write_matrices(corpus_sizes.corpus_path(sample.corpus), folder / "source.safetensors",
                                       sample.prefixes),
                folder / "source.safetensors", folder / "ours", folder / "theirs")
    require(made.weights > 0, f"{sample.corpus} has no matrices of these names")
    patterns = [word for pattern in sample.patterns for word in ("--pattern", pattern)]
    self.bench.plait.checked("export", "dfloat11", made.source, "-o", made.ours, *patterns)
    package.encode(made.source, made.theirs, list(sample.patterns))
    return made


def _mega(weights: int) -> str:
  return f"{weights / 1e6:.1f} M weights"


def imported(checkpoints: Checkpoints, sample: Sample) -> Outcome:
  """The package's checkpoint through ours, and how many of its tensors are ours to the byte."""
  made = checkpoints.made(sample)
  restored = made.theirs / "restored.bin"
  checkpoints.bench.plait.checked("import", "dfloat11", made.theirs, "-o", restored, "--shapes", made.source)
  wrong = package.differing_tensors(made.source, restored)
  require(not wrong, f"not restored: {wrong[:3]}")
  model = made.theirs / "model.safetensors"
  other = package.differing_tensors(model, made.ours / "model.safetensors")
  count = len(SafetensorsFile(model).tensors)
  return Outcome(True, f"{_mega(made.weights)} exact; {count - len(other)} of {count} tensors of the checkpoint are "
                       "those of our export")


def exported(checkpoints: Checkpoints, sample: Sample) -> Outcome:
  """Our checkpoint through the package's loader and hooks, the kernel transcribed."""
  made = checkpoints.made(sample)
  decoded = made.ours / "decoded.bin"
  package.decode(made.ours, made.source, decoded)
  wrong = package.differing_tensors(made.source, decoded)
  return Outcome(not wrong, f"{_mega(made.weights)} exact" if not wrong else f"differ: {wrong[:3]}")


def odd_modules(bench: Bench) -> Outcome:
  """Modules that the package's own encoder may fail at: both ways through ours, and through its loader."""
  source, folder, back = (bench.work / name for name in ("odd.safetensors", "odd", "odd.back"))
  weights = package.write_odd_modules(source, _ODD_MODULES)
  bench.plait.checked("export", "dfloat11", source, "-o", folder, "--pattern", r"m\d+")
  bench.plait.checked("import", "dfloat11", folder, "-o", back)
  wrong = package.differing_tensors(source, back)
  require(not wrong, f"not restored: {wrong[:3]}")
  package.decode(folder, source, folder / "decoded.bin")
  wrong = package.differing_tensors(source, folder / "decoded.bin")
  return Outcome(not wrong, f"{_ODD_MODULES} modules, {_mega(weights)} exact" if not wrong else f"differ: {wrong[:3]}")


def smaller(checkpoints: Checkpoints, sample: Sample) -> Outcome:
  """Whole files: the container of the default level beside the package's."""
  made = checkpoints.made(sample)
  container = made.ours / "container.bin"
  checkpoints.bench.plait.checked("compress", "-f", "-o", container, made.source)
  ours, theirs = container.stat().st_size, (made.theirs / "model.safetensors").stat().st_size
  percent = 100 * (1 - ours / theirs)
  return Outcome(percent >= _LEAST_PERCENT_SMALLER,
                 f"{8 * ours / made.weights:.3f} beside {8 * theirs / made.weights:.3f} bits per weight: "
                 f"{percent:.2f} % smaller")


def encode_speed(bench: Bench) -> Outcome:
  """Whole commands, memory to memory, with and without decoding what was written."""
  source = corpus_sizes.corpus_path(_SPEED_CORPUS)
  seconds = {"verified": [], "--no-verify": []}
  with race.fast_folder(2 * source.stat().st_size) as name:
    folder = pathlib.Path(name)
    for _ in range(_ROUNDS):
      for kind, times in seconds.items():
        options = ["-f", f"-T{_THREADS}", *(["--no-verify"] if kind.startswith("--") else [])]
        words = bench.plait.command("export", "dfloat11", source, "-o", folder / "out", *options)
        times.append(race.timed(words))
  speeds = {kind: source.stat().st_size / 1e9 / statistics.median(times) for kind, times in seconds.items()}
  text = ", ".join(f"{speed:.2f} GB/s {kind}" for kind, speed in speeds.items())
  return Outcome(speeds["verified"] >= _LEAST_ENCODE_GB, f"{text} (medians of {_ROUNDS})")


def make_rows(bench: Bench) -> list[Row]:
  checkpoints = Checkpoints(bench)
  made = []
  for sample in _SAMPLES:
    made += [
        Row(f"DFloat11: its package's checkpoint imported, {sample.name}", "exact",
            functools.partial(imported, checkpoints, sample)),
        Row(f"DFloat11: our checkpoint by its loader, {sample.name}", "exact",
            functools.partial(exported, checkpoints, sample)),
        Row(f"DFloat11: the default level beside its package, {sample.name}",
            f">= {_LEAST_PERCENT_SMALLER} % smaller", functools.partial(smaller, checkpoints, sample)),
    ]
  made.append(
      Row("DFloat11: our checkpoint imported and by its loader, small modules of odd counts", "exact",
          functools.partial(odd_modules, bench)))
  made.append(
      Row(f"DFloat11: export -T{_THREADS}, {_SPEED_CORPUS}", f">= {_LEAST_ENCODE_GB} GB/s of bf16",
          functools.partial(encode_speed, bench)))
  return made
