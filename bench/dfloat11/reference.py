#!/usr/bin/env python3
"""Runs the DFloat11 package itself, on a CPU. Runs in the environment of setup_reference.sh.

  reference.py encode SOURCE.safetensors FOLDER PATTERN=ATTRIBUTE,...  ...
  reference.py decode FOLDER SHAPES.safetensors TARGET.safetensors

encode: compress_model() of the package, its check of every module included, on a model with the tensors of SOURCE.
decode: its loader on a model that has the tensors of SHAPES with other values, and its hooks, which decode; TARGET has
what the model holds then. The loader must place every tensor.

The kernel is ours (kernel.py); torch and what else the package imports are stood in for (torch_stub.py).
"""

import contextlib
import importlib
import io
import json
import pathlib
import sys

import numpy as np

import kernel
import torch_stub
from torch_stub import Embedding, Linear, Module, Tensor


def _package():
  torch_stub.install(kernel.decode)
  # What it prints is kept from stdout where its functions bind that, at import, too.
  with contextlib.redirect_stdout(io.StringIO()):
    return importlib.import_module("dfloat11.dfloat11")


def _child(module: Module, name: str) -> Module:
  if name not in module.__dict__:
    setattr(module, name, Module())
  return getattr(module, name)


def build_model(tensors: dict[str, Tensor]) -> Module:
  """Returns a model with these parameters: matrices called weight are those of Linear, or of Embedding by their name."""
  model = Module()
  for name, tensor in tensors.items():
    *path, last = name.split(".")
    parent = model
    for part in path[:-1]:
      parent = _child(parent, part)
    if last == "weight" and len(tensor.shape) == 2 and tensor.dtype is torch_stub.bfloat16:
      kind = Embedding if "embed" in path[-1] else Linear
      setattr(parent, path[-1], kind(tensor))
    else:
      setattr(_child(parent, path[-1]) if path else parent, last, tensor)
  return model


def encode(source: str, folder: str, patterns: list[str]) -> None:
  package = _package()
  pattern_dict = {}
  for pattern in patterns:
    expression, _, attributes = pattern.partition("=")
    pattern_dict[expression] = attributes.split(",") if attributes else []
  model = build_model(torch_stub.load_file(source))
  with contextlib.redirect_stdout(io.StringIO()):
    package.compress_model(model, pattern_dict, folder, check_correctness=True)


def _blank(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
  return {name: Tensor(np.zeros_like(tensor.array), tensor.dtype) for name, tensor in tensors.items()}


def _decoded(model: Module) -> dict[str, Tensor]:
  """What the model computes with: after its hooks, each module's weights are taken before the next one overwrites
  them."""
  tensors = {}
  for prefix, module in list(model.named_modules()):
    module.run_hooks()
    dot = f"{prefix}." if prefix else ""
    if "encoded_exponent" not in module._buffers:  # pylint: disable=protected-access
      continue
    injected = module.__dict__.get("weight_injection_modules", [module])
    names = {id(each): name for name, each in model.named_modules()}
    for target in injected:
      name = f"{names[id(target)]}.weight"
      if not name.startswith(dot):
        raise ValueError(f"{name} is outside {prefix}")
      tensors[name] = Tensor(target.weight.array.copy(), target.weight.dtype)
  for name, value in model.named_parameters():
    tensors.setdefault(name, value)
  return tensors


def decode(folder: str, shapes: str, target: str) -> None:
  package = _package()
  model = build_model(_blank(torch_stub.load_file(shapes)))
  config = json.loads(pathlib.Path(folder, "config.json").read_text())["dfloat11_config"]
  complaints = io.StringIO()
  package.stderr = complaints
  package.load_and_replace_tensors(model, folder, config)
  found = [line for line in complaints.getvalue().splitlines() if "ismatch" in line or "Cannot" in line]
  if found:
    sys.exit(f"the loader says: {found[0]}")
  torch_stub.save_file(_decoded(model), target)


if __name__ == "__main__":
  if sys.argv[1] == "encode":
    encode(sys.argv[2], sys.argv[3], sys.argv[4:])
  else:
    decode(*sys.argv[2:])
