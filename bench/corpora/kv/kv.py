#!/usr/bin/env python3
"""Makes dumps of real KV caches: two small language models over real texts, 4,096 tokens each.

  kv.py list                   what there is
  kv.py get NAME...|all        makes what is missing, prints one path a line
  kv.py array NAME OUT.npy     the same K and V as one uint16 array [2, layers, tokens, channels]
  kv.py pages NAME OUT         the same in pages of 16 tokens, as vLLM holds them

A name is `<model>-<text>[-f16]`, as smollm2-test-prose; texts.py has the texts. Files go to the folder kv of the
corpora's cache. Names and shapes are those of `plait_runner --dump-kv --pre-rope`; values are close to it, and not the
same on every machine, because sums of fp32 are rounded in another order.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile

import numpy as np

_BENCH = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_BENCH / "corpora"), str(_BENCH / "lib")]

import planes  # pylint: disable=wrong-import-position
import texts  # pylint: disable=wrong-import-position
from corpora import cache_dir  # pylint: disable=wrong-import-position
from packages import CorpusError, log  # pylint: disable=wrong-import-position
from reference_model import Observed, ReferenceModel, to_bf16  # pylint: disable=wrong-import-position

MODELS = ("smollm2", "gemma3")
DUMPS = tuple(f"{set_name}-{kind}" for set_name in ("profile", "test") for kind in ("prose", "code", "mixed"))
TOKENS = 4096
_PAGE_TOKENS = 16


def folder() -> pathlib.Path:
  """Returns the folder of the dumps, whether or not it exists."""
  return cache_dir() / "kv"


def load_model(model: str) -> ReferenceModel:
  """Returns a model for running much; its files are made by corpora.py."""
  config = json.loads((cache_dir() / f"{model}-config.json").read_text())
  return ReferenceModel(cache_dir() / f"dequantized-{model}.safetensors", config, keep_weights=True)


def token_ids(model: str, text: str, tokens: int) -> list[int]:
  """Returns the first tokens of a text, kept in a file because finding them is slow."""
  path = folder() / "ids" / f"{model}-{text}.json"
  if not path.exists():
    from gguf_tokens import Vocabulary  # pylint: disable=import-outside-toplevel
    vocabulary = Vocabulary(str(cache_dir() / f"{model}-gguf.gguf"))
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = vocabulary.encode(texts.read(text, texts.load_pins()))
    path.write_text(json.dumps([int(token) for token in ids]))
  ids = json.loads(path.read_text())
  if len(ids) < tokens:
    raise CorpusError(f"text {text}: found {len(ids)} tokens, expected {tokens}")
  return ids[:tokens]


def run_text(model: ReferenceModel, ids: list[int]) -> dict[str, np.ndarray]:
  """Returns the planes of a text in fp32, not rounded."""
  parts: dict[str, list[np.ndarray]] = {}

  def observe(seen: Observed) -> None:
    for plane, heads in zip(planes.PLANES, (seen.keys, seen.values, seen.keys_before_rotation)):
      parts.setdefault(f"layers.{seen.layer}.{plane}", []).append(heads)

  model.run(ids, model.empty_cache(), observe)
  return {name: np.concatenate(batches) for name, batches in parts.items()}


def make(name: str) -> None:
  """Makes the bf16 and the fp16 dump of `<model>-<text>`."""
  model_name, _, text = name.partition("-")
  log(f"making {name}")
  found = run_text(load_model(model_name), token_ids(model_name, text, TOKENS))
  metadata = {"model": model_name, "text": text, "tokens": str(TOKENS), "pos_encoding": "post-rope for k"}
  for suffix, dtype in (("", "BF16"), ("-f16", "F16")):
    bits = {key: to_bf16(plane) if dtype == "BF16" else plane.astype(np.float16).view(np.uint16)
            for key, plane in found.items()}
    with tempfile.NamedTemporaryFile(dir=folder(), delete=False) as work:
      planes.write(work.name, bits, dtype, metadata)
    os.replace(work.name, folder() / f"{name}{suffix}.safetensors")


def get(name: str) -> pathlib.Path:
  """Returns the path of a dump, making it first where it is missing."""
  path = folder() / f"{name}.safetensors"
  if not path.exists():
    make(name.removesuffix("-f16"))
  return path


def all_names() -> list[str]:
  return [f"{model}-{text}{suffix}" for text in DUMPS for model in MODELS for suffix in ("", "-f16")]


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("command", choices=("list", "get", "array", "pages"))
  parser.add_argument("names", nargs="*")
  args = parser.parse_args()
  if args.command == "list":
    print(*all_names(), sep="\n")
  elif args.command == "get":
    for name in all_names() if args.names == ["all"] else args.names:
      print(get(name), flush=True)
  else:
    name, out = args.names
    found = planes.read(get(name))
    if args.command == "array":
      np.save(out, planes.as_array(found))
    else:
      dtype = "F16" if name.endswith("-f16") else "BF16"
      planes.write(out, planes.as_pages(found, _PAGE_TOKENS), dtype, {"layout": "blocks,kv,tokens,heads,head_dim"})
  return 0


if __name__ == "__main__":
  try:
    sys.exit(main())
  except (CorpusError, OSError, ValueError) as error:
    log(f"kv.py: {error}")
    sys.exit(1)
