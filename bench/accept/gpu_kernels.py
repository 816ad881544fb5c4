"""Rows of `gpu` about decoding: kernels on the host executor, images that devices decode, machines without CUDA."""

import functools
import json
import os
import pathlib
import re
import subprocess
import sys

from rows import Bench, Outcome, Row, require

import corpus_sizes

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_MOST_PERCENT = {"transformer": 1.3, "cnn": 1.9}
_EXECUTOR_BLOCKS = 4


def _built(bench: Bench, path: str) -> pathlib.Path:
  """Returns a program of plait's build folder."""
  program = pathlib.Path(bench.plait.path).parents[1] / path
  require(program.is_file(), f"{program} is not built")
  return program


def _checked(command: list, **options) -> str:
  """Runs to the end and returns stdout."""
  done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                        check=False, **options)
  last = "\n".join(done.stdout.splitlines()[-5:])
  require(done.returncode == 0, f"{command[0]}: exit status {done.returncode}: {last}")
  return done.stdout


def kernels_on_executor(bench: Bench) -> Outcome:
  """The tests of kernels, and of what decodes by them, but not those of the executor itself."""
  output = _checked([_built(bench, "tests/gpu/gpu_tests"), "--gtest_filter=-Simt*", "--gtest_brief=1"])
  passed = re.search(r"\[  PASSED  \] (\d+) tests?\.", output)
  require(passed is not None, "gpu_tests printed no number of tests")
  skipped = output.count("[  SKIPPED ]")
  return Outcome(skipped == 0, f"{passed.group(1)} tests pass, {skipped} skipped")


def in_gpu_form(bench: Bench, name: str) -> Outcome:
  """Loads a container's tensors for a device, compares what comes back, and counts the image with its index."""
  original = corpus_sizes.corpus_path(name)
  container = bench.work / "gpu_form.plait"
  bench.plait.compress(original, container)
  program = _built(bench, "examples/gpu_image/plait_gpu_image")
  image = json.loads(_checked([program, container, _EXECUTOR_BLOCKS]).splitlines()[-1])
  container.unlink()
  limit = corpus_sizes.order0_limit(str(original), corpus_sizes.MIN_ELEMENTS)
  require(image["weights"] == limit["elements"], f"{image['weights']} weights, expected {limit['elements']}")
  bits = 8 * (image["image_bytes"] + image["plain_bytes"]) / image["weights"]
  percent = 100 * (bits / limit["bits_per_weight"] - 1)
  index_bits = 8 * image["index_bytes"] / image["weights"]
  recoded = image["recoded"] + image["plain"]
  return Outcome(
      percent <= _MOST_PERCENT[corpus_sizes.CORPORA[name].family],
      f"{bits:.3f} bits per weight, {index_bits:.3f} of them index, limit {limit['bits_per_weight']:.3f}: "
      f"+{percent:.2f} %; {recoded} of {image['blocks']} blocks recoded; {image['twin_tensors']} tensors by the twin "
      f"and {image['executor_blocks']} blocks by the kernels exact")


def without_cuda(bench: Bench) -> Outcome:
  """Builds everything as on a machine that has no nvcc, runs all tests, and asks doctor."""
  build = pathlib.Path(bench.plait.path).parents[2] / "without-cuda"  # a sibling: ccache then knows most of it
  environment = dict(os.environ, CCACHE_BASEDIR=str(_ROOT), CCACHE_NOHASHDIR="1", PLAIT_PYTHON=sys.executable)
  _checked(["cmake", "--preset", "release", "-B", build, "-DPLAIT_CUDA=OFF"], cwd=_ROOT, env=environment)
  targets = _checked(["cmake", "--build", build, "--target", "help"], env=environment)
  require("cuda_kernels" not in targets, "targets: found cuda_kernels, expected none of CUDA")
  _checked(["cmake", "--build", build], env=environment)
  tests = _checked(["ctest", "--test-dir", build, "-j", os.cpu_count() or 1], env=environment)
  passed = re.search(r"100% tests passed.* out of (\d+)", tests)
  require(passed is not None, "ctest did not say that all tests pass")
  missing = json.loads(_checked([build / "tools/plait", "doctor", "--json"]))["not_built"]
  require("CUDA" in missing, f"doctor: found {list(missing)}, expected CUDA among them")
  return Outcome(True, f"{passed.group(1)} tests pass; doctor: without CUDA: {missing['CUDA']}")


def make_rows(bench: Bench) -> list[Row]:
  sizes = [
      Row(f"tier in GPU form: {corpus_sizes.label(corpus)}",
          f"<= order-0 limit + {_MOST_PERCENT[corpus.family]} %, index included",
          functools.partial(in_gpu_form, bench, corpus.name)) for corpus in corpus_sizes.bf16_corpora()
  ]
  return [
      Row("all kernels on the host executor",
          "bit-identical to the CPU decoders for every registry input and shuffled order; reject corpus gives status "
          "words", functools.partial(kernels_on_executor, bench)),
      *sizes,
      Row("no CUDA on the machine", "everything else builds and passes; doctor says what is missing",
          functools.partial(without_cuda, bench)),
  ]
