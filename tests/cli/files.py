"""The originals that the cases compress, made on the spot: the same bytes on every machine, none of them kept."""
import array
import functools
import json
import random
import struct

# Every dtype of the safetensors format, with its bits.
DTYPES = {"BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64, "F16": 16,
          "BF16": 16, "F32": 32, "F64": 64, "C64": 64, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
          "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4}


@functools.cache
def _bf16_table(seed):
    """64 Ki Gaussian weights (deviation 0.02) as bf16 patterns; larger tensors draw from them."""
    source = random.Random(seed)
    floats = array.array("f", (source.gauss(0, 0.02) for _ in range(1 << 16)))
    return [bits >> 16 for bits in array.array("I", floats.tobytes())]


@functools.cache
def bf16(elements, seed=1):
    weights = array.array("H", random.Random(seed).choices(_bf16_table(0), k=elements))
    if struct.pack("=H", 1) != struct.pack("<H", 1):
        weights.byteswap()
    return weights.tobytes()


@functools.cache
def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def elements_of(shape):
    count = 1
    for dimension in shape:
        count *= dimension
    return count


def header_of(text):
    """Length and JSON, padded as the safetensors library pads it."""
    coded = text.encode() if isinstance(text, str) else text
    coded += b" " * (-len(coded) % 8)
    return struct.pack("<Q", len(coded)) + coded


def safetensors(tensors, metadata=None):
    """`tensors`: (name, dtype, shape, bytes) in the order of their data."""
    entries = {}
    if metadata is not None:
        entries["__metadata__"] = metadata
    end = 0
    for name, dtype, shape, data in tensors:
        assert len(data) * 8 == elements_of(shape) * DTYPES[dtype], name
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + len(data)]}
        end += len(data)
    return header_of(json.dumps(entries, ensure_ascii=False)) + b"".join(data for *_, data in tensors)


