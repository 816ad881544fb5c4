"""KV caches as files, made on the spot with their numbers alone: the same bytes on every machine."""
import functools
import random
import struct

import files

LAYERS, TOKENS, HEADS, HEAD_DIM = 2, 40, 2, 8
CHANNELS = HEADS * HEAD_DIM
# Bits of exponent and mantissa, and where exponents lie.
ELEMENTS = {"bf16": ("BF16", 8, 7, 126), "f16": ("F16", 5, 10, 14), "e4m3": ("F8_E4M3", 4, 3, 6),
            "e5m2": ("F8_E5M2", 5, 2, 14)}


def packed(dtype, elements):
    return struct.pack(f"<{len(elements)}{'H' if dtype in ('bf16', 'f16') else 'B'}", *elements)


@functools.cache
def plane(dtype, layer, name, tokens=TOKENS):
    """Elements [tokens][channels]: channels of their own sizes, most signs and exponents those of the token before; NaN,
    infinity, -0 and denormals too."""
    _, exponent_bits, mantissa_bits, middle = ELEMENTS[dtype]
    source = random.Random(f"{dtype} {layer} {name}")
    sizes = [middle + source.randrange(-2, 3) for _ in range(CHANNELS)]
    heads = [None] * CHANNELS
    elements = []
    for _ in range(tokens):
        for channel, size in enumerate(sizes):
            if heads[channel] is None or source.random() < 0.3:
                heads[channel] = source.randrange(2) << exponent_bits | max(1, size - min(4, int(source.expovariate(1))))
            elements.append(heads[channel] << mantissa_bits | source.randrange(1 << mantissa_bits))
    sign, magnitudes = 1 << (exponent_bits + mantissa_bits), (1 << (exponent_bits + mantissa_bits)) - 1
    for index, odd in enumerate((magnitudes, ((1 << exponent_bits) - 1) << mantissa_bits, sign, 1, sign | magnitudes)):
        elements[(7 + 61 * index) % len(elements)] = odd
    return elements


def planes(dtype, tokens=TOKENS):
    """(name, elements) by model layer, k before v."""
    return [(f"layers.{layer}.{name}", plane(dtype, layer, name, tokens)) for layer in range(LAYERS) for name in "kv"]


def safetensors(dtype="bf16", tokens=TOKENS, prefix=""):
    return files.safetensors([(prefix + name, ELEMENTS[dtype][0], [tokens, HEADS, HEAD_DIM], packed(dtype, elements))
                              for name, elements in planes(dtype, tokens)])


def elements_alone(dtype="bf16", tokens=TOKENS):
    """[2, layers, tokens, heads, head_dim]."""
    return b"".join(packed(dtype, plane(dtype, layer, name, tokens)) for name in "kv" for layer in range(LAYERS))


def npy(dtype="bf16", tokens=TOKENS, shape=None, descr=None):
    shape = shape or (2, LAYERS, tokens, HEADS, HEAD_DIM)
    descr = descr or {"bf16": "<u2", "f16": "<f2"}.get(dtype, "|u1")
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(10 + len(text) + 1) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode() + elements_alone(dtype, tokens)


def stats():
    """A file for --stats."""
    keys = struct.pack(f"<{LAYERS * CHANNELS}f", *([-3.0, -2.0] * (LAYERS * CHANNELS // 2)))
    values = struct.pack(f"<{LAYERS}f", *([-2.0] * LAYERS))
    return files.safetensors([("k_log2_step", "F32", [LAYERS, CHANNELS], keys), ("v_log2_step", "F32", [LAYERS], values)])
