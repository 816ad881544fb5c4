"""Other people's readers: a container is a .safetensors file, and no loader of models takes it for weights."""
import os
import subprocess

import files
from harness import case

# Prints nothing if all is well. What transformers asks of the metadata is in its load_state_dict().
READER = r"""
import sys, numpy, safetensors
path, original = sys.argv[1:]
framed = {"embed.weight", "mlp.weight"}
with safetensors.safe_open(path, framework="np") as file, safetensors.safe_open(original, framework="np") as wanted:
    metadata = file.metadata()
    assert metadata == {"format": "plait"}, metadata
    assert metadata.get("format") not in ("pt", "tf", "flax", "mlx")
    assert set(file.keys()) == set(wanted.keys()) | {"__plait__"}, file.keys()
    for name in wanted.keys():
        found, expected = file.get_slice(name), wanted.get_slice(name)
        if name in framed:
            assert (found.get_dtype(), len(found.get_shape())) == ("U8", 1), name
            assert file.get_tensor(name).tobytes()[:6] == b"PLTFRM", name
            continue
        assert (found.get_dtype(), found.get_shape()) == (expected.get_dtype(), expected.get_shape()), name
        if found.get_dtype() != "BF16":
            assert numpy.array_equal(file.get_tensor(name), wanted.get_tensor(name)), name
"""


def python_with_safetensors(test):
    python = os.environ.get("PLAIT_PYTHON")
    if not python:
        test.skip("PLAIT_PYTHON is not set")
    return python


def run_reader(test, script, *arguments):
    python = python_with_safetensors(test)
    done = subprocess.run([python, "-c", script, *arguments], cwd=test.dir, capture_output=True, text=True, timeout=60)
    test.check(done.returncode == 0, done.stderr)


def checkpoint():
    plain = [("ids", "I64", [7], files.noise(56)), ("mask", "BOOL", [3], b"\0\1\0"), ("table", "F32", [2, 3], bytes(24)),
             ("half", "F16", [5], bytes(range(10))), ("noise", "U8", [50_000], files.noise(50_000))]
    return files.safetensors(files.model_tensors() + plain, {"format": "pt"})


@case
def safe_open(test):
    container = test.compress("m.safetensors", checkpoint())
    run_reader(test, READER, container, "m.safetensors")


@case
def opaque_containers_open_too(test):
    script = """
import sys, safetensors
for path in sys.argv[1:]:
    with safetensors.safe_open(path, framework="np") as file:
        assert file.metadata() == {"format": "plait"}, path
        assert "__plait__" in file.keys(), path
"""
    names = [test.compress("lines", files.lines()), test.compress("empty", b""), test.compress("junk", files.noise(5000)),
             test.compress("zero.safetensors", files.zero_sizes_and_scalars()),
             test.compress("names.safetensors", files.odd_names(escaped=True))]
    run_reader(test, script, *names)


@case
def originals_of_the_library(test):
    """What the library itself writes comes back."""
    script = """
import numpy, safetensors.numpy
source = numpy.random.default_rng(1)
safetensors.numpy.save_file({"a": source.standard_normal((300, 200)).astype("float16"), "b": numpy.zeros((0, 4), "int32"),
                             "c": numpy.array(3.5), "d": numpy.arange(1000)}, "n.safetensors", {"format": "np"})
"""
    run_reader(test, script)
    original = test.read("n.safetensors")
    container = test.plait("compress", "--strict", "--rm", "n.safetensors").last_line
    test.plait("decompress", container)
    test.check(test.read("n.safetensors") == original, "other bytes than the original")
