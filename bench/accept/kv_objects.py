"""Rows of `kv` about what must hold on every object: exactness, prefixes, damage."""

import functools
import json
import pathlib
import random
import re
import subprocess

import numpy as np
from rows import Bench, Outcome, Row, Skip, require

import kv_caches
from plait_command import Plait

_TOKENS = 512
_FORMS = ("layers", "rans", "tier")
_TRIALS = 2000
_ALLOWED = (3, 4)
_FLOAT8 = {"e4m3": (4, 3), "e5m2": (5, 2)}


def _dump(bench: Bench, model: str, dtype: str, tokens: int = _TOKENS) -> pathlib.Path:
  """Writes the first tokens of a test dump as .npy, with NaN, infinity, -0 and denormals among them."""
  suffix = "-f16" if dtype == "f16" else ""
  planes = kv_caches.read_planes(kv_caches.dump_path(model, "test", "prose", suffix))
  cache = kv_caches.stacked(planes, 0, tokens)
  if dtype in _FLOAT8:
    cache = kv_caches.to_float8(cache, *_FLOAT8[dtype])
  bits = 8 * cache.dtype.itemsize
  sign = 1 << (bits - 1)
  odd = [sign, sign - 1, 2 * sign - 1, 1, sign | 1, {"bf16": 0x7f80, "f16": 0x7c00, "e4m3": 0x7f, "e5m2": 0x7c}[dtype]]
  flat = cache.reshape(-1)
  flat[np.linspace(0, flat.size - 1, 50 * len(odd)).astype(int)] = np.tile(odd, 50)
  path = bench.work / f"{model}-{dtype}.npy"
  np.save(path, cache)
  return path


def _decoded(bench: Bench, objects: pathlib.Path, *options) -> np.ndarray:
  target = bench.work / "decoded.npy"
  bench.plait.checked("kv", "decode", "-f", objects, "-o", target, *options)
  return np.load(target)


def exact(bench: Bench, model: str) -> Outcome:
  """Encodes and decodes every element type in every form, and compares bit for bit."""
  objects = bench.work / "exact"
  checked = 0
  for dtype in ("bf16", "f16", "e4m3", "e5m2"):
    dump = _dump(bench, model, dtype)
    expected = np.load(dump)
    for form in _FORMS:
      kv_caches.encode(bench.plait, dump, objects, "--dtype", dtype, "--form", form, "--no-verify")
      found = _decoded(bench, objects)
      same = np.array_equal(found.view(expected.dtype), expected)
      require(same, f"{dtype}, {form}: other elements come back")
      checked += expected.size
  return Outcome(True, f"{checked} elements of bf16, f16, e4m3, e5m2 in forms {', '.join(_FORMS)}: bit-identical")


def idempotent(bench: Bench, model: str) -> Outcome:
  """Decodes every quality, encodes that with the same steps, and decodes it again."""
  profile = bench.work / f"{model}.kvprofile"
  kv_caches.make_profile(bench.plait, model, profile)
  dump = _dump(bench, model, "bf16", kv_caches.CHUNK_TOKENS)
  once, twice = bench.work / "once.pkv", bench.work / "twice.pkv"
  steps = ("--profile", profile, "--sinks", "0")
  kv_caches.encode(bench.plait, dump, once, "--dtype", "bf16", *steps)
  qualities = len(kv_caches.info(bench.plait, once)["layers"])
  for quality in range(qualities):
    first = _decoded(bench, once, "--profile", profile, "--quality", quality)
    again = bench.work / "again.npy"
    np.save(again, first)
    kv_caches.encode(bench.plait, again, twice, "--dtype", "bf16", "--steps-of", once, *steps)
    second = _decoded(bench, twice, "--profile", profile, "--quality", quality)
    differing = int(np.count_nonzero(first != second))
    require(differing == 0, f"quality {quality}: {differing} of {first.size} elements change")
  return Outcome(True, f"{qualities} qualities of {first.size} elements: none changes")


