"""ZipNN on a whole .safetensors file of bf16, as its users would write it. Runs in the peers' environment.

  zipnn_file.py compress|decompress THREADS SOURCE TARGET

The target is the header as it is, then for each tensor its coded bytes behind their length.
"""

import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "corpora"))

from safetensors_file import SafetensorsFile


def _codec(threads: int):
  from zipnn import ZipNN
  return ZipNN(method="HUFFMAN", input_format="byte", bytearray_dtype="bfloat16", threads=threads)


def compress(threads: int, source: str, target: str) -> None:
  codec = _codec(threads)
  file = SafetensorsFile(source)
  with open(source, "rb") as original, open(target, "wb") as out:
    out.write(original.read(file.header_bytes))
    for info in sorted(file.tensors.values(), key=lambda info: info.begin):
      coded = codec.compress(bytearray(file.data(info.name)))
      out.write(struct.pack("<Q", len(coded)))
      out.write(coded)


def decompress(threads: int, source: str, target: str) -> None:
  codec = _codec(threads)
  with open(source, "rb") as coded, open(target, "wb") as out:
    length = coded.read(8)
    out.write(length + coded.read(struct.unpack("<Q", length)[0]))
    while length := coded.read(8):
      out.write(codec.decompress(coded.read(struct.unpack("<Q", length)[0])))


if __name__ == "__main__":
  {"compress": compress, "decompress": decompress}[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
