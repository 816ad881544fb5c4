"""Measures one Python peer on the BF16 tensors of a .safetensors file. peers.py runs it in the peers' environment.

  peer_worker.py zipnn|openzl FILE MIN_ELEMENTS

Prints {"bytes": coded bytes, "weights": weights coded} as JSON. A codec here is (block bytes or None for whole
tensors, compress, decompress); a size counts only after the block came back identical.
"""

import json
import pathlib
import sys
from collections.abc import Callable, Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "corpora"))

from safetensors_file import SafetensorsFile  # pylint: disable=wrong-import-position

Codec = tuple[int | None, Callable[[memoryview], bytes], Callable[[bytes], bytes]]

_OPENZL_BLOCK_BYTES = 256 << 10


def zipnn_codec() -> Codec:
  """ZipNN in its bf16 mode, with one thread; it cuts a tensor into chunks of 256 KiB itself."""
  from zipnn import ZipNN
  codec = ZipNN(method="HUFFMAN", input_format="byte", bytearray_dtype="bfloat16", threads=1)
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


def main() -> None:
  name, path, min_elements = sys.argv[1:]
  print(json.dumps(measure(_CODECS[name](), SafetensorsFile(path), int(min_elements))))


if __name__ == "__main__":
  main()
