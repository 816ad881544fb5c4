"""plait kv: caches to objects and back, at every quality, and what happens to damaged objects."""
import random

import files
import kv_dumps
from harness import case, stored_tensors

FORMS = ("layers", "rans", "tier", "range")
DTYPES = ("bf16", "f16", "e4m3", "e5m2")


def encode(test, data, *arguments, name="c.safetensors"):
    """Writes a cache, encodes it, returns the name of the object."""
    test.write(name, data)
    return test.plait("kv", "encode", "-f", *arguments, name).last_line


def profile(test, *arguments):
    test.write("sample.safetensors", kv_dumps.safetensors())
    test.plait("kv", "profile", "-f", *arguments, "sample.safetensors", "-o", "m.kvprofile")
    return "m.kvprofile"


def tensors(test, name):
    """name -> bytes of each tensor of a .safetensors file."""
    data = test.read(name)
    return {tensor: data[begin:end] for tensor, (begin, end) in stored_tensors(data).items()}


def info(test, name, *arguments):
    return test.plait("kv", "info", "--json", name, *arguments).json()


@case
def every_form_and_dtype_comes_back(test):
    for dtype in DTYPES:
        expected = {name: kv_dumps.packed(dtype, elements) for name, elements in kv_dumps.planes(dtype)}
        for form in FORMS:
            made = encode(test, kv_dumps.safetensors(dtype), "--form", form)
            test.equal(made, "c.pkv", "name of the object")
            test.plait("kv", "decode", "-f", made, "-o", "back.safetensors")
            test.equal(tensors(test, "back.safetensors"), expected, f"{dtype}, {form}: tensors")
            test.plait("kv", "decode", "-f", made, "-o", "back.npy")
            test.equal(test.read("back.npy"), kv_dumps.npy(dtype), f"{dtype}, {form}: .npy")
            test.plait("kv", "decode", "-f", made, "-o", "back.bin")
            test.equal(test.read("back.bin"), kv_dumps.elements_alone(dtype), f"{dtype}, {form}: elements alone")


@case
def every_kind_of_input_gives_the_same_object(test):
    for dtype in DTYPES:
        encode(test, kv_dumps.safetensors(dtype), "-o", "expected")
        expected = test.read("expected")
        inputs = {"c.npy": (kv_dumps.npy(dtype), ["--dtype", dtype]),
                  "flat.npy": (kv_dumps.npy(dtype, shape=(2, kv_dumps.LAYERS, kv_dumps.TOKENS, kv_dumps.CHANNELS)),
                               ["--dtype", dtype, "--heads", "2"]),
                  "c.bin": (kv_dumps.elements_alone(dtype),
                            ["--dtype", dtype, "--layers", "2", "--heads", "2", "--head-dim", "8"]),
                  "prefix": (kv_dumps.safetensors(dtype, prefix="model."), [])}
        for name, (data, arguments) in inputs.items():
            encode(test, data, *arguments, "-o", "found", name=name)
            test.equal(test.read("found"), expected, f"{dtype}, {name}")