def prefixes(bench: Bench, model: str) -> Outcome:
  """Cuts an object at each quality's end."""
  dump = _dump(bench, model, "bf16", kv_caches.CHUNK_TOKENS)
  whole, cut = bench.work / "whole.pkv", bench.work / "cut.pkv"
  kv_caches.encode(bench.plait, dump, whole, "--dtype", "bf16")
  data = whole.read_bytes()
  errors = []
  original = np.load(dump)
  for layer in kv_caches.info(bench.plait, whole)["layers"]:
    cut.write_bytes(data[:layer["end"]])
    target = bench.work / "cut.npy"
    best = json.loads(bench.plait.checked("kv", "decode", "-f", "--json", cut, "--min-quality", 0, "-o", target))
    require(best["delivered_quality"] == layer["index"], f"quality {layer['index']}: {best['delivered_quality']} comes")
    require(np.array_equal(np.load(target), _decoded(bench, whole, "--quality", layer["index"])),
            f"quality {layer['index']}: the prefix decodes to something else than the whole")
    cut.write_bytes(data[:layer["end"] - 1])
    done = bench.plait.run("kv", "decode", "-f", cut, "--quality", layer["index"], "-o", target)
    require(done.returncode == 3, f"quality {layer['index']} less a byte: exit {done.returncode}, expected 3")
    errors.append(layer["error"])
  require(errors == sorted(set(errors), reverse=True), f"errors do not fall: {errors}")
  is_exact = np.array_equal(_decoded(bench, whole), original)
  return Outcome(is_exact and errors[-1] == 0, "errors " + ", ".join(f"{error:.3g}" for error in errors) + "; whole exact")


def _small_objects(bench: Bench) -> list[pathlib.Path]:
  """Writes an object of each form, small enough for thousands of runs."""
  cache = np.load(_dump(bench, "smollm2", "bf16", 24))[:, :2]
  small = bench.work / "small.npy"
  np.save(small, cache)
  paths = []
  for form in _FORMS:
    paths.append(bench.work / f"small-{form}.pkv")
    kv_caches.encode(bench.plait, small, paths[-1], "--dtype", "bf16", "--form", form)
  return paths


def _damaged(data: bytes, source: random.Random) -> bytes:
  """Flips a bit, or cuts."""
  if source.random() < 0.3:
    return data[:source.randrange(1, len(data))]
  at = source.randrange(8, len(data))
  return data[:at] + bytes([data[at] ^ 1 << source.randrange(8)]) + data[at + 1:]


def hostile(bench: Bench, plait: Plait) -> Outcome:
  """Decodes damaged objects: exit 3 or 4, no signal, no file under the final name."""
  source = random.Random(7)
  objects = [path.read_bytes() for path in _small_objects(bench)]
  damaged, target = bench.work / "damaged.pkv", bench.work / "hostile.npy"
  codes = dict.fromkeys(_ALLOWED, 0)
  for trial in range(_TRIALS):
    damaged.write_bytes(_damaged(objects[trial % len(objects)], source))
    done = plait.run("kv", "decode", "-T1", damaged, "-o", target)
    require(done.returncode in _ALLOWED, f"trial {trial}: exit {done.returncode}: {done.stderr.decode()[:300]}")
    require(re.search(rb"Sanitizer|runtime error:", done.stderr) is None, f"trial {trial}: {done.stderr.decode()[:300]}")
    require(not target.exists(), f"trial {trial}: a file stands under the final name")
    codes[done.returncode] += 1
  return Outcome(True, f"{_TRIALS} flips and truncations of {len(objects)} forms: " +
                 ", ".join(f"exit {code} {count} times" for code, count in codes.items()))


def hostile_under_sanitizers(bench: Bench) -> Outcome:
  """The same with the program that ./dev asan builds."""
  binary = pathlib.Path(bench.plait.path).parents[2] / "asan" / "tools" / "plait"
  if not binary.is_file():
    raise Skip("./dev asan has not been built")
  version = subprocess.run([binary, "--version"], capture_output=True, check=False)
  require(version.returncode == 0, "the sanitizer build does not run")
  return hostile(bench, Plait(binary))


def make_rows(bench: Bench) -> list[Row]:
  partial = functools.partial
  refused = f"{_TRIALS}: exit 3 or 4 each, no signal"
  return [
      *(Row(f"exact: {model}", "bit-identical for every dtype", partial(exact, bench, model))
        for model in kv_caches.MODELS),
      *(Row(f"idempotent: {model}", "no element changes at any quality", partial(idempotent, bench, model))
        for model in kv_caches.MODELS),
      *(Row(f"prefixes: {model}", "decode at their quality, error falls strictly; whole = exact",
            partial(prefixes, bench, model)) for model in kv_caches.MODELS),
      Row("hostile objects", refused, partial(hostile, bench, bench.plait)),
      Row("hostile objects, sanitizers", refused, partial(hostile_under_sanitizers, bench)),
  ]
