#!/usr/bin/env python3
"""What "a bf16 checkpoint there and back" promises, measured: one line a row on stdout (see rows.py).

Takes some 10 minutes on 2 cores, 11 GiB of disk and, the first time, 1.5 GB of downloads.
"""

import functools
import hashlib
import itertools
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

import rows
from containers import VARIANTS, Containers, memory, mib, require_restored, require_variant
from rows import Bench, Outcome, Row, log, require

import container_parts
import corpus_sizes
import samples
from files import sha256
from plait_command import Plait, check_exit, watch_memory, watch_pipe

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_MIB = 1 << 20
_SEED = 3

_RESTORED = ("astra", "merlin-p1", "minilm", "cast-minilm", "cast-embgemma", "cast-embgemma-layers", "wordllama",
             "ppdoclayout", "cast-ppdoclayout")  # yapf: disable
_PERCENT_OVER_LIMIT = {"transformer": 1.0, "cnn": 1.5}
_MOST_PERCENT_BESIDE_PAYLOAD = 0.4
_SMALL_CORPUS = "cast-minilm"
_CROSSED_CORPUS = "cast-embgemma-layers"
_LARGE_SOURCE = "astra"

# More than 5 GiB, and enough for a container of more than 4 GiB.
_LARGE_BYTES = int(6.1 * (1 << 30))
_LEAST_LARGE_CONTAINER = 4 << 30
_SAMPLE_ELEMENTS = 4 * _MIB  # 8 MiB of bf16
_MOST_TOUCHED = 16 * _MIB
_NUM_MUTATIONS = 2000
_NUM_MUTATIONS_DECOMPRESSED = 200


# Restored bytes, container bytes.


def restored_corpora(bench: Bench, containers: Containers) -> Outcome:
  num_bytes = 0
  for name in _RESTORED:
    original = corpus_sizes.corpus_path(name)
    for threads in (1, 2):
      require_restored(bench, original, containers.path(name), threads)
    num_bytes += original.stat().st_size
    log(f"   {name}")
  return Outcome(True, f"{len(_RESTORED)} files, {num_bytes / 1e6:.0f} MB, each with -T1 and -T2: identical")


def restored_odd_files(bench: Bench) -> Outcome:
  folder = bench.work / "odd"
  folder.mkdir()
  weights = folder / "weights.safetensors"
  samples.mixed_checkpoint(weights, corpus_sizes.corpus_path(_SMALL_CORPUS))
  files = samples.odd_files(folder, weights, pathlib.Path(sys.executable).resolve())
  files["several dtypes"] = weights
  for path in files.values():
    for threads in (1, 2):
      container = folder / "container"
      bench.plait.compress(path, container, threads)
      require_restored(bench, path, container, threads)
  return Outcome(True, f"{len(files)} files ({', '.join(files)}), each with -T1 and -T2: identical")


def restored_across_variants(bench: Bench, cpu: str) -> Outcome:
  """Compresses and decompresses with all pairs of variants up to this one that a row before has not crossed."""
  require_variant(bench, cpu)
  original = corpus_sizes.corpus_path(_CROSSED_CORPUS)
  container = bench.work / "crossed"
  up_to = VARIANTS[:VARIANTS.index(cpu) + 1]
  pairs = [pair for pair in itertools.product(up_to, up_to) if cpu in pair or cpu == VARIANTS[1]]
  for encoder, decoder in pairs:
    bench.plait.compress(original, container, cpu=encoder)
    require_restored(bench, original, container, 2, decoder)
  text = ", ".join(f"{encoder} to {decoder}" for encoder, decoder in pairs)
  return Outcome(True, f"{_CROSSED_CORPUS} compressed by one, decompressed by the other: {text}: identical")


def same_containers(bench: Bench, containers: Containers, threads: int, cpu: str = "") -> Outcome:
  """Compresses every corpus with these threads and variant and compares SHA-256 with -T2 and the best variant."""
  if cpu:
    require_variant(bench, cpu)
  other = bench.work / "other"
  for name in _RESTORED:
    bench.plait.compress(corpus_sizes.corpus_path(name), other, threads, cpu)
    require(sha256(other) == sha256(containers.path(name)), f"{name}: other bytes than with -T2")
    log(f"   {name}")
  return Outcome(True, f"{len(_RESTORED)} files as with -T2 and the machine's best variant")


