"""Small models with random weights, made on the spot with the standard library alone."""
import array
import json
import pathlib
import random
import struct

# 16 divides every width, and 2^17 is no multiple of any: rows of the embedding straddle its blocks.
VOCABULARY = 3001
LLAMA = {"model_type": "llama", "hidden_act": "silu", "hidden_size": 80, "intermediate_size": 208, "head_dim": 32,
         "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5,
         "rope_theta": 10000.0, "vocab_size": VOCABULARY, "max_position_embeddings": 512, "tie_word_embeddings": False}
GEMMA3 = LLAMA | {"model_type": "gemma3_text", "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": True,
                  "num_key_value_heads": 1, "query_pre_attn_scalar": 48, "rope_theta": 1e6, "sliding_window": 12,
                  "rope_local_base_freq": 10000.0, "sliding_window_pattern": 2}


def shapes(config):
    """name -> shape, of every tensor of the model."""
    hidden, inner, dim = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    queries, keys = config["num_attention_heads"] * dim, config["num_key_value_heads"] * dim
    layer = {"self_attn.q_proj": [queries, hidden], "self_attn.k_proj": [keys, hidden],
             "self_attn.v_proj": [keys, hidden], "self_attn.o_proj": [hidden, queries],
             "mlp.gate_proj": [inner, hidden], "mlp.up_proj": [inner, hidden], "mlp.down_proj": [hidden, inner],
             "input_layernorm": [hidden], "post_attention_layernorm": [hidden]}
    if config["model_type"] == "gemma3_text":
        layer |= {"pre_feedforward_layernorm": [hidden], "post_feedforward_layernorm": [hidden],
                  "self_attn.q_norm": [dim], "self_attn.k_norm": [dim]}
    found = {"model.embed_tokens": [config["vocab_size"], hidden], "model.norm": [hidden]}
    if not config["tie_word_embeddings"]:
        found["lm_head"] = [config["vocab_size"], hidden]
    for index in range(config["num_hidden_layers"]):
        found |= {f"model.layers.{index}.{name}": shape for name, shape in layer.items()}
    return {f"{name}.weight": shape for name, shape in found.items()}


def bf16(source, count, deviation, mean=0.0):
    """Gaussian weights as bf16 bytes; of more than 2^16, a shuffle of so many repeats."""
    drawn = array.array("f", (source.gauss(mean, deviation) for _ in range(min(count, 1 << 16))))
    patterns = [bits >> 16 for bits in array.array("I", drawn.tobytes())]
    if count > len(patterns):
        patterns = source.choices(patterns, k=1 << 18) * -(-count // (1 << 18))
    return array.array("H", patterns[:count]).tobytes()


def weights(config, seed=1):
    """name -> (dtype, shape, bytes). Deviations keep activations near 1, so that every part of the model tells."""
    source = random.Random(seed)
    made = {}
    for name, shape in shapes(config).items():
        if len(shape) == 1:
            mean = 0.0 if config["model_type"] == "gemma3_text" else 1.0
            made[name] = ("BF16", shape, bf16(source, shape[0], 0.2, mean))
        else:
            embedding = 1.0 if config["model_type"] == "llama" else 0.02  # Gemma scales it by sqrt(hidden_size).
            deviation = embedding if "embed" in name else 1.5 / shape[1]**0.5
            made[name] = ("BF16", shape, bf16(source, shape[0] * shape[1], deviation))
    return made


def write(path, tensors):
    entries, end = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + len(data)]}
        end += len(data)
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    data = b"".join(data for _, _, data in tensors.values())
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(header)) + header + data)


def read(path):
    """name -> (shape, bytes)."""
    file = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack_from("<Q", file)
    data = file[8 + length:]
    return {name: (entry["shape"], data[slice(*entry["data_offsets"])])
            for name, entry in json.loads(file[8:8 + length]).items()}
