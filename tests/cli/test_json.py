"""The documents of --json: exactly the fields that are promised."""
import json

import files
from harness import case

ROW = {"name": str, "dtype": str, "shape": list, "original_bytes": int, "coded_bytes": int, "codec": str,
       "bits_per_element": (int, float), "xxh3_128": str}
ERROR = {"tensor": (str, type(None)), "block": (int, type(None)), "status": str, "message": str}


def check_fields(test, document, fields, what):
    test.equal(sorted(document), sorted(fields), f"{what}: fields")
    for name, kind in fields.items():
        found = document[name]
        test.check(isinstance(found, kind) and (kind is bool or not isinstance(found, bool)),
                   f"{what}: {name}: found {found!r}, expected {kind}")


def one_document(test, result):
    """stdout is one JSON object and a line break."""
    text = result.out.decode()
    test.check(text.endswith("}\n"), "stdout: found no line break behind the document")
    return json.loads(text)


@case
def list_of_safetensors(test):
    container = test.compress("m.safetensors", files.model())
    document = one_document(test, test.plait("list", "--json", container))
    check_fields(test, document, {"schema": str, "file": str, "original_bytes": int, "coded_bytes": int,
                                  "overhead_bytes": int, "tensors": list}, "list")
    test.equal(document["schema"], "plait.list/1", "schema")
    test.equal(document["file"], container, "file")
    test.equal(document["original_bytes"], len(files.model()), "original_bytes")
    size = test.path(container).stat().st_size
    test.equal(document["coded_bytes"] + document["overhead_bytes"], size, "coded_bytes + overhead_bytes")
    rows = document["tensors"]
    for row in rows:
        check_fields(test, row, ROW, row["name"])
        test.match(row["xxh3_128"], "[0-9a-f]{32}", "xxh3_128")
        elements = files.elements_of(row["shape"])
        test.equal(row["bits_per_element"], 8 * row["coded_bytes"] / elements, f"{row['name']}: bits_per_element")
    test.equal([(row["name"], row["dtype"], row["shape"]) for row in rows], files.MODEL, "rows")
    test.equal([row["original_bytes"] for row in rows], [len(data) for *_, data in files.model_tensors()], "original_bytes")
    test.equal([row["codec"] for row in rows], ["tier", "tier", "plain", "plain"], "codecs")
    # What a tensor takes is less than it was where it is framed, and what it was where it is plain.
    test.check(all(row["coded_bytes"] < 0.75 * row["original_bytes"] for row in rows[:2]), "framed tensors: not smaller")
    test.equal([row["coded_bytes"] for row in rows[2:]], [128, 4], "coded_bytes of plain tensors")


@case
def list_of_opaque_files(test):
    """One row, of the whole file, whatever its size."""
    # XXH3-128 of these, as the xxHash library has them.
    for name, data, digest in (("empty", b"", "99aa06d3014798d86001c324468d497f"),
                               ("byte", b"x", None), ("lines", files.lines(), None), ("noise", files.noise(5000), None)):
        container = test.compress(name, data)
        document = one_document(test, test.plait("list", "--json", container))
        test.equal(len(document["tensors"]), 1, f"{name}: rows")
        (row,) = document["tensors"]
        check_fields(test, row, ROW, name)
        test.equal((row["name"], row["dtype"], row["shape"], row["original_bytes"]),
                   ("__plait__.file", "U8", [len(data)], len(data)), f"{name}: row")
        test.equal(document["original_bytes"], len(data), f"{name}: original_bytes")
        size = test.path(container).stat().st_size
        test.equal(document["coded_bytes"] + document["overhead_bytes"], size, f"{name}: coded_bytes + overhead_bytes")
        if digest is not None:
            test.equal(row["xxh3_128"], digest, f"{name}: xxh3_128")


@case
def hashes_are_of_the_original_bytes(test):
    """The same tensor has the same hash in another file, under another name and dtype, framed or not."""
    data = files.bf16(1 << 14)
    first = test.compress("1.safetensors", files.safetensors([("a", "BF16", [1 << 14], data), ("b", "U8", [4], b"four")]))
    second = test.compress("2.safetensors", files.safetensors([("c", "U8", [4], b"four"), ("d", "F32", [1 << 13], data)]))
    third = test.compress("3", data)
    (a, b), (c, d), (whole,) = ([row["xxh3_128"] for row in test.plait("list", "--json", name).json()["tensors"]]
                                for name in (first, second, third))
    test.equal((d, c, whole), (a, b, a), "hashes")
    test.check(a != b, "different tensors: found the same hash")


