"""Rows of `kv` about sizes and speeds: lossless forms, all layers, side information."""

import functools
import json
import pathlib

from rows import Bench, Outcome, Row, log

import kv_caches

_LEAST_RATIO = {"": 1.52, "-f16": 1.17}
_MOST_LAYERS = 1.007
_MOST_SIDE = {True: 0.025, False: 0.05}
_COMPARED_CHUNKS = range(1, 16, 5)
_SIDE_PARTS = ("manifest_bytes", "profile_bytes", "steps_bytes", "exact_tokens_bytes", "states_bytes")
_BENCH_TOKENS = 2048
_LEAST_SPEED = {("rans", "decode"): 3.0, ("tier", "decode"): 8.0, ("layers", "decode"): 1.5, ("layers", "encode"): 0.7}


def _profile(bench: Bench, model: str, suffix: str = "") -> pathlib.Path:
  """Makes a model's profile once."""
  path = bench.work / f"{model}{suffix}-sizes.kvprofile"
  if not path.exists():
    kv_caches.make_profile(bench.plait, model, path, suffix)
  return path


def _encode(bench: Bench, model: str, text: str, suffix: str, form: str, with_profile: bool = True) -> dict:
  dump = kv_caches.dump_path(model, "test", text, suffix)
  profile = ("--profile", _profile(bench, model, suffix)) if with_profile else ()
  return kv_caches.encode(bench.plait, dump, bench.work / f"{model}-{form}", "--form", form, "--no-verify", *profile)


def lossless(bench: Bench, model: str, suffix: str) -> Outcome:
  """The lossless-only form on every text, all bytes counted."""
  ratios = {}
  for text in kv_caches.TEXTS:
    document = _encode(bench, model, text, suffix, "rans")
    ratios[text] = document["original_bytes"] / document["coded_bytes"]
  worst = min(ratios.values())
  return Outcome(worst >= _LEAST_RATIO[suffix], ", ".join(f"{text} {ratio:.4f}x" for text, ratio in ratios.items()))


def beside_zstd(bench: Bench, model: str, text: str) -> Outcome:
  """The same chunks, whose planes are split into bytes, through zstd -19."""
  _encode(bench, model, text, "", "rans")
  planes = kv_caches.read_planes(kv_caches.dump_path(model, "test", text))
  ours, zstd = 0, 0
  for chunk in _COMPARED_CHUNKS:
    begin = chunk * kv_caches.CHUNK_TOKENS
    zstd += kv_caches.shuffled_zstd_bytes(kv_caches.stacked(planes, begin, begin + kv_caches.CHUNK_TOKENS))
    ours += (bench.work / f"{model}-rans" / f"chunk-{chunk:06}.pkv").stat().st_size
    log(f"   chunk {chunk}")
  return Outcome(ours < zstd, f"{len(_COMPARED_CHUNKS)} chunks: {ours} bytes, zstd {zstd}: {ours / zstd:.4f}")


def all_layers(bench: Bench, model: str) -> Outcome:
  """What the whole object of quality layers takes more than the lossless-only form."""
  shares = {}
  for text in kv_caches.TEXTS:
    layers, rans = (_encode(bench, model, text, "", form)["coded_bytes"] for form in ("layers", "rans"))
    shares[text] = layers / rans
  return Outcome(max(shares.values()) <= _MOST_LAYERS, ", ".join(f"{text} {share:.4f}" for text, share in shares.items()))


def side_information(bench: Bench, model: str, with_profile: bool) -> Outcome:
  """All that is in front of the base's symbols, and its exact tokens, of a whole dump."""
  document = _encode(bench, model, "prose", "", "layers", with_profile)
  parts = document["parts"]
  share = sum(parts[name] for name in _SIDE_PARTS) / document["base_prefix_bytes"]
  text = ", ".join(f"{name.removesuffix('_bytes')} {parts[name] / document['base_prefix_bytes']:.2%}"
                   for name in _SIDE_PARTS)
  return Outcome(share <= _MOST_SIDE[with_profile],
                 f"{share:.2%} of {document['base_prefix_bytes'] // document['objects']} bytes a base prefix: {text}")


def speed(bench: Bench, model: str) -> Outcome:
  """One core, memory to memory, hashes included."""
  document = json.loads(bench.plait.checked("kv", "bench", "--json", "-T1", "--max-tokens", _BENCH_TOKENS, "--profile",
                                            _profile(bench, model), kv_caches.dump_path(model, "test", "prose")))
  forms = {form["form"]: form for form in document["forms"]}
  found = {(form, way): forms[form][f"{way}_bytes_per_second"] / 1e9 for form, way in _LEAST_SPEED}
  base = forms["layers"]["qualities"][0]["decode_bytes_per_second"] / 1e9
  text = ", ".join(f"{form} {way} {gigabytes:.2f}" for (form, way), gigabytes in found.items())
  return Outcome(all(found[key] >= least for key, least in _LEAST_SPEED.items()),
                 f"GB/s of bf16: {text}; base alone decodes at {base:.2f}")


def make_rows(bench: Bench) -> list[Row]:
  partial = functools.partial
  table = []
  for model in kv_caches.MODELS:
    table += [
        Row(f"lossless: {model} bf16", f">= {_LEAST_RATIO['']}x on every text", partial(lossless, bench, model, "")),
        Row(f"lossless: {model} f16", f">= {_LEAST_RATIO['-f16']}x on every text",
            partial(lossless, bench, model, "-f16")),
        *(Row(f"lossless beside zstd -19, bytes shuffled: {model} {text}", "smaller",
              partial(beside_zstd, bench, model, text)) for text in kv_caches.TEXTS),
        Row(f"all layers: {model}", f"<= {_MOST_LAYERS} of lossless-only", partial(all_layers, bench, model)),
        Row(f"side information with a profile: {model}", f"<= {_MOST_SIDE[True]:.1%} of the base prefix",
            partial(side_information, bench, model, True)),
        Row(f"side information without: {model}", f"<= {_MOST_SIDE[False]:.1%} of the base prefix",
            partial(side_information, bench, model, False)),
        Row(f"speed: {model}", ", ".join(f"{form} {way} >= {least}" for (form, way), least in _LEAST_SPEED.items()),
            partial(speed, bench, model)),
    ]
  return table
