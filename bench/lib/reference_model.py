#!/usr/bin/env python3
"""Llama and Gemma 3 (text) in NumPy, fp32, many tokens at once behind a cache of keys and values.

  reference_model.py perplexity MODEL.safetensors CONFIG.json < ids

Keys and values are rounded to bf16 as the cache of examples/runner holds them. Everything else may round in another
order, so logits agree closely, not exactly.
"""

import argparse
import dataclasses
import json
import pathlib
import sys
from collections.abc import Iterator

import numpy as np

_CORPORA = pathlib.Path(__file__).resolve().parents[1] / "corpora"
sys.path.insert(0, str(_CORPORA))

import bf16  # pylint: disable=wrong-import-position
from safetensors_file import SafetensorsFile  # pylint: disable=wrong-import-position

_BATCH_TOKENS = 512  # run at once: a longer text goes in pieces, so that scores stay small
_SLICE_TOKENS = 64  # whose logits are in memory at once


def from_bf16(bits: np.ndarray) -> np.ndarray:
  """Returns the fp32 values of bf16 patterns."""
  return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def to_bf16(values: np.ndarray) -> np.ndarray:
  """Returns the bf16 patterns of fp32 values, rounded to nearest even."""
  return bf16.round_to_bf16(np.ascontiguousarray(values, np.float32).view(np.uint32))


def rounded(values: np.ndarray) -> np.ndarray:
  """Returns fp32 values rounded to bf16."""
  return from_bf16(to_bf16(values))


def rotated(heads: np.ndarray, theta: float, first_position: int = 0, backwards: bool = False) -> np.ndarray:
  """Turns [tokens, heads, head_dim] by position: channels i and i + head_dim / 2 are one complex number."""
  tokens, _, head_dim = heads.shape
  half = head_dim // 2
  turns = np.outer(first_position + np.arange(tokens), theta**(-np.arange(half) / half))[:, None, :]
  cosine, sine = (part.astype(np.float32) for part in (np.cos(turns), np.sin(-turns if backwards else turns)))
  real, imaginary = heads[..., :half], heads[..., half:]
  return np.concatenate((real * cosine - imaginary * sine, real * sine + imaginary * cosine), axis=-1)


@dataclasses.dataclass
class KvCache:
  """Keys after their rotation and values, for each model layer [tokens, kv_heads, head_dim] in fp32."""
  keys: list[np.ndarray]
  values: list[np.ndarray]

  @property
  def tokens(self) -> int:
    return len(self.keys[0])

  def copy(self) -> "KvCache":
    """Returns a cache that can grow without this one noticing; the arrays so far are shared."""
    return KvCache(list(self.keys), list(self.values))


@dataclasses.dataclass(frozen=True)
class Observed:
  """What one model layer computed for a batch, all [tokens, heads, head_dim] in fp32 before any rounding."""
  layer: int
  queries: np.ndarray
  keys: np.ndarray
  values: np.ndarray
  queries_before_rotation: np.ndarray
  keys_before_rotation: np.ndarray


