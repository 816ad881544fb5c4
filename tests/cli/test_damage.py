"""A damaged file is never taken for a good one, and the message says where the damage is."""
import json
import random
import re

import files
from harness import case, stored_tensors

MESSAGE = "plait: {file}: {place}: [^:]+: found .+, expected .+"


def damaged_model(test, places):
    """A container with one byte flipped at each (tensor, part of its way through the stored bytes)."""
    container = test.compress("m.safetensors", files.model())
    test.path("m.safetensors").unlink()
    tensors = stored_tensors(test.read(container))
    for tensor, part in places:
        begin, end = tensors[tensor]
        test.flip(container, begin + int((end - begin) * part))
    return container


def fails_without_a_file(test, container):
    before = test.names()
    result = test.plait("decompress", container, code=3)
    test.equal(test.names(), before, "files")
    test.equal(result.out, b"", "stdout")
    return result


@case
def payload_names_tensor_and_block(test):
    # embed.weight has 4 blocks of about the same size, mlp.weight 2.
    for tensor, part, block in (("embed.weight", 0.6, 2), ("embed.weight", 0.1, 0), ("mlp.weight", 0.9, 1)):
        container = damaged_model(test, [(tensor, part)])
        pattern = MESSAGE.format(file=re.escape(container), place=f"tensor {tensor}: block {block}")
        for threads in ("-T1", "-T2"):
            result = test.plait("verify", threads, container, code=3)
            test.match(result.first_error, pattern, "first line of stderr")
            test.equal(result.err.count(b"\n"), 1, "lines of stderr")
            test.equal(result.out, b"", "stdout")
        test.match(fails_without_a_file(test, container).first_error, pattern, "first line of stderr")
        document = test.plait("verify", "--json", container, code=3).json()
        (error,) = document["errors"]
        test.equal((document["ok"], error["tensor"], error["block"], error["status"]),
                   (False, tensor, block, "DATA_LOSS"), "error")
        test.path(container).unlink()


@case
def every_damage_is_reported(test):
    places = [("embed.weight", 0.1), ("embed.weight", 0.6), ("mlp.weight", 0.9), ("norm.weight", 0.5)]
    container = damaged_model(test, places)
    result = test.plait("verify", container, code=3)
    lines = result.err.decode().splitlines()
    expected = ["tensor embed.weight: block 0", "tensor embed.weight: block 2", "tensor mlp.weight: block 1",
                "tensor norm.weight"]
    test.equal(len(lines), len(expected), "lines of stderr")
    for line, place in zip(lines, expected):
        test.match(line, MESSAGE.format(file=re.escape(container), place=place), "line of stderr")
    errors = test.plait("verify", "--json", container, code=3).json()["errors"]
    test.equal([(error["tensor"], error["block"]) for error in errors],
               [("embed.weight", 0), ("embed.weight", 2), ("mlp.weight", 1), ("norm.weight", None)], "errors")
    fails_without_a_file(test, container)


@case
def structure_reads_indexes_only(test):
    container = damaged_model(test, [("embed.weight", 0.6), ("norm.weight", 0.5)])
    test.plait("verify", "--structure", container)
    test.plait("list", container)
    # The last bytes of a frame are its index.
    test.flip(container, stored_tensors(test.read(container))["mlp.weight"][1] - 40)
    result = test.plait("verify", "--structure", container, code=3)
    test.match(result.first_error, MESSAGE.format(file=re.escape(container), place="tensor mlp.weight"), "stderr")
    test.equal(result.err.count(b"\n"), 1, "lines of stderr")


@case
def cat_reads_its_own_blocks_only(test):
    container = damaged_model(test, [("embed.weight", 0.6)])
    test.check(test.plait("cat", container, "mlp.weight").out == files.bf16(256 * 1024, 2), "mlp.weight: other bytes")
    weights = files.bf16(1024 * 512, 1)
    # Blocks hold 256 rows; the third is damaged.
    test.check(test.plait("cat", container, "embed.weight", "--rows", "0:512").out == weights[:512 * 1024], "rows 0:512")
    test.check(test.plait("cat", container, "embed.weight", "--rows", "768:1024").out == weights[768 * 1024:], "rows 768:1024")
    for rows in ([], ["--rows", "511:513"], ["--rows", "600:601"]):
        result = test.plait("cat", container, "embed.weight", *rows, code=3)
        place = "tensor embed.weight: block 2"
        test.match(result.first_error, MESSAGE.format(file=re.escape(container), place=place), "first line of stderr")
        test.check(weights.startswith(result.out) or rows, "cat: bytes that are not the tensor's")


