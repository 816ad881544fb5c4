"""KV objects by the `plait` command: profiles, and what each quality of a cache takes and restores."""

import dataclasses
import json
import pathlib

import numpy as np

from plait_command import Plait
from reference_model import ReferenceModel, from_bf16, to_bf16
from windows import CHUNK_TOKENS, Prefix, kv, planes

_PROFILE_TEXTS = ("profile-prose", "profile-code", "profile-mixed")
STATS = pathlib.Path(__file__).with_name("stats")  # made by profile_stats.py


def make_profile(plait: Plait, model_name: str, path: pathlib.Path, scale: float = 0,
                 classes_only: bool = False) -> None:
  """Makes the profile of a model from the texts for profiles and the committed stats.

  Args:
    plait: the command.
    model_name: one of kv.MODELS.
    path: of the profile.
    scale: octaves to add to all steps.
    classes_only: without contexts of the token before.
  """
  dumps = [kv.get(f"{model_name}-{text}") for text in _PROFILE_TEXTS]
  contexts = ("--contexts", 1) if classes_only else ()
  plait.checked("kv", "profile", "-f", "--planes", "k,v", "--stats", STATS / f"{model_name}.safetensors", "--scale",
                scale, *contexts, "-o", path, *dumps)


@dataclasses.dataclass(frozen=True)
class Encoded:
  """The objects of a cache.

  Attributes:
    path: their directory.
    prefix_bytes: what each quality needs of all objects, the base first, the whole objects last.
    parts: the parts of the base in bytes, as `kv encode --json` names them.
  """
  path: pathlib.Path
  prefix_bytes: list[int]
  parts: dict[str, int]


def write_prefix(path: pathlib.Path, model: ReferenceModel, prefix: Prefix) -> None:
  """Writes a cache as a dump of bf16."""
  found = {}
  for layer in range(model.layers):
    for plane, rows in (("k", prefix.keys), ("v", prefix.values)):
      found[f"layers.{layer}.{plane}"] = to_bf16(rows[layer]).reshape(-1, model.kv_heads, model.head_dim)
  planes.write(path, found, "BF16", {})


def encode(plait: Plait, dump: pathlib.Path, profile: pathlib.Path, target: pathlib.Path) -> Encoded:
  """Codes a dump in chunks of CHUNK_TOKENS."""
  said = json.loads(plait.checked("kv", "encode", "-f", "--json", "--profile", profile, "--chunk-tokens", CHUNK_TOKENS,
                                  "-o", target, dump))
  parts = dict(said["parts"])
  qualities = np.cumsum(parts.pop("quality_bytes")) + parts["manifest_bytes"] + parts["profile_bytes"]
  return Encoded(target, [int(size) for size in qualities], parts)


def decode(plait: Plait, objects: pathlib.Path, profile: pathlib.Path, quality: int, target: pathlib.Path):
  """Returns restored (keys, values), each fp32 [model layers, tokens, channels]."""
  plait.checked("kv", "decode", "-f", "--quality", quality, "--profile", profile, "-o", target, objects)
  found = planes.read(target)
  layers = range(planes.num_layers(found))
  stacked = (np.stack([found[f"layers.{layer}.{plane}"] for layer in layers]) for plane in "kv")
  return tuple(from_bf16(rows.reshape(*rows.shape[:2], -1)) for rows in stacked)
