#!/usr/bin/env python3
"""Llama and Gemma 3 (text) in NumPy, for comparing examples/runner with: all tokens at once, fp32, no cache.

  reference_model.py perplexity MODEL.safetensors CONFIG.json < ids

Keys and values are rounded to bf16 as the runner's cache holds them. Everything else may round in another order, so
logits agree closely, not exactly.
"""

import argparse
import json
import pathlib
import sys

import numpy as np

_CORPORA = pathlib.Path(__file__).resolve().parents[1] / "corpora"
sys.path.insert(0, str(_CORPORA))

import bf16  # pylint: disable=wrong-import-position
from safetensors_file import SafetensorsFile  # pylint: disable=wrong-import-position


def _from_bf16(bits: np.ndarray) -> np.ndarray:
  return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def _rounded(values: np.ndarray) -> np.ndarray:
  """Returns fp32 values rounded to bf16."""
  return _from_bf16(bf16.round_to_bf16(np.ascontiguousarray(values, np.float32).view(np.uint32)))


def _rotated(heads: np.ndarray, theta: float) -> np.ndarray:
  """Turns [tokens, heads, head_dim] by position: channels i and i + head_dim / 2 are one complex number."""
  tokens, _, head_dim = heads.shape
  half = head_dim // 2
  turns = np.outer(np.arange(tokens), theta**(-np.arange(half) / half))
  numbers = (heads[..., :half] + 1j * heads[..., half:]) * np.exp(1j * turns)[:, None, :]
  return np.concatenate((numbers.real, numbers.imag), axis=-1).astype(np.float32)


def _softmax(scores: np.ndarray) -> np.ndarray:
  powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
  return powers / powers.sum(axis=-1, keepdims=True)


class ReferenceModel:
  """One model.

  Args:
    path: a .safetensors file of bf16 weights.
    config: the parsed config.json.
  """

  def __init__(self, path, config: dict):
    self._file = SafetensorsFile(path)
    self._config = config
    self._is_gemma = config["model_type"] == "gemma3_text"
    self._head_dim = config.get("head_dim", config["hidden_size"] // config["num_attention_heads"])

  def logits(self, ids: list[int], first: int = 0) -> np.ndarray:
    """Returns the logits behind each token from position `first` on, [len(ids) - first, vocabulary]."""
    stream = self._tensor("model.embed_tokens")[ids]
    if self._is_gemma:
      stream = stream * np.float32(np.sqrt(self._config["hidden_size"]))
    for layer in range(self._config["num_hidden_layers"]):
      stream = self._run_layer(f"model.layers.{layer}.", layer, stream)
    tied = self._config.get("tie_word_embeddings", self._is_gemma)
    return self._norm("model.norm", stream[first:]) @ self._tensor("model.embed_tokens" if tied else "lm_head").T

  def _tensor(self, name: str) -> np.ndarray:
    info = self._file.tensors[name + ".weight"]
    return _from_bf16(np.frombuffer(self._file.data(info.name), "<u2")).reshape(info.shape)

  def _norm(self, name: str, values: np.ndarray) -> np.ndarray:
    gain = self._tensor(name) + (1 if self._is_gemma else 0)
    return values / np.sqrt(np.mean(values**2, axis=-1, keepdims=True) + self._config["rms_norm_eps"]) * gain

  def _run_layer(self, prefix: str, layer: int, stream: np.ndarray) -> np.ndarray:
    branch = self._attend(prefix + "self_attn.", layer, self._norm(prefix + "input_layernorm", stream))
    if not self._is_gemma:
      stream = stream + branch
      return stream + self._feed_forward(prefix + "mlp.", self._norm(prefix + "post_attention_layernorm", stream))
    stream = stream + self._norm(prefix + "post_attention_layernorm", branch)
    branch = self._feed_forward(prefix + "mlp.", self._norm(prefix + "pre_feedforward_layernorm", stream))
    return stream + self._norm(prefix + "post_feedforward_layernorm", branch)

  def _feed_forward(self, prefix: str, values: np.ndarray) -> np.ndarray:
    gate, up = values @ self._tensor(prefix + "gate_proj").T, values @ self._tensor(prefix + "up_proj").T
    if self._is_gemma:
      gate = 0.5 * gate * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
    else:
      gate = gate / (1 + np.exp(-gate))
    return (gate * up).astype(np.float32) @ self._tensor(prefix + "down_proj").T

  def _heads(self, prefix: str, which: str, values: np.ndarray) -> np.ndarray:
    return (values @ self._tensor(f"{prefix}{which}_proj").T).reshape(len(values), -1, self._head_dim)

  def _attend(self, prefix: str, layer: int, values: np.ndarray) -> np.ndarray:
    config = self._config
    queries, keys, held = (self._heads(prefix, which, values) for which in "qkv")
    theta, distance = config["rope_theta"], len(values)
    scale = self._head_dim**-0.5
    if self._is_gemma:
      queries, keys = self._norm(prefix + "q_norm", queries), self._norm(prefix + "k_norm", keys)
      scale = config["query_pre_attn_scalar"]**-0.5
      if (layer + 1) % config["sliding_window_pattern"]:
        theta, distance = config["rope_local_base_freq"], config["sliding_window"]
    queries, keys, held = _rotated(queries, theta), _rounded(_rotated(keys, theta)), _rounded(held)
    position = np.arange(len(values))
    behind = position[:, None] - position[None, :]
    hidden = (behind < 0) | (behind >= distance)
    heads_per_key = queries.shape[1] // keys.shape[1]
    outputs = []
    for head in range(queries.shape[1]):
      scores = queries[:, head] @ keys[:, head // heads_per_key].T * np.float32(scale)
      outputs.append(_softmax(np.where(hidden, -np.inf, scores)) @ held[:, head // heads_per_key])
    return np.concatenate(outputs, axis=1).astype(np.float32) @ self._tensor(prefix + "o_proj").T


def perplexity(model: ReferenceModel, ids: list[int]) -> float:
  """Returns exp of the mean negative log-likelihood of every token but the first."""
  logits = model.logits(ids)[:-1].astype(np.float64)
  largest = logits.max(axis=-1)
  log_sums = largest + np.log(np.exp(logits - largest[:, None]).sum(axis=-1))
  return float(np.exp(np.mean(log_sums - logits[np.arange(len(ids) - 1), ids[1:]])))


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("measure", choices=("perplexity",))
  parser.add_argument("model", help="a .safetensors file")
  parser.add_argument("config", help="its config.json")
  args = parser.parse_args()
  model = ReferenceModel(args.model, json.loads(pathlib.Path(args.config).read_text()))
  print(f"{perplexity(model, [int(word) for word in sys.stdin.read().split()]):.3f}")


if __name__ == "__main__":
  main()