def byte_rows(bench: Bench, containers: Containers) -> list[Row]:
  crossed = [
      Row(f"restored bytes: PLAIT_CPU={cpu} x lower variants", "identical",
          functools.partial(restored_across_variants, bench, cpu)) for cpu in VARIANTS[1:]
  ]
  forced = [
      Row(f"container bytes: PLAIT_CPU={cpu}", "same SHA-256",
          functools.partial(same_containers, bench, containers, 2, cpu)) for cpu in VARIANTS
  ]
  return [
      Row("restored bytes: corpora", "identical", lambda: restored_corpora(bench, containers)),
      Row("restored bytes: odd files", "identical", lambda: restored_odd_files(bench)),
      *crossed,
      Row("container bytes: -T1", "same SHA-256", lambda: same_containers(bench, containers, 1)),
      *forced,
  ]  # yapf: disable


# Bits per weight.


def bits_over_limit(containers: Containers, corpus) -> Outcome:
  sizes = containers.sizes(corpus.name)
  text = f"limit {sizes.limit:.4f}, plait {sizes.counted:.4f}, {sizes.percent_over:+.2f} %"
  return Outcome(sizes.percent_over <= _PERCENT_OVER_LIMIT[corpus.family], text)


def beside_payload(containers: Containers, corpus) -> Outcome:
  sums = container_parts.bytes_by_kind(container_parts.read_parts(containers.path(corpus.name)))
  total = sums.total()
  percents = {kind: 100 * num_bytes / total for kind, num_bytes in sums.most_common()}
  payload = percents.pop(container_parts.PAYLOAD)
  detail = ", ".join(f"{kind} {percent:.3f}" for kind, percent in percents.items())
  return Outcome(100 - payload <= _MOST_PERCENT_BESIDE_PAYLOAD, f"{100 - payload:.3f} % ({detail})")


def against_peers(containers: Containers, corpus) -> Outcome:
  sizes = containers.sizes(corpus.name)
  peers = corpus_sizes.measure_peers(corpus_sizes.corpus_path(corpus.name))
  zstd = peers["zstd-3"]
  require(isinstance(zstd, float), f"zstd -3 {corpus_sizes.peer_text(zstd)}")
  text = (f"whole file: plait {sizes.whole:.3f}, zstd -3 {zstd:.3f}; tensors >= 64 Ki: plait {sizes.counted:.3f}, "
          f"ZipNN {corpus_sizes.peer_text(peers['zipnn-0.5.4'])}, "
          f"OpenZL {corpus_sizes.peer_text(peers['openzl-0.3.0-huffman'])}")
  return Outcome(sizes.whole < zstd, text)


def size_rows(containers: Containers) -> list[Row]:
  made = []
  for corpus in corpus_sizes.bf16_corpora():
    label = corpus_sizes.label(corpus)
    made += [
        Row(f"bits per weight, tensors >= 64 Ki, {label}",
            f"<= order-0 limit + {_PERCENT_OVER_LIMIT[corpus.family]} %",
            functools.partial(bits_over_limit, containers, corpus)),
        Row(f"everything but payload, {label}", f"<= {_MOST_PERCENT_BESIDE_PAYLOAD} % of the file",
            functools.partial(beside_payload, containers, corpus)),
        Row(f"bits per weight against peers, {label}", "smaller than zstd -3 (ZipNN, OpenZL: shown)",
            functools.partial(against_peers, containers, corpus)),
    ]  # yapf: disable
  return made


# Incompressible or tiny input.


def growth(bench: Bench, write) -> Outcome:
  """Compresses what `write(path)` makes and compares sizes."""
  original = bench.work / "hopeless"
  container = bench.work / "hopeless.plait"
  write(original)
  bench.plait.compress(original, container)
  require_restored(bench, original, container, 2)
  size = original.stat().st_size
  added = container.stat().st_size - size
  return Outcome(added <= size / 1000 + 4096, f"{size} bytes {added:+d}")


def growth_rows(bench: Bench) -> list[Row]:
  inputs = {
      "random, 64 MiB": lambda path: path.write_bytes(samples.random_bytes(64 * _MIB)),
      "bf16 of random bits, 64 MiB": lambda path: samples.random_weights(path, 64 * _MIB),
      "0 bytes": lambda path: path.write_bytes(b""),
      "1 byte": lambda path: path.write_bytes(b"p"),
      "100 bytes": lambda path: path.write_bytes(samples.random_bytes(100)),
      "1,000 scalar tensors": lambda path: samples.scalar_tensors(path, 1000),
  }
  return [
      Row(f"incompressible or tiny: {name}", "<= input + 0.1 % + 4096 bytes", functools.partial(growth, bench, write))
      for name, write in inputs.items()
  ]


# Memory and single tensors of a large file.


