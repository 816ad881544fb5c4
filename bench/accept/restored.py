"""Rows of `breadth` about restored bytes: every corpus, type, directory and pipe; levels, threads, CPU variants."""

import functools
import hashlib
import os
import pathlib
import shutil
import sys

from containers import VARIANTS, Containers, require_restored
from rows import Bench, Outcome, Row, log, require

import corpus_sizes
import samples
from files import same_bytes, sha256

_SMALL_CORPUS = "cast-minilm"
_LEVELS = range(1, 10)
_UNSUPPORTED = 4
_PIPED = ("cast-minilm-e4m3", "cast-minilm-mixed", "minilm-onnx", "astra-torch", "wordllama")


def variants_here(bench: Bench) -> list[str]:
  return [cpu for cpu in VARIANTS if bench.plait.has_cpu(cpu)]


# Files.


def restored_corpora(bench: Bench, containers: Containers) -> Outcome:
  """Restores every corpus with one thread and the lowest variant, and with two and the best."""
  num_bytes = 0
  for name in corpus_sizes.CORPORA:
    original = corpus_sizes.corpus_path(name)
    require_restored(bench, original, containers.path(name), 1, "scalar")
    require_restored(bench, original, containers.path(name), 2)
    num_bytes += original.stat().st_size
    log(f"   {name}")
  text = f"{len(corpus_sizes.CORPORA)} files, {num_bytes / 1e6:.0f} MB, each with -T1 scalar and -T2 best variant"
  return Outcome(True, text + ": identical")


def same_containers(bench: Bench, containers: Containers) -> Outcome:
  """Compresses every corpus with one thread, each time with another variant, and compares with -T2 and the best."""
  other = bench.work / "other"
  for name in corpus_sizes.CORPORA:
    expected = sha256(containers.path(name))
    for cpu in variants_here(bench):
      bench.plait.compress(corpus_sizes.corpus_path(name), other, 1, cpu)
      require(sha256(other) == expected, f"{name}: other bytes with -T1 and PLAIT_CPU={cpu} than with -T2")
    log(f"   {name}")
  other.unlink()
  return Outcome(True, f"{len(corpus_sizes.CORPORA)} files with -T1 and {', '.join(variants_here(bench))}: as with -T2")


def _typed_file(bench: Bench) -> pathlib.Path:
  path = bench.work / "every-dtype.safetensors"
  if not path.exists():
    samples.every_dtype(path, corpus_sizes.corpus_path(_SMALL_CORPUS))
  return path


def restored_types(bench: Bench) -> Outcome:
  """A file with all types through every pair of variants, and how many of its tensors are coded."""
  original = _typed_file(bench)
  container = bench.work / "typed"
  variants = variants_here(bench)
  for encoder in variants:
    bench.plait.compress(original, container, cpu=encoder)
    for decoder in variants:
      require_restored(bench, original, container, 1, decoder)
  rows = bench.plait.list(container)["tensors"]
  weights = [row for row in rows if row["name"].endswith("weights")]
  shrunk = sum(row["coded_bytes"] < row["original_bytes"] for row in weights)
  text = (f"{len(weights)} types x {len(variants)} x {len(variants)} variants: identical; bytes of real weights shrink "
          f"as {shrunk} of them")
  return Outcome(len(weights) == len(samples.DTYPE_BITS), text)


def restored_levels(bench: Bench) -> Outcome:
  """Every level that is built restores; one that is not says so with exit code 4 and makes no file."""
  original = _typed_file(bench)
  built = []
  for level in _LEVELS:
    container = bench.work / f"level-{level}"
    done = bench.plait.run("compress", f"-{level}", "-o", container, original)
    if done.returncode == _UNSUPPORTED:
      require(not container.exists(), f"level {level} is not built, but made a file")
      continue
    require(done.returncode == 0, f"level {level}: exit status {done.returncode}")
    require_restored(bench, original, container, 2)
    built.append(level)
  require(3 in built, "the default level is not built")
  return Outcome(True, f"levels {built}: identical; the others exit {_UNSUPPORTED}")


# Directories.


def _write_hub_cache(root: pathlib.Path, containers: Containers) -> pathlib.Path:
  """Writes a model as a download cache holds it, links to blobs, and returns the directory of the links."""
  snapshot = root / "models--who--model" / "snapshots" / "0123abcd"
  blobs = root / "models--who--model" / "blobs"
  for folder in (snapshot / "onnx", snapshot / "tokenizer" / "nested", blobs):
    folder.mkdir(parents=True)
  shards = {"model-00001-of-00002.safetensors": "cast-minilm-e4m3", "model-00002-of-00002.safetensors": "wordllama",
            "onnx/model.onnx": "minilm-onnx", "ggml-model-f16.gguf": "cast-minilm-gguf"}  # yapf: disable
  contents = {name: corpus_sizes.corpus_path(corpus) for name, corpus in shards.items()}
  contents["already.plait.safetensors"] = containers.path("cast-minilm-e5m2")
  index = b'{"metadata": {}, "weight_map": {"w": "model-00001-of-00002.safetensors"}}\n'
  texts = {
      "model.safetensors.index.json": index, "config.json": b'{"model_type": "bert"}', "README.md": b"# A model\n",
      "tokenizer.json": b'{"vocab": ["a", "b"]}' * 1000, "tokenizer/nested/vocab.txt": b"a\nb\n", "empty": b"",
      "tokenizer.model": samples.random_bytes(50_000), "pytorch_model.bin": samples.random_bytes(70_000),
      "named.plait": b"no Plait file", "\u00fc\u4e2d.txt": b"a name beyond ASCII",
  }  # yapf: disable
  for i, (name, source) in enumerate((contents | texts).items()):
    blob = blobs / f"{i:040x}"
    if isinstance(source, bytes):
      blob.write_bytes(source)
    else:
      shutil.copyfile(source, blob)
    (snapshot / name).symlink_to(os.path.relpath(blob, (snapshot / name).parent))
  return snapshot


