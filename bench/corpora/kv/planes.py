"""KV caches as arrays of 16-bit patterns, and the layouts in which engines hold them.

A plane is K or V of one model layer, uint16 [tokens, kv_heads, head_dim]; its name is `layers.N.k`, `layers.N.v` or,
for keys before their rotation by position, `layers.N.k_pre_rope`, as examples/runner dumps them.
"""

import pathlib
import sys

import numpy as np

_CORPORA = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(_CORPORA))

import safetensors_file  # pylint: disable=wrong-import-position
from safetensors_file import NewTensor, SafetensorsFile  # pylint: disable=wrong-import-position

PLANES = ("k", "v", "k_pre_rope")


def write(path, planes: dict[str, np.ndarray], dtype: str, metadata: dict[str, str]) -> None:
  """Writes planes by name as a .safetensors file of `dtype`, "BF16" or "F16"."""
  contiguous = {name: np.ascontiguousarray(plane, "<u2") for name, plane in planes.items()}
  tensors = [NewTensor(name, dtype, plane.shape, lambda plane=plane: [memoryview(plane).cast("B")])
             for name, plane in contiguous.items()]
  safetensors_file.write(path, tensors, metadata)


def read(path) -> dict[str, np.ndarray]:
  """Returns the planes of a .safetensors file by name."""
  file = SafetensorsFile(path)
  return {name: np.frombuffer(file.data(name), "<u2").reshape(info.shape) for name, info in file.tensors.items()}


def num_layers(planes: dict[str, np.ndarray]) -> int:
  return sum(name.endswith(".v") for name in planes)


def _stacked(planes: dict[str, np.ndarray]) -> np.ndarray:
  """Returns K and V of every model layer, [2, layers, tokens, kv_heads, head_dim]."""
  layers = range(num_layers(planes))
  return np.stack([[planes[f"layers.{layer}.{plane}"] for layer in layers] for plane in ("k", "v")])


def as_array(planes: dict[str, np.ndarray]) -> np.ndarray:
  """Returns K and V as one array [2, layers, tokens, kv_heads * head_dim], as LMCache and CacheGen hold them."""
  whole = _stacked(planes)
  return whole.reshape(*whole.shape[:3], -1)


def as_pages(planes: dict[str, np.ndarray], block_tokens: int) -> dict[str, np.ndarray]:
  """Returns for each model layer `layers.N.kv` [blocks, 2, block_tokens, kv_heads, head_dim], vLLM's layout.

  The last block is filled up with zeros.
  """
  both, layers, tokens, heads, head_dim = (whole := _stacked(planes)).shape
  blocks = -(-tokens // block_tokens)
  padded = np.zeros((both, layers, blocks * block_tokens, heads, head_dim), whole.dtype)
  padded[:, :, :tokens] = whole
  pages = padded.reshape(both, layers, blocks, block_tokens, heads, head_dim).transpose(1, 2, 0, 3, 4, 5)
  return {f"layers.{layer}.kv": np.ascontiguousarray(page) for layer, page in enumerate(pages)}
