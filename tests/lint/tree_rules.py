"""Rules of the tree that no compiler holds.

Run without arguments: checks the files that git knows, prints every breach and exits 1 if there is one. The rules are
plain functions over (path, text), so that tree_rules_test.py can show that each of them bites.
"""

import pathlib
import re
import subprocess
import sys

# What kernels and their plans may know of the coders: layouts and tables, no loops.
GPU_LAYOUTS = (
    "codec/base",
    "codec/huffman/huffman_checks.h",
    "codec/huffman/huffman_layout.h",
    "codec/kv/kv_bytes.h",
    "codec/kv/kv_coder.h",
    "codec/kv/kv_element.h",
    "codec/kv/kv_layout.h",
    "codec/kv/kv_quality_element.h",
    "codec/kv/kv_row_steps.h",
    "codec/kv/kv_tables.h",
    "codec/tier/tier_checks.h",
    "codec/tier/tier_layout.h",
    "codec/transform/plane_kind.h",
)

# What a file of a folder may include, as folders or files; the longest matching prefix counts. This is the picture of the design.
ARROWS = {
    "codec/base": ["codec/base"],
    "codec/histogram": ["codec/base", "codec/histogram"],
    "codec/transform": ["codec/base", "codec/transform"],
    "codec/huffman": ["codec/base", "codec/histogram", "codec/huffman"],
    "codec/kv": ["codec/base", "codec/transform", "codec/kv"],
    "codec/range": ["codec/base", "codec/range"],
    "codec/rans": ["codec/base", "codec/histogram", "codec/rans"],
    "codec/tier": ["codec/base", "codec/histogram", "codec/transform", "codec/tier"],
    "codec/block": ["codec"],
    "formats/base": ["codec", "formats/base"],
    "formats/safetensors": ["codec", "formats/base", "formats/safetensors"],
    "formats/frame": ["codec", "formats/base", "formats/frame"],
    "formats/frame_stream": ["codec", "formats/base", "formats/frame", "formats/frame_stream"],
    "formats/container": ["codec", "formats/base", "formats/safetensors", "formats/frame", "formats/container"],
    "formats/npy": ["codec", "formats/base", "formats/npy"],
    "formats/kv": ["codec", "formats/base", "formats/kv"],
    "formats/dfloat11": ["codec", "formats/base", "formats/safetensors", "formats/dfloat11"],
    "gpu/simt": ["codec/base", "gpu/simt"],
    "gpu/kernels": [*GPU_LAYOUTS, "gpu/simt", "gpu/kernels"],
    "gpu/launch": [*GPU_LAYOUTS, "gpu"],
    "gpu/loader": ["codec", "gpu"],
    "gpu/examples": [*GPU_LAYOUTS, "gpu"],
    "gpu": [*GPU_LAYOUTS, "codec/huffman", "codec/tier", "codec/transform", "gpu"],
    "tools/pipeline": ["codec", "formats", "tools/pipeline"],
    "tools": ["codec", "formats", "tools"],
    "examples": ["codec", "formats", "gpu", "examples"],
    "tests": ["codec", "formats", "gpu", "tools", "tests"],
    "bench": ["codec", "formats", "gpu", "tools", "tests/registry", "bench"],
}

TOP_FOLDERS = ("codec", "formats", "gpu", "stream", "tools", "examples", "tests", "bench")
MAX_LINES = 600

INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.MULTILINE)
CODE_SUFFIXES = (".h", ".cc", ".cu", ".cuh")
KERNEL_FILE = re.compile(r"(_kernel|_avx512|_avx2)\.(h|cc)$")
# A kernel is a loop over validated memory: it allocates nothing, reports nothing, logs nothing.
KERNEL_FORBIDDEN = re.compile(r"\b(new|malloc|vector|string|Status|StatusOr|printf|cerr)\b|#include \"(absl|formats|tools)/")
# Words of CUDA: a kernel's body is free of them, so that the host can run it.
CUDA_FOLDERS = ("gpu/simt/", "gpu/launch/")
CUDA_WORD = re.compile(r"\b(__\w+__|__\w+_sync|__syncthreads|__ldg|threadIdx|blockIdx|blockDim|gridDim|asm)\b")
OPERATIONS = "codec/block/operations.cc"
LEFT_BEHIND = re.compile(r"\b(TODO|FIXME|XXX)\b|^\s*#if 0", re.MULTILINE)