@case
def several_chunks_are_a_directory(test):
    for form in FORMS:
        made = encode(test, kv_dumps.safetensors(), "--chunk-tokens", "16", "--form", form, "-o", f"{form}.pkv")
        test.equal(test.names(made), ["chunk-000000.pkv", "chunk-000001.pkv", "chunk-000002.pkv"], "objects")
        test.plait("kv", "decode", made, "-o", f"{form}.npy")
        test.equal(test.read(f"{form}.npy"), kv_dumps.npy(), form)
        last = info(test, f"{made}/chunk-000002.pkv")
        test.equal((last["first_token"], last["tokens"]), (32, 8), "tokens of the last object")
    # Some of them, by name and in any order; a hole is no cache.
    parts = [f"rans.pkv/chunk-00000{number}.pkv" for number in (2, 1)]
    test.plait("kv", "decode", *parts, "-o", "part.npy")
    test.equal(len(test.read("part.npy")) - 128, len(kv_dumps.elements_alone()) * 24 // 40, "bytes of 24 tokens")
    error = test.plait("kv", "decode", parts[0], "rans.pkv/chunk-000000.pkv", "-o", "x", code=2).first_error
    test.equal(error, "plait: rans.pkv/chunk-000002.pkv: first token: found 32, expected 16", "a hole")
    # What is left from a longer cache would be taken for a part of this one.
    test.write("c.safetensors", kv_dumps.safetensors(tokens=20))
    error = test.plait("kv", "encode", "-f", "--chunk-tokens", "16", "c.safetensors", "-o", "rans.pkv", code=1).first_error
    test.equal(error, "plait: c.safetensors: rans.pkv: the target holds chunk-000002.pkv, which is no part of this",
               "a directory of more objects")


@case
def exact_tokens_are_where_they_were_asked_for(test):
    made = encode(test, kv_dumps.safetensors(), "--chunk-tokens", "16", "--sinks", "18", "--recent", "10", "-o", "d")
    found = [(part["exact_first"], part["exact_last"])
             for part in (info(test, f"{made}/chunk-00000{number}.pkv") for number in range(3))]
    test.equal(found, [(16, 0), (2, 2), (0, 8)], "exact tokens")
    test.plait("kv", "decode", made, "--quality", "0", "-o", "base.bin")
    base, exact = test.read("base.bin"), kv_dumps.elements_alone()
    row = 2 * kv_dumps.CHANNELS
    same = [base[at:at + row] == exact[at:at + row] for at in range(0, len(exact), row)]
    for begin in range(0, len(same), kv_dumps.TOKENS):
        rows = same[begin:begin + kv_dumps.TOKENS]
        test.check(all(rows[:18]) and all(rows[30:]) and not any(rows[18:30]), f"rows that are exact: {rows}")


@case
def prefixes_decode_at_their_quality(test):
    made = encode(test, kv_dumps.safetensors())
    whole = test.read(made)
    document = info(test, made)
    layers = document["layers"]
    test.equal(len(layers), 6, "qualities")
    errors = [layer["error"] for layer in layers]
    test.check(all(a > b for a, b in zip(errors, errors[1:])) and errors[-1] == 0, f"errors: {errors}")
    for quality, layer in enumerate(layers):
        test.write("cut.pkv", whole[:layer["end"]])
        test.plait("kv", "decode", "-f", made, "--quality", str(quality), "-o", "whole.bin")
        test.plait("kv", "decode", "-f", "cut.pkv", "--quality", str(quality), "-o", "cut.bin")
        test.equal(test.read("cut.bin"), test.read("whole.bin"), f"quality {quality} of the prefix")
        best = test.plait("kv", "decode", "-f", "cut.pkv", "--min-quality", "0", "-o", "cut.bin", "--json").json()
        test.equal((best["delivered_quality"], best["exact"]), (quality, quality == 5), "what was delivered")
        test.equal(test.read("cut.bin"), test.read("whole.bin"), f"best quality of prefix {quality}")
        test.write("cut.pkv", whole[:layer["end"] - 1])
        test.plait("kv", "decode", "-f", "cut.pkv", "--quality", str(quality), "-o", "x.bin", code=3)
        test.plait("kv", "decode", "-f", "cut.pkv", "--min-quality", str(quality), "-o", "x.bin", code=3)
        if quality < 5:
            test.plait("kv", "decode", "-f", "cut.pkv", "-o", "x.bin", code=3)
    test.check("x.bin" not in test.names(), "a file stands under the final name")
    test.equal(test.read("whole.bin"), kv_dumps.elements_alone(), "the best quality")


@case
def coding_a_quality_again_changes_nothing(test):
    """Encode-decode-encode with the same steps is idempotent."""
    model = profile(test)
    made = encode(test, kv_dumps.safetensors(), "--profile", model, "--sinks", "0")
    for quality in range(6):
        test.plait("kv", "decode", "-f", made, "--profile", model, "--quality", str(quality), "-o", "once.safetensors")
        again = test.plait("kv", "encode", "-f", "--profile", model, "--sinks", "0", "once.safetensors").last_line
        test.plait("kv", "decode", "-f", again, "--profile", model, "--quality", str(quality), "-o", "twice.safetensors")
        test.equal(test.read("twice.safetensors"), test.read("once.safetensors"), f"quality {quality}")


@case
def profiles_are_named(test):
    model = profile(test, "--model", "tiny")
    made = encode(test, kv_dumps.safetensors(), "--profile", model)
    name = info(test, made)["profile"]["name"]
    test.match(name, "[0-9a-f]{32}", "name of the profile")
    error = test.plait("kv", "decode", made, "-o", "x", code=2).first_error
    test.equal(error, f"plait: c.pkv: profile: found none, expected {name}", "without the profile")
    test.write("other.safetensors", kv_dumps.stats())
    other = test.plait("kv", "profile", "sample.safetensors", "--stats", "other.safetensors", "-o", "o.kvprofile",
                       "--json").json()
    error = test.plait("kv", "decode", made, "-o", "x", "--profile", "o.kvprofile", code=2).first_error
    test.equal(error, f"plait: c.pkv: profile: found {other['name']}, expected {name}", "with another profile")
    test.plait("kv", "decode", made, "-o", "x.npy", "--profile", "o.kvprofile", "--profile", model)
    test.equal(test.read("x.npy"), kv_dumps.npy(), "with both")
    test.equal(info(test, made)["geometry"], None, "geometry without the profile")
    geometry = info(test, made, "--profile", model)["geometry"]
    test.equal((geometry["dtype"], geometry["rope"], geometry["model"]), ("bf16", "post", "tiny"), "geometry")
    test.equal(geometry["planes"][1], {"name": "v", "model_layer": 0, "heads": 2, "head_dim": 8}, "a plane")
    inside = encode(test, kv_dumps.safetensors(), "--profile", model, "--inline-profile")
    test.plait("kv", "decode", "-f", inside, "-o", "x.npy")
    test.equal(info(test, inside)["profile"], {"name": name, "inline": True}, "profile inside")


@case
def profile_of_other_planes_is_refused(test):
    model = profile(test)
    test.write("f16.safetensors", kv_dumps.safetensors("f16"))
    error = test.plait("kv", "encode", "f16.safetensors", "--profile", model, code=2).first_error
    test.equal(error, "plait: f16.safetensors: profile: element type: found f16, expected bf16", "f16")
    test.write("c.safetensors", kv_dumps.safetensors())
    error = test.plait("kv", "encode", "c.safetensors", "--profile", model, "--rope", "pre", code=2).first_error
    test.equal(error, "plait: c.safetensors: profile: rotation: found pre, expected post", "rotation")


@case
def bytes_do_not_depend_on_threads_or_cpu(test):
    test.write("c.safetensors", kv_dumps.safetensors())
    model = profile(test)
    for form in FORMS:
        found = set()
        for threads in ("-T1", "-T3"):
            for cpu in ("scalar", ""):
                test.plait("kv", "encode", "-f", threads, "--form", form, "--profile", model, "c.safetensors", "-o",
                           "o.pkv", env={"PLAIT_CPU": cpu})
                found.add(test.read("o.pkv"))
        test.equal(len(found), 1, f"{form}: different objects")


@case
def documents_of_json(test):
    test.write("c.safetensors", kv_dumps.safetensors())
    document = test.plait("kv", "encode", "--json", "c.safetensors").json()
    test.equal(list(document), ["schema", "output", "form", "original_bytes", "coded_bytes", "tokens", "objects",
                                "profile", "base_prefix_bytes", "parts", "seconds", "verified"], "encode: fields")
    test.equal(document["schema"], "plait.kv.encode/1", "schema")
    size = len(test.read("c.pkv"))
    parts = document["parts"]
    test.equal(document["coded_bytes"], size, "coded_bytes")
    test.equal(parts["manifest_bytes"] + parts["profile_bytes"] + sum(parts["quality_bytes"]), size, "all parts")
    base = sum(parts[name] for name in ("repeats_bytes", "steps_bytes", "exact_tokens_bytes", "states_bytes",
                                        "symbols_bytes"))
    test.equal(base, parts["quality_bytes"][0], "parts of the base")
    base_prefix = document["base_prefix_bytes"]
    test.equal(base_prefix, parts["manifest_bytes"] + parts["profile_bytes"] + base, "base_prefix_bytes")
    document = info(test, "c.pkv")
    test.equal(document["layers"][0]["end"], base_prefix, "end of the base")
    test.equal(document["key"], "0" * 64, "key")
    test.equal([layer["index"] for layer in document["layers"]], list(range(6)), "layers")
    test.equal(document["layers"][-1]["end"], size, "end of the last layer")
    test.equal(document["layers"][-1]["bits_per_element"], 8 * size / (len(kv_dumps.elements_alone()) // 2), "bits")
    test.equal([segment["end"] for segment in document["segments"]][:-1],
               [segment["begin"] for segment in document["segments"]][1:], "segments follow each other")
    test.check("exact" in test.plait("kv", "info", "c.pkv").out.decode(), "table of info")
    bench = test.plait("kv", "bench", "--json", "c.safetensors").json()
    test.equal([form["form"] for form in bench["forms"]], list(FORMS), "forms of bench")
    test.check(all(form["decode_bytes_per_second"] > 0 and form["encode_bytes_per_second"] > 0
                   for form in bench["forms"]), "speeds")
    test.check("layers" in test.plait("kv", "bench", "c.safetensors").out.decode(), "table of bench")


@case
def damage_is_found(test):
    """Flips and cuts of all three forms: exit 3, or 4 where the file no longer says what it is, and no file."""
    source = random.Random(5)
    for form in FORMS:
        whole = test.read(encode(test, kv_dumps.safetensors(), "--form", form))
        places = sorted({source.randrange(len(whole)) for _ in range(40)} | set(range(0, 33)))
        for place in places:
            damaged = bytearray(whole)
            damaged[place] ^= 1 << source.randrange(8)
            test.write("d.pkv", damaged)
            result = test.plait("kv", "decode", "d.pkv", "-o", "x.bin", code=None)
            test.check(result.code in ((1, 3, 4) if 12 <= place < 16 else (3, 4)), f"byte {place}: exit {result.code}")
            test.check(result.first_error.startswith("plait: d.pkv: "), f"byte {place}: {result.first_error}")
        for size in [0, *range(1, 40), *(source.randrange(len(whole)) for _ in range(20))]:
            test.write("d.pkv", whole[:size])
            test.plait("kv", "decode", "d.pkv", "-o", "x.bin", code=3 if size else 4)
            test.plait("kv", "info", "d.pkv", code=None)
        test.write("d.pkv", whole + b"x")
        test.plait("kv", "decode", "d.pkv", "-o", "x.bin", code=3)
    test.check("x.bin" not in test.names(), "a file stands under the final name")


@case
def damaged_profiles_are_found(test):
    data = test.read(profile(test))
    test.write("c.safetensors", kv_dumps.safetensors())
    for place in (0, 8, 10, 12, 20, 24, 40, len(data) - 1):
        damaged = bytearray(data)
        damaged[place] ^= 1
        test.write("d.kvprofile", damaged)
        result = test.plait("kv", "encode", "c.safetensors", "--profile", "d.kvprofile", code=None)
        test.check(result.code in (3, 4), f"byte {place}: exit {result.code}")
    test.write("d.kvprofile", data[:50])
    error = test.plait("kv", "encode", "c.safetensors", "--profile", "d.kvprofile", code=3).first_error
    test.equal(error, f"plait: c.safetensors: d.kvprofile: profile head bytes: found 50, expected {len(data)}", "cut")
    test.check("c.pkv" not in test.names(), "a file stands under the final name")


@case
def targets_are_kept(test):
    made = encode(test, kv_dumps.safetensors())
    before = test.read(made)
    test.plait("kv", "encode", "c.safetensors", code=1)
    test.equal(test.read(made), before, "the target")
    error = test.plait("kv", "decode", made, code=1).first_error
    test.equal(error, "plait: c.safetensors: the target exists; -f overwrites it", "decode")
    error = test.plait("kv", "decode", "-f", made, "-o", made, code=2).first_error
    test.equal(error, "plait: output: found c.pkv, expected another file than the input", "output over input")
    test.plait("kv", "encode", "-f", "c.safetensors", "-o", "c.safetensors", code=2)


@case
def dumps_that_do_not_fit_say_why(test):
    layer = ("layers.0.k", "BF16", [4, 2, 8], bytes(128))
    dumps = {
        "missing": (files.safetensors([layer]), "tensor layers.0.v: found none, expected one"),
        "none": (files.safetensors([("a", "BF16", [1], bytes(2))]), "tensors: found none called .*"),
        "tokens": (files.safetensors([layer, ("layers.0.v", "BF16", [3, 2, 8], bytes(96))]),
                   "tensor layers.0.v: element type and tokens: found bf16, 3, expected bf16, 4"),
        "dtype": (files.safetensors([("layers.0.k", "F32", [1, 1, 1], bytes(4))]),
                  "tensor layers.0.k: dtype: found F32, expected BF16, .*"),
        "rank": (files.safetensors([("layers.0.k", "BF16", [4], bytes(8)), ("layers.0.v", "BF16", [4], bytes(8))]),
                 "tensor layers.0.k: shape: found .4., expected 2 or 3 dimensions"),
        "width.npy": (kv_dumps.npy(), "element type: found <u2, expected --dtype bf16 or f16"),
        "descr.npy": (kv_dumps.npy(descr="<f4"), "descr: found <f4, expected <f2, <u2 or .u1"),
        "shape.npy": (kv_dumps.npy("f16", shape=(3, 2, 40, 2, 8)), "shape: found .3, 2, 40, 2, 8., expected .*"),
        "size.npy": (kv_dumps.npy("f16")[:-2], "file bytes: found .*, expected .*"),
    }
    for name, (data, pattern) in dumps.items():
        test.write(name, data)
        error = test.plait("kv", "encode", name, "-o", "x", code=2).first_error
        test.match(error, f"plait: {name}: {pattern}", name)
    test.write("text", b"no cache at all, but a few words")
    test.plait("kv", "encode", "text", "-o", "x", code=None)
    test.write("odd.bin", kv_dumps.elements_alone()[:-2])
    raw = ["--layers", "2", "--dtype", "bf16", "--heads", "2", "--head-dim", "8"]
    error = test.plait("kv", "encode", "odd.bin", *raw, "-o", "x", code=2).first_error
    test.match(error, "plait: odd.bin: file bytes: found .*, expected .*", "half a token")
    error = test.plait("kv", "encode", "odd.bin", *raw[:4], "-o", "x", code=2).first_error
    test.equal(error, "plait: odd.bin: elements alone: --dtype, --heads and --head-dim are required", "no geometry")
    test.check("x" not in test.names(), "a file stands under the final name")


@case
def what_is_no_object_is_no_object(test):
    test.write("m.safetensors", files.model())
    for verb in ("decode", "info"):
        error = test.plait("kv", verb, "m.safetensors", code=4).first_error
        test.equal(error, "plait: m.safetensors: no KV object", verb)
    test.plait("kv", "decode", "missing", code=1)
    error = test.plait("kv", "encode", "m.safetensors", "--profile", "m.safetensors", code=4).first_error
    test.equal(error, "plait: m.safetensors: m.safetensors: no KV profile", "profile")


@case
def mistakes(test):
    made = encode(test, kv_dumps.safetensors(), "--form", "rans")
    for arguments, code, message in (
            (["decode", made, "--quality", "1"], 2, f"{made}: quality: found 1, expected 0 to 0"),
            (["decode", made, "--quality", "0", "--min-quality", "0"], 2,
             "--quality and --min-quality exclude each other"),
            (["encode", "c.safetensors", "--form", "tier", "--steps-of", made, "-f"], 2,
             "c.safetensors: --steps-of: found chunks or another form, expected one chunk and --form layers"),
            (["encode", "c.safetensors", "--planes", "k,,v"], 2,
             "c.safetensors: --planes: found k,,v, expected names, each once, with commas between"),
            (["encode", "c.safetensors", "--form", "x"], 2,
             "kv encode: --form: found x, expected one of layers, rans, tier, range; plait help kv encode says more"),
            (["encode"], 2, "kv encode: FILE is required; plait help kv encode says more"),
            (["encode", "--frobnicate", "x"], 2,
             "kv encode: --frobnicate: no such option; plait help kv encode says more"),
            (["encod", "x"], 2, "kv encod: no such verb; did you mean kv encode?; plait help lists them"),
            (["push", "x"], 4, "kv push: this verb is not built yet"),
    ):
        test.equal(test.plait("kv", *arguments, code=code).first_error, f"plait: {message}", f"kv {arguments}")
    test.plait("kv", code=2)
    test.check("kv encode" in test.plait("help", "kv").out.decode(), "help kv")
    test.check("--chunk-tokens" in test.plait("help", "kv", "encode").out.decode(), "help kv encode")