COMPRESS = {"schema": str, "output": str, "original_bytes": int, "coded_bytes": int, "seconds": float, "verified": bool}


@case
def compress(test):
    test.write("m.safetensors", files.model())
    result = test.plait("compress", "--json", "m.safetensors")
    document = one_document(test, result)
    check_fields(test, document, COMPRESS, "compress")
    test.equal(result.err, b"", "stderr")
    test.equal((document["schema"], document["output"], document["verified"]),
               ("plait.compress/1", "m.plait.safetensors", True), "schema, output, verified")
    test.equal(document["original_bytes"], len(files.model()), "original_bytes")
    test.equal(document["coded_bytes"], test.path("m.plait.safetensors").stat().st_size, "coded_bytes")
    document = one_document(test, test.plait("compress", "--json", "--no-verify", "m.safetensors", "-o", "y"))
    test.equal((document["output"], document["verified"]), ("y", False), "output, verified")


@case
def compress_of_several(test):
    test.write("a", files.small())
    test.write("b", files.lines())
    document = one_document(test, test.plait("compress", "--json", "a", "missing", "b", code=1))
    test.equal(document["schema"], "plait.compress/1", "schema")
    test.equal([entry["output"] for entry in document["files"]], ["a.plait", "b.plait"], "outputs")
    for entry in document["files"]:
        check_fields(test, entry, {name: kind for name, kind in COMPRESS.items() if name != "schema"}, "files")


@case
def decompress(test):
    container = test.compress("m.safetensors", files.model())
    result = test.plait("decompress", "--json", "-f", container)
    document = one_document(test, result)
    check_fields(test, document, {name: kind for name, kind in COMPRESS.items() if name != "verified"}, "decompress")
    test.equal(result.err, b"", "stderr")
    test.equal((document["schema"], document["output"]), ("plait.decompress/1", "m.safetensors"), "schema, output")
    test.equal(document["original_bytes"], len(files.model()), "original_bytes")
    test.equal(document["coded_bytes"], test.path(container).stat().st_size, "coded_bytes")


VERIFY = {"schema": str, "ok": bool, "mode": str, "errors": list}


@case
def verify(test):
    container = test.compress("m.safetensors", files.model())
    for arguments, mode in (([], "full"), (["--full"], "full"), (["--structure"], "structure"),
                            (["--against", "m.safetensors"], "against")):
        document = one_document(test, test.plait("verify", "--json", *arguments, container))
        check_fields(test, document, VERIFY, "verify")
        test.equal((document["schema"], document["ok"], document["mode"], document["errors"]),
                   ("plait.verify/1", True, mode, []), "document")


@case
def verify_of_damage(test):
    """A document also when something is wrong, be it one tensor or no Plait file at all."""
    container = test.compress("m.safetensors", files.model())
    whole = test.read(container)
    test.write("cut", whole[:5000])
    test.write("other", files.small())
    for name, code in (("cut", 3), ("other", 4), ("missing", 1)):
        document = one_document(test, test.plait("verify", "--json", name, code=code))
        check_fields(test, document, VERIFY, name)
        test.equal((document["ok"], len(document["errors"])), (False, 1), f"{name}: ok, errors")
        check_fields(test, document["errors"][0], ERROR, name)
        test.equal((document["errors"][0]["tensor"], document["errors"][0]["block"]), (None, None), f"{name}: place")


@case
def verify_of_several(test):
    """One entry for each file, good or damaged, in their order."""
    good = test.compress("a.safetensors", files.small())
    test.write("cut.plait", test.read(good)[:5000])
    document = one_document(test, test.plait("verify", "--json", good, "cut.plait", "missing", good, code=3))
    test.equal(document["schema"], "plait.verify/1", "schema")
    test.equal([entry["ok"] for entry in document["files"]], [True, False, False, True], "ok")


TIMING = {"runs": int, "median_seconds": float, "bytes_per_second": float}


