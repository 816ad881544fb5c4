"""Makes of a GGUF model what a runner of bf16 checkpoints takes: tensors and configuration as Hugging Face names them.

The weights are dequantized and rounded to bf16: good for running the model, not for measuring sizes, because what was
4 or 8 bits has few distinct values. Needs the gguf package and numpy.
"""

import functools
import json
import os
import pathlib
import re
from collections.abc import Iterable

import gguf
import numpy as np

import bf16
import safetensors_file
from safetensors_file import NewTensor

_LLAMA_TENSORS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_GEMMA3_TENSORS = _LLAMA_TENSORS | {
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}
_TENSORS = {"llama": _LLAMA_TENSORS, "gemma3": _GEMMA3_TENSORS}
_OUTER_TENSORS = {"token_embd": "embed_tokens", "output_norm": "norm"}

# What the reference implementation of Gemma 3 has by default and converters to GGUF leave out.
_GEMMA3_LOCAL_ROPE_THETA = 10000.0
_GEMMA3_LAYERS_PER_GLOBAL_ONE = 6


def _field(reader: gguf.GGUFReader, name: str):
  """Returns the value of a key; "ARCH" in it stands for the architecture."""
  architecture = reader.fields["general.architecture"].contents()
  return reader.fields[name.replace("ARCH", architecture)].contents()


def _hugging_face_name(architecture: str, name: str) -> str:
  stem = name.removesuffix(".weight")
  if stem in _OUTER_TENSORS:
    return f"model.{_OUTER_TENSORS[stem]}.weight"
  if not (match := re.fullmatch(r"blk\.(\d+)\.(\w+)", stem)) or match[2] not in _TENSORS[architecture]:
    raise ValueError(f"tensor {name!r}: not one of a {architecture} model")
  return f"model.layers.{match[1]}.{_TENSORS[architecture][match[2]]}.weight"


def _rows_in_halves(weights: np.ndarray, num_heads: int) -> np.ndarray:
  """Undoes what converters do to queries and keys of Llama: they put the two rows of a rotated pair side by side."""
  rows, columns = weights.shape
  return weights.reshape(num_heads, rows // num_heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _bf16_chunks(reader: gguf.GGUFReader, tensor) -> Iterable[memoryview]:
  weights = np.ascontiguousarray(gguf.quants.dequantize(tensor.data, tensor.tensor_type), np.float32)
  architecture = _field(reader, "general.architecture")
  if architecture == "llama" and re.search(r"attn_[qk]\.", tensor.name):
    heads = "ARCH.attention.head_count" + ("_kv" if "attn_k" in tensor.name else "")
    weights = np.ascontiguousarray(_rows_in_halves(weights, _field(reader, heads)))
  if architecture == "gemma3" and "norm" in tensor.name:
    weights = weights - np.float32(1)  # Converters add it; a Gemma checkpoint holds what is added to 1.
  return bf16.cast_chunks(memoryview(weights).cast("B"))


def _read(path: str | os.PathLike) -> gguf.GGUFReader:
  reader = gguf.GGUFReader(path)
  architecture = _field(reader, "general.architecture")
  if architecture not in _TENSORS:
    raise ValueError(f"architecture: found {architecture}, expected {' or '.join(_TENSORS)}")
  return reader


def write_bf16(gguf_path: pathlib.Path, out_path: pathlib.Path, metadata: dict[str, str]) -> None:
  """Writes the tensors of a GGUF file, rounded to bf16, as a .safetensors file."""
  reader = _read(gguf_path)
  architecture = _field(reader, "general.architecture")
  tensors = []
  for tensor in reader.tensors:
    shape = tuple(int(size) for size in reversed(tensor.shape))
    name = _hugging_face_name(architecture, tensor.name)
    tensors.append(NewTensor(name, "BF16", shape, functools.partial(_bf16_chunks, reader, tensor)))
  safetensors_file.write(out_path, tensors, metadata)


def write_config(gguf_path: pathlib.Path, out_path: pathlib.Path) -> None:
  """Writes the config.json of a GGUF file's model."""
  reader = _read(gguf_path)
  get = functools.partial(_field, reader)
  hidden, heads = get("ARCH.embedding_length"), get("ARCH.attention.head_count")
  config = {
      "hidden_size": hidden,
      "intermediate_size": get("ARCH.feed_forward_length"),
      "num_hidden_layers": get("ARCH.block_count"),
      "num_attention_heads": heads,
      "num_key_value_heads": get("ARCH.attention.head_count_kv"),
      "head_dim": hidden // heads,
      "max_position_embeddings": get("ARCH.context_length"),
      "rms_norm_eps": float(f"{get('ARCH.attention.layer_norm_rms_epsilon'):.6g}"),  # was float32
      "rope_theta": get("ARCH.rope.freq_base"),
      "vocab_size": len(reader.fields["tokenizer.ggml.tokens"].data),
      "bos_token_id": get("tokenizer.ggml.bos_token_id"),
      "eos_token_id": get("tokenizer.ggml.eos_token_id"),
      "tie_word_embeddings": all(tensor.name != "output.weight" for tensor in reader.tensors),
  }
  if get("general.architecture") == "llama":
    config |= {"model_type": "llama", "hidden_act": "silu"}
  else:
    config |= {
        "model_type": "gemma3_text",
        "hidden_activation": "gelu_pytorch_tanh",
        "head_dim": get("ARCH.attention.key_length"),
        "query_pre_attn_scalar": get("ARCH.attention.key_length"),
        "rope_local_base_freq": _GEMMA3_LOCAL_ROPE_THETA,
        "sliding_window": get("ARCH.attention.sliding_window"),
        "sliding_window_pattern": _GEMMA3_LAYERS_PER_GLOBAL_ONE,
    }
  out_path.write_text(json.dumps(dict(sorted(config.items())), indent=2) + "\n")