@case
def opaque_contents(test):
    container = test.compress("text", files.lines() * 5)
    test.path("text").unlink()
    begin, end = stored_tensors(test.read(container))["__plait__.file"]
    test.flip(container, (begin + end) // 2)
    for result in (test.plait("verify", container, code=3), fails_without_a_file(test, container)):
        test.match(result.first_error, MESSAGE.format(file="text.plait", place=r"contents: block \d+"), "stderr")


@case
def plain_tensor(test):
    container = damaged_model(test, [("scale", 0.5)])
    result = fails_without_a_file(test, container)
    test.match(result.first_error, MESSAGE.format(file=re.escape(container), place="tensor scale"), "stderr")
    test.plait("cat", container, "scale", code=3)


@case
def any_flipped_byte_is_found(test):
    """Header, padding, payload, index, manifest: no byte of a container is without a guard."""
    container = test.compress("x.safetensors", files.small())
    whole = test.read(container)
    test.path("x.safetensors").unlink()
    source = random.Random(7)
    tensors = stored_tensors(whole)
    edges = {offset + step for begin, end in tensors.values() for offset in (begin, end) for step in range(-70, 70, 13)}
    offsets = {*range(0, 60), *range(len(whole) - 160, len(whole)), *source.sample(range(len(whole)), 80), *edges}
    before, wrong = test.names(), []
    for offset in sorted(offset for offset in offsets if 0 <= offset < len(whole)):
        flipped = bytearray(whole)
        flipped[offset] ^= 1 << source.randrange(8)
        test.write(container, flipped)
        result = test.plait("decompress", container, code=None)
        test.equal(test.names(), before, f"byte {offset} flipped: files")
        if result.code not in (3, 4) or not result.err.startswith(b"plait: x.plait.safetensors: "):
            wrong.append((offset, result.code, result.err))
    test.equal(wrong, [], "exit code other than 3 or 4, or no message, for a flip at")


@case
def cut_at_any_length(test):
    """3 as soon as there is enough to know a Plait file by, 4 before."""
    for name, data in (("x.safetensors", files.small()), ("text", files.lines()[:20_000]), ("empty", b"")):
        container = test.compress(name, data)
        test.path(name).unlink()
        whole = test.read(container)
        lengths = {*range(0, 40), *range(len(whole) - 40, len(whole)), *random.Random(8).sample(range(len(whole)), 40)}
        for length in sorted(lengths):
            test.write(container, whole[:length])
            result = test.plait("decompress", container, code=None)
            expected = 4 if length < 21 else 3
            test.equal(result.code, expected, f"{container} cut to {length} bytes: exit code")
            test.check(name not in test.names(), f"{container} cut to {length} bytes: a file stands there")
        test.path(container).unlink()


@case
def more_bytes_behind(test):
    container = test.compress("x.safetensors", files.small())
    test.path("x.safetensors").unlink()
    test.write(container, test.read(container) + b"junk")
    fails_without_a_file(test, container)
    test.plait("verify", container, code=3)


@case
def two_halves_of_two_files(test):
    """Frames of another file in the right place: the manifest knows better."""
    sizes = [("weight", "BF16", [1 << 15], files.bf16(1 << 15, seed)) for seed in (1, 2)]
    first, second = (test.read(test.compress(f"{i}.safetensors", files.safetensors([tensor])))
                     for i, tensor in enumerate(sizes))
    begin, end = stored_tensors(first)["weight"]
    if stored_tensors(second)["weight"] != (begin, end):
        test.skip("the two frames have different sizes")
    test.write("mixed.plait.safetensors", first[:begin] + second[begin:end] + first[end:])
    result = fails_without_a_file(test, "mixed.plait.safetensors")
    test.match(result.first_error, MESSAGE.format(file="mixed.plait.safetensors", place="tensor weight"), "stderr")


@case
def many_errors_stay_readable(test):
    """A file with more damage than anybody wants to read: the last line says how much more there is."""
    tensors = [(f"t{i}", "BF16", [2048], files.bf16(2048, i)) for i in range(1200)]
    container = test.compress("x.safetensors", files.safetensors(tensors))
    coded = bytearray(test.read(container))
    for name, (begin, end) in stored_tensors(bytes(coded)).items():
        if name != "__plait__":
            coded[(begin + end) // 2] ^= 1
    test.write(container, coded)
    result = test.plait("verify", container, code=3)
    lines = result.err.decode().splitlines()
    test.check(len(lines) == len(tensors) or re.search(r"\b\d+ .*more", lines[-1]),
               f"{len(tensors)} errors: found {len(lines)} lines, the last {lines[-1]}")
    test.equal(json.loads(test.plait("verify", "--json", container, code=3).out)["ok"], False, "ok")