def check_bench(test, document, name, measured_bytes):
    check_fields(test, document, {"schema": str, "file": str, "file_bytes": int, "measured_bytes": int, "threads": int,
                                  "cpu": str, "levels": list}, "bench")
    test.equal((document["schema"], document["file"], document["threads"]), ("plait.bench/1", name, 2), "document")
    test.equal(document["file_bytes"], test.path(name).stat().st_size, "file_bytes")
    test.equal(document["measured_bytes"], measured_bytes, "measured_bytes")
    test.equal([level["level"] for level in document["levels"]], [3, 5, 7], "levels")
    for level in document["levels"]:
        timings = ("encode", "encode_verified", "decode", "memcpy")
        check_fields(test, level, {"level": int, "coded_bytes": int} | dict.fromkeys(timings, dict), "level")
        for timing in timings:
            check_fields(test, level[timing], TIMING, timing)
            test.check(level[timing]["runs"] >= 5, f"{timing}: runs: found {level[timing]['runs']}, expected 5 or more")
            speed = measured_bytes / level[timing]["median_seconds"]
            test.check(abs(level[timing]["bytes_per_second"] - speed) <= 1e-6 * speed, f"{timing}: bytes_per_second")


@case
def bench(test):
    """What it says of size is what compress gives, for files of every kind."""
    for name, data in (("m.safetensors", files.model()), ("opaque", files.bf16(100_000)), ("lines", files.lines())):
        test.write(name, data)
        document = one_document(test, test.plait("bench", "--json", "-i", "0", "-T", "2", name))
        check_bench(test, document, name, len(data))
        coded_bytes = test.plait("compress", "--json", name).json()["coded_bytes"]
        test.equal(document["levels"][0]["coded_bytes"], coded_bytes, f"{name}: coded_bytes")
    test.equal(test.names(), sorted(["m.safetensors", "m.plait.safetensors", "opaque", "opaque.plait", "lines",
                                     "lines.plait"]), "files: bench writes none")


@case
def bench_of_a_part(test):
    """Pieces of a larger file are as compressible as the file; those of a checkpoint are tensors of their types."""
    test.write("large.safetensors", files.large())
    test.write("zeros and noise", files.noise(1 << 23) + bytes(1 << 23))
    for name, low, high in (("large.safetensors", 0.64, 0.70), ("zeros and noise", 0.45, 0.55)):
        for most in (1 << 20, 1 << 22):
            document = test.plait("bench", "--json", "-i", "0", "-T", "2", "--max-bytes", str(most), name).json()
            measured = document["measured_bytes"]
            test.check(0.99 * most <= measured <= most + 4096, f"{name}: measured_bytes: found {measured} of {most}")
            part = document["levels"][0]["coded_bytes"] / measured
            test.check(low <= part <= high, f"{name}: coded_bytes: found {part} of {most}, expected {low} to {high}")


@case
def list_of_some(test):
    """Rows are those asked for; the sums are the file's, whatever is asked for."""
    container = test.compress("m.safetensors", files.model())
    whole = test.plait("list", "--json", container).json()
    for arguments, names in ((["--sort", "ratio", "-n", "2"], ["norm.weight", "scale"]),
                             (["--reverse"], ["scale", "norm.weight", "mlp.weight", "embed.weight"]),
                             (["--dtype", "F32"], ["scale"]), (["--name", "*m*", "--top", "9"],
                                                               ["embed.weight", "mlp.weight", "norm.weight"])):
        document = one_document(test, test.plait("list", "--json", *arguments, container))
        test.equal([row["name"] for row in document["tensors"]], names, f"{arguments}: names")
        test.equal([document[field] for field in document if field != "tensors"],
                   [whole[field] for field in whole if field != "tensors"], f"{arguments}: sums")
        test.check(all(row in whole["tensors"] for row in document["tensors"]), f"{arguments}: other rows")


@case
def doctor(test):
    """The variants are those that run: the forced one, or the best of the machine."""
    best = test.plait("doctor", "--json").json()["cpu"]["best"]
    variants = ["scalar", "avx2", "avx512"]
    for variant in variants[:variants.index(best) + 1]:
        document = one_document(test, test.plait("doctor", "--json", env={"PLAIT_CPU": variant}))
        test.equal(document["cpu"], {"best": best, "used": variant}, f"{variant}: cpu")
        test.equal(document["operations"]["tier"], variant, f"{variant}: tier")
        lower = variants[:variants.index(variant) + 1]
        test.check(all(found in lower for found in document["operations"].values()), f"{variant}: a higher one runs")
    test.equal(test.plait("doctor", "--json").json()["cpu"]["used"], best, "used without force")


@case
def names_that_json_must_escape(test):
    test.write("quote\"\\\n\x01ü", files.odd_names(escaped=False))
    container = test.plait("compress", "quote\"\\\n\x01ü", "--json").json()["output"]
    test.equal(container, "quote\"\\\n\x01ü.plait", "output")
    document = one_document(test, test.plait("list", "--json", container))
    test.equal(document["file"], container, "file")
    test.equal([row["name"] for row in document["tensors"]], files.NAMES, "names")
