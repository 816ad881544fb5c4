"""ZipNN and OpenZL in a race: speaks the protocol of plait_peers (peers_server.cc). Runs in the peers' environment.

  python_server.py SAMPLE [CODEC...]

A codec is left out, with its reason, if it cannot be had; one that gives other bytes back ends the program. Seconds are
CPU time of this process. What only Python needs, as the copy that ZipNN's compress() destroys, is not timed, nor is
the way from OpenZL's buffers to Python's.
"""

import json
import pathlib
import sys
import time
from collections.abc import Callable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "corpora"))

from safetensors_file import SafetensorsFile

_OPENZL_BLOCK_BYTES = 256 << 10
_ELEMENT_BYTES = {"BF16": 2, "F16": 2, "F32": 4, "F8_E4M3": 1, "F8_E5M2": 1}
_ZIPNN_MODES = {
    "BF16": "bfloat16",
    "F16": "float16",
    "F32": "float32",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}
_DECONSTRUCT = {"BF16": "BFloat16Deconstruct", "F32": "Float32Deconstruct"}


class ZipNNCodec:
  """ZipNN with one thread, a stream for each tensor; it cuts it into chunks of 256 KiB itself."""

  def __init__(self, dtype: str):
    from zipnn import ZipNN
    self._codec = ZipNN(method="HUFFMAN", input_format="byte", bytearray_dtype=_ZIPNN_MODES[dtype], threads=1)

  def blocks(self, data: memoryview) -> list[memoryview]:
    return [data]

  def part(self, block: memoryview):
    return block

  def encode(self, parts: list) -> tuple[list, float]:
    coded, seconds = [], 0.0
    for part in parts:
      scratch = bytearray(part)
      begin = time.process_time()
      coded.append(self._codec.compress(scratch))
      seconds += time.process_time() - begin
    return coded, seconds

  def decode(self, coded: list) -> float:
    begin = time.process_time()
    for part in coded:
      self._codec.decompress(part)
    return time.process_time() - begin

  def restored(self, part: bytes) -> bytes:
    return bytes(self._codec.decompress(part))


class OpenZLCodec:
  """One graph of OpenZL, a frame for every 256 KiB."""

  def __init__(self, dtype: str, make_graph: Callable):
    import openzl.ext as zl
    self._zl = zl
    self._dtype = f"<u{_ELEMENT_BYTES[dtype]}"
    # The encoder only refers to its compressor.
    self._compressor = zl.Compressor()
    self._compressor.select_starting_graph(make_graph(zl, self._compressor))
    self._compressor.set_parameter(zl.CParam.FormatVersion, zl.MAX_FORMAT_VERSION)
    self._encoder, self._decoder = zl.CCtx(), zl.DCtx()
    self._encoder.set_parameter(zl.CParam.StickyParameters, 1)
    self._encoder.ref_compressor(self._compressor)

  def blocks(self, data: memoryview) -> list[memoryview]:
    return [data[begin:begin + _OPENZL_BLOCK_BYTES] for begin in range(0, len(data), _OPENZL_BLOCK_BYTES)]

  def part(self, block: memoryview):
    import numpy as np
    return self._zl.Input(self._zl.Type.Numeric, np.frombuffer(block, self._dtype))

  def encode(self, parts: list) -> tuple[list, float]:
    begin = time.process_time()
    coded = [self._encoder.compress([part]) for part in parts]
    return coded, time.process_time() - begin

  def decode(self, coded: list) -> float:
    begin = time.process_time()
    for part in coded:
      self._decoder.decompress(part)
    return time.process_time() - begin

  def restored(self, part: bytes) -> bytes:
    return bytes(self._decoder.decompress(part)[0].content.as_bytes())


def _exponents_graph(dtype: str, coder: str) -> Callable:
  """Exponents coded, sign and fraction stored."""

  def make(zl, compressor):
    split = getattr(zl.nodes, _DECONSTRUCT[dtype])()
    coded = getattr(zl.graphs, coder)()(compressor)
    return split(compressor, sign_frac=zl.graphs.Store()(compressor), exponent=coded)

  return make


def _byte_planes_graph(coder: str) -> Callable:
  """Every byte of an element coded by itself."""

  def make(zl, compressor):
    coded = getattr(zl.graphs, coder)()(compressor)
    return zl.nodes.ConvertNumToStructLE()(compressor, zl.nodes.TransposeSplit()(compressor, coded))

  return make


def _bytes_graph(coder: str) -> Callable:
  return lambda zl, compressor: getattr(zl.graphs, coder)()(compressor)


def codecs(dtype: str) -> dict[str, Callable]:
  """Returns what makes each codec that fits the type.

  OpenZL's node for fp16 leaves 11 bits in 16, which saves nothing, and its node for fp32 is slow: those types also go
  byte by byte, which is better there.
  """
  made = {"ZipNN": lambda: ZipNNCodec(dtype)}
  for label, coder in (("Huffman", "Huffman"), ("FSE", "Fse")):
    if dtype in _DECONSTRUCT:
      made[f"OpenZL {label}"] = lambda coder=coder: OpenZLCodec(dtype, _exponents_graph(dtype, coder))
    if dtype in ("F16", "F32"):
      made[f"OpenZL {label}, byte planes"] = lambda coder=coder: OpenZLCodec(dtype, _byte_planes_graph(coder))
    if _ELEMENT_BYTES[dtype] == 1:
      made[f"OpenZL {label}"] = lambda coder=coder: OpenZLCodec(dtype, _bytes_graph(coder))
  return made


class Entrant:
  """A codec with the parts of the sample and what it made of them."""

  def __init__(self, codec, tensors: list[memoryview]):
    self._codec = codec
    blocks = [block for data in tensors for block in codec.blocks(data)]
    self._parts = [codec.part(block) for block in blocks]
    self._coded, _ = codec.encode(self._parts)
    self.coded_bytes = sum(map(len, self._coded))
    if any(codec.restored(coded) != block for coded, block in zip(self._coded, blocks, strict=True)):
      raise ValueError(f"{type(codec).__name__} does not give the sample back")

  def run(self, task: str) -> float:
    if task == "decode":
      return self._codec.decode(self._coded)
    self._coded, seconds = self._codec.encode(self._parts)
    return seconds


def main() -> None:
  path, *wanted = sys.argv[1:]
  file = SafetensorsFile(path)
  (dtype,) = {info.dtype for info in file.tensors.values()}
  tensors = [file.data(name) for name in file.tensors]
  weight_bytes = sum(map(len, tensors))
  weights = weight_bytes // _ELEMENT_BYTES[dtype]
  made, listed, skipped = {}, [], []
  for name, make in codecs(dtype).items():
    if wanted and name not in wanted:
      continue
    try:
      codec = make()
    except ImportError as error:
      skipped.append({"codec": name, "reason": str(error)})
      continue
    made[name] = Entrant(codec, tensors)
    bits = 8 * made[name].coded_bytes / weights
    listed += [{"codec": name, "task": task, "bits_per_weight": bits} for task in ("decode", "encode")]
  hello = {"weight_bytes": weight_bytes, "weights": weights, "entrants": listed, "skipped": skipped}
  print(json.dumps(hello), flush=True)
  for line in sys.stdin:
    name, task = line.rstrip("\n").rsplit(": ", 1)
    print(f"{made[name].run(task):.9f}", flush=True)


if __name__ == "__main__":
  main()