class Large:
  """A file of more than 5 GiB, compressed to more than 4 GiB, and back; each step once, in that order.

  The original is removed before it is restored, so that the disk needs no third file of that size.
  """

  def __init__(self, bench: Bench):
    self._bench = bench
    self.original = bench.work / "large.safetensors"
    self.container = bench.work / "large.plait.safetensors"

  @functools.cached_property
  def checkpoint(self) -> samples.RepeatedCheckpoint:
    return samples.RepeatedCheckpoint(corpus_sizes.corpus_path(_LARGE_SOURCE), _LARGE_BYTES, _SAMPLE_ELEMENTS)

  @functools.cached_property
  def compress_peak(self):
    needed = 2 * _LARGE_BYTES
    free = shutil.disk_usage(self._bench.work).free
    require(free >= needed, f"{self._bench.work}: {free >> 30} GiB free, {needed >> 30} needed; --work names a folder")
    self.checkpoint.write(self.original)
    return watch_memory(self._bench.plait.command("compress", "-T2", "-o", self.container, self.original))

  @functools.cached_property
  def decompress_peak(self):
    require(self.container.exists() or bool(self.compress_peak), "nothing was compressed")
    self.original.unlink()
    return watch_memory(self._bench.plait.command("decompress", "-T2", "-o", self.original, self.container))


def memory_to_compress(large: Large) -> Outcome:
  peak = large.compress_peak
  return memory(peak, large.original.stat().st_size)


def memory_to_decompress(large: Large) -> Outcome:
  peak = large.decompress_peak
  hasher = hashlib.sha256()
  for chunk in large.checkpoint.chunks():
    hasher.update(chunk)
  require(sha256(large.original) == hasher.hexdigest(), "the restored file differs")
  return memory(peak, large.original.stat().st_size)


def cat_sample(bench: Bench, large: Large) -> Outcome:
  """One tensor of 8 MiB: its bytes, and what the process took for it."""
  require(bool(large.compress_peak), "nothing was compressed")
  size = large.container.stat().st_size
  require(size >= _LEAST_LARGE_CONTAINER, f"the container has only {size} bytes")
  expected = large.checkpoint.sample_data
  seen = watch_pipe(bench.plait.command("cat", large.container, large.checkpoint.SAMPLE), len(expected))
  require(seen.output == expected, "cat gave other bytes than the tensor has")
  text = (f"{mib(seen.peak.resident)} resident, mapped pages counted ({mib(seen.peak.anonymous)} anonymous), "
          f"{mib(seen.bytes_read)} read; container of {size / (1 << 30):.2f} GiB, "
          f"{large.checkpoint.num_tensors} tensors; bytes correct")
  return Outcome(max(seen.peak.resident, seen.bytes_read) < _MOST_TOUCHED, text)