class ReferenceModel:
  """One model.

  Args:
    path: a .safetensors file of bf16 weights.
    config: the parsed config.json.
    keep_weights: keep the weights in fp32 once they have been used: faster, and twice the file in memory.
  """

  def __init__(self, path, config: dict, keep_weights: bool = False):
    self._file = SafetensorsFile(path)
    self._config = config
    self._kept: dict[str, np.ndarray] | None = {} if keep_weights else None
    self._is_gemma = config["model_type"] == "gemma3_text"
    self.head_dim = config.get("head_dim", config["hidden_size"] // config["num_attention_heads"])
    self.kv_heads = config["num_key_value_heads"]
    self.layers = config["num_hidden_layers"]

  def empty_cache(self) -> KvCache:
    none = np.zeros((0, self.kv_heads, self.head_dim), np.float32)
    return KvCache([none] * self.layers, [none] * self.layers)

  def run(self, ids: list[int], cache: KvCache, observe=None) -> np.ndarray:
    """Runs tokens behind those of a cache, which grows by them.

    Args:
      ids: the new tokens.
      cache: of all tokens before.
      observe: called with what each layer of each batch computed, an Observed.

    Returns:
      what `logits_of` takes, [len(ids), hidden_size].
    """
    batches = range(0, len(ids), _BATCH_TOKENS)
    return np.concatenate([self._run_batch(ids[begin:begin + _BATCH_TOKENS], cache, observe) for begin in batches])

  def logits_of(self, outputs: np.ndarray) -> np.ndarray:
    """Returns the logits [tokens, vocabulary] behind tokens, from what `run` returned for them."""
    tied = self._config.get("tie_word_embeddings", self._is_gemma)
    return outputs @ self._tensor("model.embed_tokens" if tied else "lm_head").T

  def logit_slices(self, outputs: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the logits behind tokens, some tokens at a time."""
    for begin in range(0, len(outputs), _SLICE_TOKENS):
      yield self.logits_of(outputs[begin:begin + _SLICE_TOKENS])

  def logits(self, ids: list[int], first: int = 0) -> np.ndarray:
    """Returns the logits behind each token from position `first` on, [len(ids) - first, vocabulary]."""
    return self.logits_of(self.run(ids, self.empty_cache())[first:])

  def rope(self, layer: int) -> tuple[float, int | None]:
    """Returns the base of a layer's rotation and how many tokens it sees, itself included (None: all)."""
    if self._is_gemma and (layer + 1) % self._config["sliding_window_pattern"]:
      return self._config["rope_local_base_freq"], self._config["sliding_window"]
    return self._config["rope_theta"], None

  def embed(self, ids: list[int]) -> np.ndarray:
    """Returns what the first layer takes, [len(ids), hidden_size]."""
    stream = self._tensor("model.embed_tokens")[ids]
    return stream * np.float32(np.sqrt(self._config["hidden_size"])) if self._is_gemma else stream

  def run_layer(self, layer: int, stream: np.ndarray, cache: KvCache, observe=None) -> np.ndarray:
    """Returns what the next layer takes; `stream` is one batch, whose keys and values go into the cache."""
    prefix = f"model.layers.{layer}."
    attended = self._norm(prefix + "input_layernorm", stream)
    branch = self._attend(prefix + "self_attn.", layer, attended, cache, observe)
    if not self._is_gemma:
      stream = stream + branch
      return stream + self._feed_forward(prefix + "mlp.", self._norm(prefix + "post_attention_layernorm", stream))
    stream = stream + self._norm(prefix + "post_attention_layernorm", branch)
    branch = self._feed_forward(prefix + "mlp.", self._norm(prefix + "pre_feedforward_layernorm", stream))
    return stream + self._norm(prefix + "post_feedforward_layernorm", branch)

  def finish(self, stream: np.ndarray) -> np.ndarray:
    """Returns what `logits_of` takes, from what the last layer returned."""
    return self._norm("model.norm", stream)

  def _run_batch(self, ids: list[int], cache: KvCache, observe) -> np.ndarray:
    stream = self.embed(ids)
    for layer in range(self.layers):
      stream = self.run_layer(layer, stream, cache, observe)
    return self.finish(stream)

  def _tensor(self, name: str) -> np.ndarray:
    if self._kept is not None and name in self._kept:
      return self._kept[name]
    info = self._file.tensors[name + ".weight"]
    tensor = from_bf16(np.frombuffer(self._file.data(info.name), "<u2")).reshape(info.shape)
    if self._kept is not None:
      self._kept[name] = tensor
    return tensor

  def _norm(self, name: str, values: np.ndarray) -> np.ndarray:
    gain = self._tensor(name) + np.float32(1 if self._is_gemma else 0)
    mean_square = np.mean(values * values, axis=-1, keepdims=True, dtype=np.float32)
    return values / np.sqrt(mean_square + np.float32(self._config["rms_norm_eps"])) * gain

  def _feed_forward(self, prefix: str, values: np.ndarray) -> np.ndarray:
    gate, up = values @ self._tensor(prefix + "gate_proj").T, values @ self._tensor(prefix + "up_proj").T
    if self._is_gemma:
      bent = gate + np.float32(0.044715) * gate * gate * gate
      gate = np.float32(0.5) * gate * (1 + np.tanh(np.float32(np.sqrt(2 / np.pi)) * bent))
    else:
      gate = gate / (1 + np.exp(-gate))
    return (gate * up) @ self._tensor(prefix + "down_proj").T

  def _heads(self, prefix: str, which: str, values: np.ndarray) -> np.ndarray:
    return (values @ self._tensor(f"{prefix}{which}_proj").T).reshape(len(values), -1, self.head_dim)

  def _attend(self, prefix: str, layer: int, values: np.ndarray, cache: KvCache, observe) -> np.ndarray:
    first = len(cache.keys[layer])
    theta, distance = self.rope(layer)
    scale = self.head_dim**-0.5
    queries, keys, held = (self._heads(prefix, which, values) for which in "qkv")
    if self._is_gemma:
      queries, keys = self._norm(prefix + "q_norm", queries), self._norm(prefix + "k_norm", keys)
      scale = self._config["query_pre_attn_scalar"]**-0.5
    turned, turned_keys = rotated(queries, theta, first), rotated(keys, theta, first)
    if observe:
      observe(Observed(layer, turned, turned_keys, held, queries, keys))
    cache.keys[layer] = np.concatenate((cache.keys[layer], rounded(turned_keys)))
    cache.values[layer] = np.concatenate((cache.values[layer], rounded(held)))
    oldest = 0 if distance is None else max(0, first + 1 - distance)
    outputs = _attention(turned * np.float32(scale), cache.keys[layer][oldest:], cache.values[layer][oldest:], distance)
    return outputs @ self._tensor(prefix + "o_proj").T


def _attention(queries: np.ndarray, keys: np.ndarray, values: np.ndarray, distance: int | None) -> np.ndarray:
  """Returns [tokens, heads * head_dim]: the last tokens of `keys` are those of `queries`, which see `distance` back."""
  tokens, heads, _ = queries.shape
  behind = (len(keys) - tokens + np.arange(tokens))[:, None] - np.arange(len(keys))[None, :]
  hidden = behind < 0 if distance is None else (behind < 0) | (behind >= distance)
  penalty = np.where(hidden, np.float32(-np.inf), np.float32(0))
  first_hidden = 0 if distance is not None else len(keys) - tokens  # before it every token sees every key
  heads_per_key = heads // keys.shape[1]
  outputs = []
  for head in range(heads):
    scores = queries[:, head] @ keys[:, head // heads_per_key].T
    scores[:, first_hidden:] += penalty[:, first_hidden:]
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    outputs.append(scores @ values[:, head // heads_per_key] / scores.sum(axis=-1, keepdims=True))
  return np.concatenate(outputs, axis=1)


def perplexity(model: ReferenceModel, ids: list[int]) -> float:
  """Returns exp of the mean negative log-likelihood of every token but the first."""
  outputs = model.run(ids, model.empty_cache())[:-1]
  losses, position = [], 1
  for logits in map(np.float64, model.logit_slices(outputs)):
    largest = logits.max(axis=-1)
    log_sums = largest + np.log(np.exp(logits - largest[:, None]).sum(axis=-1))
    following = ids[position:position + len(logits)]
    losses.append(log_sums - logits[np.arange(len(logits)), following])
    position += len(logits)
  return float(np.exp(np.mean(np.concatenate(losses))))


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