# What is declared to take any bytes and to say what is wrong with them.
PARSER = re.compile(
    r"absl::Status(?:Or<[^;{]*?>)? (\w*(?:Parse|Decode|Describe)\w*)\([^;{]*?std::span<const uint8_t>"
)


def folder_rule(path):
    """The longest key of ARROWS that is a folder of `path`, or None."""
    matches = [folder for folder in ARROWS if path.startswith(folder + "/")]
    return max(matches, key=len, default=None)


def strip_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def wrong_includes(path, text):
    folder = folder_rule(path)
    if folder is None:
        return [f"{path}: no entry of ARROWS covers this folder"]
    allowed = ARROWS[folder]
    return [
        f"{path}: includes {name}, which points the wrong way (allowed: {', '.join(allowed)})"
        for name in INCLUDE.findall(text)
        if name.split("/")[0] in TOP_FOLDERS
        and not any(name == entry or name.startswith(entry + "/") for entry in allowed)
    ]


def kernel_words(path, text):
    if not KERNEL_FILE.search(path):
        return []
    found = {match.group(0) for match in KERNEL_FORBIDDEN.finditer(strip_comments(text))}
    return [f"{path}: a kernel may not use {word!r}" for word in sorted(found)]


def cuda_words(path, text):
    if not path.startswith("gpu/") or path.startswith(CUDA_FOLDERS):
        return []
    found = {match.group(0) for match in CUDA_WORD.finditer(strip_comments(text))}
    return [f"{path}: {word!r} belongs to gpu/simt and gpu/launch" for word in sorted(found)]


def layout_without_spec(path, all_paths):
    if not path.endswith("_layout.h"):
        return []
    spec = path.rsplit("/", 1)[0] + "/FORMAT.md"
    return [] if spec in all_paths else [f"{path}: no FORMAT.md beside it"]


def unnamed_selectors(path, all_paths, read):
    """`plait doctor` names the variant of every operation that has several."""
    if not path.endswith("_select.h"):
        return []
    named = INCLUDE.findall(read(OPERATIONS)) if OPERATIONS in all_paths else []
    return [] if path in named else [f"{path}: {OPERATIONS} does not ask this selector"]


def left_behind(path, text):
    return [f"{path}: {match.group(0).strip()} left behind" for match in LEFT_BEHIND.finditer(text)]


def too_long(path, text):
    lines = text.count("\n")
    return [f"{path}: {lines} lines, at most {MAX_LINES}"] if lines > MAX_LINES else []


def parsers_without_a_fuzzer(paths, read):
    fuzzers = "".join(read(path) for path in paths if path.startswith("tests/fuzz/") and path.endswith(".cc"))
    headers = [path for path in paths if path.startswith(("codec/", "formats/")) and path.endswith(".h")]
    return [
        f"{path}: no fuzzer in tests/fuzz names {name}"
        for path in headers
        for name in PARSER.findall(strip_comments(read(path)))
        if not re.search(rf"\b{name}\b", fuzzers)
    ]


def breaches(paths, read):
    """All breaches in `paths`, with `read(path)` giving a file's text."""
    found = []
    for path in (p for p in paths if p.endswith(CODE_SUFFIXES)):
        text = read(path)
        found += wrong_includes(path, text) + kernel_words(path, text) + left_behind(path, text) + too_long(path, text)
        found += cuda_words(path, text)
        found += layout_without_spec(path, paths) + unnamed_selectors(path, paths, read)
    return found + parsers_without_a_fuzzer(paths, read)


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True).stdout
    paths = [path for path in listing.split("\0") if path and (root / path).exists()]
    code = [path for path in paths if path.endswith(CODE_SUFFIXES)]
    if not code:
        sys.exit("tree_rules: found no code at all: a rule that matches nothing holds nothing")
    found = breaches(paths, lambda path: (root / path).read_text())
    for breach in found:
        print(breach)
    print(f"{len(code)} files, {len(found)} breaches")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
