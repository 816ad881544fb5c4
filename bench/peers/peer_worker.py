"""Measures one Python peer on a .safetensors file. peers.py runs it in the peers' environment.

  peer_worker.py zipnn|openzl FILE MIN_ELEMENTS    of the BF16 tensors: {"bytes": coded bytes, "weights": weights coded}
  peer_worker.py zipnn-file FILE                   of the whole file: {"bytes": coded bytes}

A codec here is (block bytes or None for whole tensors, compress, decompress); a size counts only after the block came
back identical.
"""

import json
import pathlib
import sys
from collections.abc import Callable, Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "corpora"))

from safetensors_file import SafetensorsFile  # pylint: disable=wrong-import-position

Codec = tuple[int | None, Callable[[memoryview], bytes], Callable[[bytes], bytes]]

_OPENZL_BLOCK_BYTES = 256 << 10

# ZipNN's modes that fit a type. For fp8 it has one that codes whole bytes; the one for pairs of bytes is tried too.
_ZIPNN_MODES = {
    "BF16": ("bfloat16",),
    "F16": ("float16",),
    "F32": ("float32",),
    "F8_E4M3": ("float8_e4m3fn", "bfloat16"),
    "F8_E5M2": ("float8_e5m2", "bfloat16"),
}


def zipnn_codec(mode: str = "bfloat16") -> Codec:
  """ZipNN with one thread; it cuts a tensor into chunks of 256 KiB itself."""
  from zipnn import ZipNN
  codec = ZipNN(method="HUFFMAN", input_format="byte", bytearray_dtype=mode, threads=1)
  # compress() overwrites its input, so it is given a copy.
  return None, lambda data: codec.compress(bytearray(data)), codec.decompress


def openzl_codec() -> Codec:
  """OpenZL: exponents split off and Huffman coded, sign and mantissa stored, a frame for each block."""
  import numpy as np
  import openzl.ext as zl
  compressor = zl.Compressor()
  graph = zl.nodes.BFloat16Deconstruct()(
      compressor, sign_frac=zl.graphs.Store()(compressor), exponent=zl.graphs.Huffman()(compressor))
  compressor.select_starting_graph(graph)
  compressor.set_parameter(zl.CParam.FormatVersion, zl.MAX_FORMAT_VERSION)
  encoder, decoder = zl.CCtx(), zl.DCtx()
  encoder.set_parameter(zl.CParam.StickyParameters, 1)
  encoder.ref_compressor(compressor)

  def compress(data: memoryview) -> bytes:
    return encoder.compress([zl.Input(zl.Type.Numeric, np.frombuffer(data, dtype="<u2"))])

  def decompress(coded: bytes) -> bytes:
    return decoder.decompress(coded)[0].content.as_bytes()

  return _OPENZL_BLOCK_BYTES, compress, decompress


_CODECS = {"zipnn": zipnn_codec, "openzl": openzl_codec}


def _blocks(data: memoryview, block_bytes: int | None) -> Iterator[memoryview]:
  step = block_bytes or len(data)
  for begin in range(0, len(data), step):
    yield data[begin:begin + step]


def measure(codec: Codec, file: SafetensorsFile, min_elements: int) -> dict:
  """Returns the coded bytes and the weights of the BF16 tensors of at least `min_elements`."""
  block_bytes, compress, decompress = codec
  coded_bytes = weights = 0
  for info in file.tensors.values():
    if info.dtype != "BF16" or info.num_elements < min_elements:
      continue
    for block in _blocks(file.data(info.name), block_bytes):
      coded = compress(block)
      if memoryview(decompress(coded)).cast("B") != block:
        raise ValueError(f"tensor {info.name!r} did not come back identical")
      coded_bytes += len(coded)
    weights += info.num_elements
  return {"bytes": coded_bytes, "weights": weights}


def _zipnn_bytes(dtype: str, data: memoryview) -> int:
  """Returns what ZipNN makes of a tensor in the best of its modes; what it cannot shrink counts as it is."""
  sizes = [len(data)]
  for mode in _ZIPNN_MODES.get(dtype, ()) if data else ():
    _, compress, decompress = zipnn_codec(mode)
    coded = compress(data)
    if memoryview(decompress(coded)).cast("B") != data:
      raise ValueError(f"mode {mode} did not give {len(data)} bytes back")
    sizes.append(len(coded))
  return min(sizes)


def measure_zipnn_file(file: SafetensorsFile) -> dict:
  """Returns the bytes of all tensors, each by itself, and of the file's header as it is."""
  tensors = sum(_zipnn_bytes(info.dtype, file.data(info.name)) for info in file.tensors.values())
  return {"bytes": file.header_bytes + tensors}


def main() -> None:
  name, path, *min_elements = sys.argv[1:]
  file = SafetensorsFile(path)
  result = measure_zipnn_file(file) if name == "zipnn-file" else measure(_CODECS[name](), file, int(*min_elements))
  print(json.dumps(result))


if __name__ == "__main__":
  main()