def cat_beside_damage(bench: Bench, large: Large) -> Outcome:
  """Damages the first tensor and asks for another, then for the damaged one."""
  require(bool(large.compress_peak), "nothing was compressed")
  frame = next(part for part in container_parts.read_parts(large.container) if part.kind == container_parts.PAYLOAD)
  flip_bit(large.container, (frame.begin + frame.end) // 2)
  try:
    good = bench.plait.checked("cat", large.container, large.checkpoint.SAMPLE)
    bad = bench.plait.run("cat", large.container, large.checkpoint.first_name)
  finally:
    flip_bit(large.container, (frame.begin + frame.end) // 2)
  require(good == large.checkpoint.sample_data, "cat gave other bytes than the tensor has")
  require(bad.returncode == 3, f"cat of the damaged tensor exits {bad.returncode}, not 3")
  return Outcome(True, f"bytes correct; the damaged tensor exits 3: {bad.stderr.decode().strip().split(': ', 2)[-1]}")


def large_rows(bench: Bench) -> list[Row]:
  large = Large(bench)
  return [
      Row("memory: compress -T2", "<= 512 MiB anonymous, 5 GiB file", lambda: memory_to_compress(large)),
      Row("cat of one 8 MiB tensor", "< 16 MiB touched, 4 GiB container", lambda: cat_sample(bench, large)),
      Row("cat beside a damaged tensor", "correct bytes", lambda: cat_beside_damage(bench, large)),
      Row("memory: decompress -T2", "<= 512 MiB anonymous, 5 GiB file; identical",
          lambda: memory_to_decompress(large)),
  ]  # yapf: disable


# Damage.


def flip_bit(path: pathlib.Path, position: int, bit: int = 0) -> None:
  with open(path, "r+b") as file:
    file.seek(position)
    (byte,) = file.read(1)
    file.seek(position)
    file.write(bytes([byte ^ 1 << bit]))


def mutations(container: pathlib.Path, count: int):
  """Yields (what, bytes): a third flips anywhere, a third flips outside payloads, a third cut off somewhere."""
  good = container.read_bytes()
  beside = [part for part in container_parts.read_parts(container) if part.kind != container_parts.PAYLOAD]
  chance = random.Random(_SEED)
  for i in range(count):
    if i % 3 == 2:
      size = chance.randrange(len(good))
      yield f"cut to {size} bytes", good[:size]
      continue
    position = chance.randrange(len(good))
    if i % 3 == 1:
      part = chance.choice(beside)
      position = chance.randrange(part.begin, part.end)
    bit = chance.randrange(8)
    damaged = good[:position] + bytes([good[position] ^ 1 << bit]) + good[position + 1:]
    yield f"bit {bit} of byte {position} flipped", damaged


class Damage:
  """A folder with one container that is damaged again and again."""

  def __init__(self, bench: Bench, name: str):
    self._plait = bench.plait
    self._folder = bench.work / name
    self._folder.mkdir()
    original = bench.work / f"{name}.safetensors"
    samples.mixed_checkpoint(original, corpus_sizes.corpus_path(_SMALL_CORPUS))
    self.good = bench.work / f"{name}.plait.safetensors"
    bench.plait.compress(original, self.good)
    self.damaged = self._folder / "damaged.plait.safetensors"

  def require_refused(self, what: str, data: bytes, verb: str, *args) -> int:
    """Fails unless the verb exits 3 or 4 and leaves the folder as it was; returns the exit status."""
    self.damaged.write_bytes(data)
    done = self._plait.run(verb, *args, self.damaged, timeout=60)
    require(done.returncode in (3, 4), f"{what}: {verb} exits {done.returncode}, expected 3 or 4")
    require(done.stderr.startswith(b"plait: "), f"{what}: {verb} gives no message")
    left = [name for name in os.listdir(self._folder) if name != self.damaged.name]
    require(not left, f"{what}: {verb} left {left}")
    return done.returncode


def refused(bench: Bench, verb: str, count: int, *args) -> Outcome:
  damage = Damage(bench, f"damage-{verb}")
  statuses = [damage.require_refused(what, data, verb, *args) for what, data in mutations(damage.good, count)]
  parts = [part.kind for part in container_parts.read_parts(damage.good)]
  text = (f"{count} of {mib(damage.good.stat().st_size)}, {parts.count('frame headers')} framed tensors: exit 3 "
          f"{statuses.count(3)} times, exit 4 {statuses.count(4)} times, no signal, nothing left")
  return Outcome(True, text)


def damage_rows(bench: Bench) -> list[Row]:
  return [
      Row(f"{_NUM_MUTATIONS} flips and truncations: verify", "exit 3 or 4, nothing left",
          lambda: refused(bench, "verify", _NUM_MUTATIONS, "-T1")),
      Row(f"{_NUM_MUTATIONS_DECOMPRESSED} flips and truncations: decompress", "exit 3 or 4, nothing left",
          lambda: refused(bench, "decompress", _NUM_MUTATIONS_DECOMPRESSED, "-T1")),
  ]  # yapf: disable


# Fresh clone.


def run_quietly(command: list, **options) -> str:
  done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
  check_exit(command, done.returncode, "\n".join(reversed(done.stdout.splitlines())))
  return done.stdout.strip()


def fresh_clone(bench: Bench) -> Outcome:
  """Clones HEAD, builds plait there with what this machine has, and sends a file there and back."""
  clone = bench.work / "clone"
  start = time.monotonic()
  commit = run_quietly(["git", "-C", _REPOSITORY, "rev-parse", "HEAD"])
  run_quietly(["git", "clone", "-q", "--no-checkout", _REPOSITORY, clone])
  run_quietly(["git", "-C", clone, "-c", "advice.detachedHead=false", "checkout", "-q", commit])
  # The compiler cache may serve another folder's results.
  environment = dict(os.environ, CCACHE_BASEDIR=str(clone), CCACHE_NOHASHDIR="1")
  run_quietly(["cmake", "--preset", "release"], cwd=clone, env=environment)
  run_quietly(["cmake", "--build", "build/release", "--target", "plait"], cwd=clone, env=environment)
  fresh = Bench(Plait(clone / "build/release/tools/plait"), bench.work)
  original = corpus_sizes.corpus_path(_SMALL_CORPUS)
  container = bench.work / "from-clone"
  fresh.plait.compress(original, container)
  require_restored(fresh, original, container, 2)
  cached = " with ccache" if shutil.which("ccache") else ""
  text = f"{time.monotonic() - start:.0f} s to clone {commit[:12]}, build{cached}, and restore {_SMALL_CORPUS}"
  return Outcome(True, text)


def make_rows(bench: Bench) -> list[Row]:
  containers = Containers(bench)
  return [
      *byte_rows(bench, containers),
      *size_rows(containers),
      *growth_rows(bench),
      *large_rows(bench),
      *damage_rows(bench),
      Row("fresh clone", "builds, restores a file", lambda: fresh_clone(bench)),
  ]


if __name__ == "__main__":
  sys.exit(rows.main(__doc__, make_rows))
