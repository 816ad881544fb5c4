"""Whatever the file, it comes back byte for byte, and its container has the same bytes for any thread count and CPU."""
import json
import pathlib
import re

import files
from harness import Failure, case

# What the container must hold: None, one row for the whole file.
OPAQUE = None


def names_of(data):
    """Tensor names in the order of their data."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    return sorted(header, key=lambda name: (header[name]["data_offsets"], name))


def check_rows(test, container, data, tensor_names):
    listed = test.plait("list", "--json", container).json()
    expected = ["__plait__.file"] if tensor_names is OPAQUE else tensor_names
    test.equal([row["name"] for row in listed["tensors"]], expected, "rows")
    test.equal(listed["original_bytes"], len(data), "original_bytes")
    size = test.path(container).stat().st_size
    test.equal(listed["coded_bytes"] + listed["overhead_bytes"], size, "coded_bytes + overhead_bytes")
    test.equal(sum(row["coded_bytes"] for row in listed["tensors"]), listed["coded_bytes"], "coded_bytes of the rows")


def there_and_back(test, data, tensor_names, name="x.safetensors"):
    container = test.compress(name, data, "-T1")
    coded = test.read(container)
    for arguments, environment in ((["-T2"], {}), (["-T0"], {}), ([], {}), (["-T7", "--no-verify"], {}),
                                   (["-T2"], {"PLAIT_CPU": "scalar"})):
        test.plait("compress", "-f", *arguments, name, env=environment)
        test.check(test.read(container) == coded, f"container with {arguments} {environment}: other bytes than with -T1")
    check_rows(test, container, data, tensor_names)
    test.equal(test.read(name) == data, True, "source untouched")
    test.path(name).unlink()
    for arguments, environment in ((["-T1"], {}), (["-T2"], {}), (["-T0"], {"PLAIT_CPU": "scalar"})):
        test.plait("decompress", "-f", *arguments, container, env=environment)
        test.check(test.read(name) == data, f"decompress {arguments} {environment}: other bytes than the original")
    test.check(test.plait("decompress", "-c", container).out == data, "decompress -c: other bytes than the original")
    test.plait("verify", "--against", name, container)


@case
def model(test):
    there_and_back(test, files.model(), [name for name, *_ in files.MODEL])


@case
def levels(test):
    """Every level is smaller than the one before it, comes back, and has the same bytes for any threads and CPU."""
    data = files.model()
    test.write("x.safetensors", data)
    sizes = []
    for level in ("-3", "-5", "-7"):
        test.plait("compress", level, "-T1", "x.safetensors", "-o", "x.plait")
        coded = test.read("x.plait")
        for arguments, environment in ((["-T2"], {}), (["--no-verify"], {}), ([], {"PLAIT_CPU": "scalar"})):
            test.plait("compress", level, "-f", *arguments, "x.safetensors", "-o", "x.plait", env=environment)
            test.check(test.read("x.plait") == coded, f"{level} {arguments} {environment}: other bytes than with -T1")
        test.check(test.plait("decompress", "-c", "x.plait").out == data, f"{level}: other bytes than the original")
        stream = test.plait("compress", level, "-c", "x.safetensors").out
        test.write("x.stream", stream)
        test.check(test.plait("decompress", "-c", "x.stream").out == data, f"{level} -c: other bytes")
        rows = test.plait("list", "--json", "x.plait").json()["tensors"]
        codecs = {row["codec"] for row in rows if row["name"] == "embed.weight"}
        test.equal(codecs, {"tier" if level == "-3" else "rans"}, f"{level}: codec")
        test.plait("compress", level, "--dry-run", "x.safetensors")
        sizes.append(len(coded))
        test.path("x.plait").unlink()
    test.check(sizes == sorted(sizes, reverse=True) and len(set(sizes)) == 3, f"sizes {sizes}: not ever smaller")


@case
def every_dtype(test):
    data = files.all_dtypes()
    there_and_back(test, data, names_of(data))


@case
def every_dtype_framed(test):
    data = files.compressible_dtypes()
    there_and_back(test, data, names_of(data))
    rows = test.plait("list", "--json", "x.plait.safetensors").json()["tensors"]
    test.equal({row["dtype"] for row in rows if row["codec"] != "plain"}, set(files.DTYPES), "framed dtypes")


@case
def zero_sizes_and_scalars(test):
    data = files.zero_sizes_and_scalars()
    there_and_back(test, data, names_of(data))


@case
def header_without_tensors(test):
    there_and_back(test, files.header_only(), [], "only.safetensors")
    there_and_back(test, files.no_tensors(), [], "none.safetensors")


@case
def odd_tensor_names(test):
    data = files.odd_names(escaped=False)
    there_and_back(test, data, files.NAMES)
    weights = files.bf16(1024)
    for name in files.NAMES:
        if "\0" not in name:
            test.check(test.plait("cat", "--", "x.plait.safetensors", name).out == weights, f"cat {name!r}: other bytes")


@case
def escaped_tensor_names(test):
    there_and_back(test, files.odd_names(escaped=True), files.NAMES)


@case
def metadata_and_padding(test):
    tensors = files.model_tensors()
    data = files.safetensors(tensors, {"format": "pt", "": "", "ünï": "\n\t\"", "long": "x" * 100_000})
    there_and_back(test, data, [name for name, *_ in files.MODEL])
    # A header padded by a page of spaces, one with a line break, and one that writes its own order of the fields.
    padded = files.header_of('{ \n "w":{"data_offsets":[0,4],"shape":[4],"dtype":"U8"}}' + " " * 4096) + b"data"
    there_and_back(test, padded, ["w"], "padded.safetensors")


@case
def entries_in_another_order_than_their_data(test):
    first, second = files.bf16(4096, 1), files.bf16(4096, 2)
    entry = '"{}":{{"dtype":"BF16","shape":[4096],"data_offsets":[{},{}]}}'
    text = "{" + entry.format("a", 8192, 16384) + "," + entry.format("z", 0, 8192) + "}"
    there_and_back(test, files.header_of(text) + first + second, ["z", "a"])
    test.check(test.plait("cat", "x.plait.safetensors", "a").out == second, "cat a: other bytes")


@case
def no_valid_safetensors(test):
    for make in (files.trailing_junk, files.holes, files.overlap, files.duplicate_key, files.reserved_name,
                 files.reserved_name_escaped, files.lone_surrogate, files.name_of_invalid_utf8, files.unknown_dtype,
                 files.cut, files.huge_length):
        try:
            there_and_back(test, make(), OPAQUE)
        except Failure as failure:
            raise Failure(f"{make.__name__}: {failure}") from None
        test.path("x.plait.safetensors").unlink()


@case
def lookalikes(test):
    """A file with the marks of a Plait file may be a damaged one: not without -f, and then it comes back."""
    for name, data in (("starts", files.starts_like_a_container()), ("ends", files.ends_like_a_container())):
        test.write(name, data)
        test.plait("compress", name, code=4)
        test.check(f"{name}.plait" not in test.names(), f"{name}.plait: a file stands there")
        container = test.plait("compress", "-f", name).last_line
        test.check(test.plait("decompress", "-c", container).out == data, f"{name}: other bytes than the original")
        test.plait("verify", "--against", name, container)


@case
def other_files(test):
    for name, data in (("empty", b""), ("byte", b"\0"), ("eight", bytes(8)), ("noise", files.noise(3_000_000)),
                       ("lines", files.lines()), ("zeros", bytes(2_500_000))):
        there_and_back(test, data, OPAQUE, name)


@case
def the_command_itself(test):
    there_and_back(test, pathlib.Path(test.binary).read_bytes()[:8 << 20], OPAQUE, "plait")


@case
def cpu_variants(test):
    """A variant that the machine has writes and reads the same bytes; one that it lacks exits 4."""
    container = test.compress("x.safetensors", files.model())
    coded = test.read(container)
    test.compress("text", files.lines())
    flags = set(pathlib.Path("/proc/cpuinfo").read_text().split())
    needed = {"scalar": set(), "avx2": {"avx2", "bmi2"},
              "avx512": {"avx512f", "avx512bw", "avx512vl", "avx512vbmi", "avx512_vbmi2", "avx512_bitalg"}}
    for variant, wanted in needed.items():
        environment = {"PLAIT_CPU": variant}
        if not wanted <= flags:
            refused = test.plait("compress", "x.safetensors", "-o", "refused", env=environment, code=4)
            test.match(refused.first_error, rf"plait: PLAIT_CPU: CPU variant: found \w+.*, expected {variant}", "stderr")
            test.check("refused" not in test.names(), "refused: a file stands there")
            continue
        test.plait("compress", "-f", "x.safetensors", env=environment)
        test.check(test.read(container) == coded, f"{variant}: other bytes in the container")
        test.plait("verify", "--against", "x.safetensors", container, env=environment)
        test.plait("verify", "--against", "text", "text.plait", env=environment)
        rows = test.plait("cat", container, "embed.weight", "--rows", "1:900", env=environment).out
        test.check(rows == files.bf16(1024 * 512, 1)[1024:900 * 1024], f"{variant}: cat: other bytes")


@case
def cat_any_rows(test):
    """Rows that begin and end in any block, for an element size of each kind."""
    shape = [3001, 130]
    for dtype in ("BF16", "U8", "F32", "F4"):
        row = shape[1] * files.DTYPES[dtype] // 8
        data = bytes(i * i // 512 & 0xFF for i in range(shape[0] * row))
        container = test.compress(f"{dtype}.safetensors", files.safetensors([("t", dtype, shape, data)]))
        for first, last in ((0, 1), (0, 3001), (1000, 1001), (999, 2500), (3000, 3001), (3001, 3001), (0, 0)):
            found = test.plait("cat", container, "t", "--rows", f"{first}:{last}").out
            test.check(found == data[first * row:last * row], f"{dtype} --rows {first}:{last}: other bytes")


@case
def source_is_read_only(test):
    """A file nobody may write is compressed, and its result is no more public than it was."""
    modes = {test.write(f"x{mode:o}", files.small()): mode for mode in (0o400, 0o600, 0o640, 0o444)}
    options = test.unprivileged()
    for name, mode in modes.items():
        test.path(name).chmod(mode)
        test.plait("compress", name, **options)
        found = test.path(f"{name}.plait").stat().st_mode & 0o777
        test.equal(f"{found & ~mode:o}", "0", f"permissions beyond those of the source, {mode:o}")
        test.plait("decompress", f"{name}.plait", "-o", f"{name}.back", **options)
        found = test.path(f"{name}.back").stat().st_mode & 0o777
        test.equal(f"{found & ~mode:o}", "0", f"permissions beyond those of the source, {mode:o}")


@case
def nothing_is_left_behind(test):
    """No run, good or bad, leaves a temporary file."""
    test.compress("x.safetensors", files.small())
    test.plait("decompress", "-f", "x.plait.safetensors")
    test.plait("compress", "x.safetensors", code=1)
    test.plait("verify", "x.plait.safetensors")
    test.equal([name for name in test.names() if re.search("tmp", name)], [], "temporary files")