def tensor_bytes(dtype, shape, seed=1):
    return noise(elements_of(shape) * DTYPES[dtype] // 8, seed)


# (name, dtype, shape) of model(): two framed tensors of 4 and 2 blocks, two that stay plain.
MODEL = [("embed.weight", "BF16", [1024, 512]), ("mlp.weight", "BF16", [256, 1024]), ("norm.weight", "BF16", [64]),
         ("scale", "F32", [])]


@functools.cache
def model_tensors():
    return [(name, dtype, shape, bf16(elements_of(shape), seed) if dtype == "BF16" else tensor_bytes(dtype, shape))
            for seed, (name, dtype, shape) in enumerate(MODEL, 1)]


@functools.cache
def model():
    """A checkpoint of 1.5 MB."""
    return safetensors(model_tensors(), {"format": "pt"})


@functools.cache
def small():
    """A checkpoint of 64 KB."""
    return safetensors([("weight", "BF16", [64, 512], bf16(1 << 15)), ("bias", "F32", [16], noise(64))])


@functools.cache
def large():
    """A checkpoint of 8 MB in many tensors: long enough to be interrupted."""
    return safetensors([(f"layers.{i}.weight", "BF16", [512, 1024], bf16(1 << 19, i)) for i in range(8)])


@functools.cache
def blocks_tensors():
    tensors = [(f"layers.{i}.{name}.weight", "BF16", shape, bf16(elements_of(shape), i))
               for i in range(2) for name, shape in (("q_proj", [96, 64]), ("o_proj", [64, 96]), ("norm", [64]))]
    return tensors + [("embed_tokens.weight", "BF16", [300, 64], bf16(300 * 64, 7)),
                      ("lm_head.weight", "BF16", [300, 64], bf16(300 * 64, 8)), ("step", "I64", [], noise(8))]


def blocks():
    """A model as LLMs are: numbered blocks of matrices, embedding and head."""
    return safetensors(blocks_tensors())


def infinite():
    """The same with an infinity in one matrix."""
    tensors = [list(tensor) for tensor in blocks_tensors()]
    tensors[3][3] = b"\x80\x7f" + tensors[3][3][2:]
    return safetensors(tensors)


def all_dtypes():
    return safetensors([(f"{dtype}.{rows}", dtype, [rows, 8], tensor_bytes(dtype, [rows, 8]))
                        for dtype in DTYPES for rows in (1, 3, 1000)])


def compressible_dtypes():
    """Every dtype with contents that shrink, so that each of them is framed."""
    return safetensors([(dtype, dtype, [2048, 8], bytes(range(16)) * (2048 * DTYPES[dtype] // 16)) for dtype in DTYPES])


def zero_sizes_and_scalars():
    return safetensors([("empty first", "F32", [0, 5], b""), ("weight", "BF16", [8, 64], bf16(512)),
                        ("empty between", "BF16", [7, 0, 3], b""), ("scalar", "F64", [], noise(8)),
                        ("one", "I8", [1, 1, 1], b"x"), ("empty last", "BOOL", [0], b"")])


NAMES = ["Gewicht ü", "重み", "\U0001f600", 'quote " in it', "back\\slash", "tab\tname", "a/b", "..", ".", "-rf", "",
         "nul\0inside", "new\nline", "\x7f"]


def odd_names(escaped):
    """Tensor names as UTF-8, or as JSON escapes."""
    data = bf16(1024)
    entries = {name: {"dtype": "BF16", "shape": [1024], "data_offsets": [i * 2048, i * 2048 + 2048]}
               for i, name in enumerate(NAMES)}
    return header_of(json.dumps(entries, ensure_ascii=escaped)) + data * len(NAMES)


def _one_tensor(name_json, data, begin=0):
    entry = json.dumps({"dtype": "BF16", "shape": [len(data) // 2], "data_offsets": [begin, begin + len(data)]})
    return f"{name_json}: {entry}"


def trailing_junk():
    return small() + b"junk"


def holes():
    return header_of("{" + _one_tensor('"weight"', bf16(1 << 14), 16) + "}") + bytes(16) + bf16(1 << 14)


def overlap():
    data = bf16(1 << 14)
    return header_of("{" + _one_tensor('"a"', data) + "," + _one_tensor('"b"', data) + "}") + data


def duplicate_key():
    data = bf16(1 << 14)
    return header_of("{" + _one_tensor('"a"', data) + "," + _one_tensor('"a"', data, len(data)) + "}") + data + data


def reserved_name():
    return safetensors([("a", "U8", [4], b"four"), ("__plait__", "BF16", [1 << 14], bf16(1 << 14))])


def starts_like_a_container():
    return safetensors([("__plait__", "BF16", [1 << 14], bf16(1 << 14))])


def ends_like_a_container():
    return noise(5000) + b"PLTPLAIT"


def reserved_name_escaped():
    return header_of("{" + _one_tensor('"\\u005f_plait__.file"', bf16(1 << 14)) + "}") + bf16(1 << 14)


def lone_surrogate():
    return header_of("{" + _one_tensor('"\\ud800"', bf16(1 << 14)) + "}") + bf16(1 << 14)


def name_of_invalid_utf8():
    return header_of(b'{"\xff": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}') + b"data"


def unknown_dtype():
    return header_of('{"a": {"dtype": "F3", "shape": [4], "data_offsets": [0, 4]}}') + b"data"


def cut():
    return model()[:-1000]


def header_only():
    return header_of('{"__metadata__": {"format": "pt", "license": "none \\u00fc"}}')


def no_tensors():
    return header_of("{}")


def huge_length():
    return struct.pack("<Q", 1 << 63) + bytes(1000)


def lines():
    return b"".join(b"line %d of a text that zstd likes\n" % i for i in range(20000))


# What the script cases can ask for by name: "+ FILE KIND".
KINDS = {
    "model": model,
    "small": small,
    "blocks": blocks,
    "infinite": infinite,
    "text": lambda: b"some text, once\n" * 100,
    "empty": lambda: b"",
    "noise": lambda: noise(100_000),
    "zero-sizes": zero_sizes_and_scalars,
    "trailing-junk": trailing_junk,
}