def _tree(root: pathlib.Path) -> dict[str, str]:
  """Returns the SHA-256 of every file below a directory, by its relative path, links followed."""
  files = [pathlib.Path(folder) / name for folder, _, names in os.walk(root) for name in names]
  return {str(path.relative_to(root)): sha256(path) for path in files}


def _stamps(root: pathlib.Path) -> dict[str, tuple]:
  """Returns what would show a write: size, time and link target of everything below a directory."""
  stamps = {}
  for folder, folders, names in os.walk(root):
    for name in [*folders, *names]:
      path = pathlib.Path(folder) / name
      stat = path.lstat()
      stamps[str(path)] = (stat.st_ino, stat.st_size, stat.st_mtime_ns, path.is_symlink() and os.readlink(path))
  return stamps


def restored_directory(bench: Bench, containers: Containers) -> Outcome:
  root = bench.work / "hub"
  snapshot = _write_hub_cache(root, containers)
  before, original = _stamps(root), _tree(snapshot)
  coded, trees = bench.work / "model.plait", []
  for threads, cpu in ((2, ""), (1, "scalar")):
    bench.plait.checked("compress", f"-T{threads}", "-o", coded, snapshot, cpu=cpu)
    trees.append(_tree(coded))
    restored = bench.work / "restored-model"
    bench.plait.checked("decompress", f"-T{threads}", "-o", restored, coded, cpu=cpu)
    require(_tree(restored) == original, f"the directory that -T{threads} {cpu} restored differs")
    require(not any(path.is_symlink() for path in restored.rglob("*")), "the restored directory has links")
    shutil.rmtree(restored)
    shutil.rmtree(coded)
  require(trees[0] == trees[1], "the compressed directory depends on -T or the variant")
  require(_stamps(root) == before, "the source was written to")
  same = [name for name, digest in original.items() if trees[0].get(name) == digest]
  for name in ("model.safetensors.index.json", "config.json", "tokenizer.model"):
    require(name in same, f"{name} is not copied byte for byte")
  shutil.rmtree(root)
  return Outcome(True, f"{len(original)} files behind links of a download cache, 2 shards and their index, one already "
                 f"a Plait file: identical; {len(same)} copied, {len(original) - len(same)} coded; source untouched")


# Pipes.


def _require_same(left: pathlib.Path, right: pathlib.Path, what: str) -> None:
  require(same_bytes(left, right), f"{what}: other bytes")


def _through_pipes(bench: Bench, original: pathlib.Path) -> str:
  """Sends a file through every kind of pipe; returns the SHA-256 of its frame stream."""
  plait, work = bench.plait, bench.work
  back, stream, container = work / "back", work / "stream", work / "container"
  plait.pipe(original, ["compress", "-c", "-"], ["decompress", "-c", "-"], target=back)
  _require_same(original, back, "compress -c - | decompress -c -")
  plait.pipe(original, ["compress", "-T1", "-c"], target=stream)
  plait.pipe(stream, ["verify", "-"])
  plait.checked("verify", stream)
  back.unlink()
  plait.pipe(stream, ["decompress", "-T1", "-o", back])
  _require_same(original, back, "decompress -o FILE from a pipe")
  plait.decompress(stream, back)
  _require_same(original, back, "decompress of a stream in a file")
  plait.checked("compress", "-f", "-o", container, original)
  plait.pipe(container, ["verify", "-"])
  plait.pipe(container, ["decompress", "-c"], target=back)
  _require_same(original, back, "decompress of a container from a pipe")
  plait.pipe(original, ["compress", "-f", "-o", container, "-"])
  plait.decompress(container, back)
  _require_same(original, back, "compress of a pipe to a file")
  return sha256(stream)


def _stream_of_file(bench: Bench, original: pathlib.Path, threads: int, cpu: str) -> str:
  stdout = bench.plait.checked("compress", f"-T{threads}", "-c", original, cpu=cpu)
  return hashlib.sha256(stdout).hexdigest()


def restored_pipes(bench: Bench) -> Outcome:
  folder = bench.work / "piped"
  folder.mkdir()
  originals = [corpus_sizes.corpus_path(name) for name in _PIPED]
  odd = samples.odd_files(folder, _typed_file(bench), pathlib.Path(sys.executable).resolve())
  for original in [*originals, _typed_file(bench), *odd.values()]:
    stream = _through_pipes(bench, original)
    for threads, cpu in ((2, ""), (2, "scalar")):
      found = _stream_of_file(bench, original, threads, cpu)
      require(found == stream, f"{original.name}: the stream of a file, -T{threads} {cpu}, is not that of a pipe, -T1")
    log(f"   {original.name}")
  text = (f"{len(originals)} corpora, every type, {len(odd)} odd files; compress, decompress, verify; stdin, stdout; "
          "streams and containers: identical; stream independent of -T, variant, and file or pipe")
  return Outcome(True, text)


def make_rows(bench: Bench, containers: Containers) -> list[Row]:
  partial = functools.partial
  return [
      Row("restored bytes: corpora", "identical", partial(restored_corpora, bench, containers)),
      Row("restored bytes: types", "identical", partial(restored_types, bench)),
      Row("restored bytes: levels", "identical", partial(restored_levels, bench)),
      Row("restored bytes: directory", "identical", partial(restored_directory, bench, containers)),
      Row("restored bytes: pipes", "identical", partial(restored_pipes, bench)),
      Row("container bytes: -T1, variants", "same SHA-256", partial(same_containers, bench, containers)),
  ]
