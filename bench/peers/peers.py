#!/usr/bin/env python3
"""Sizes of other compressors on a .safetensors file: {peer: {"bytes": N, "weights": N, "bits_per_weight": x}}.

zstd-3 codes the whole file, header included, and its bits are shared among all elements of the file. ZipNN and
OpenZL code each BF16 tensor of at least 65536 elements and only those count. Every size is of data that was
decompressed again and found identical. A peer that cannot run is reported as {"skipped": reason}.

With --zipnn-file only ZipNN, on every tensor of any float type, each in its mode for that type; header and what does
not shrink count as they are: {"zipnn-0.5.4": {"bytes": N}}.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

_HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent / "corpora"))

from safetensors_file import SafetensorsFile  # pylint: disable=wrong-import-position

_MIN_ELEMENTS = 65536
_READ_BYTES = 1 << 22
_PYTHON_PEERS = {"zipnn-0.5.4": "zipnn", "openzl-0.3.0-huffman": "openzl"}


class PeerSkipped(Exception):
  """Why a peer gave no size."""


def _same_bytes(left, right) -> bool:
  """Says whether two binary streams give the same bytes to their ends."""
  while True:
    block = left.read(_READ_BYTES)
    if block != right.read(len(block) or 1):
      return False
    if not block:
      return True


def _decodes_to(coded_path: str, path: str) -> bool:
  with subprocess.Popen(["zstd", "-q", "-d", "-c", coded_path], stdout=subprocess.PIPE) as decoder:
    with open(path, "rb") as original:
      same = _same_bytes(original, decoder.stdout)
    decoder.stdout.close()
  return same and decoder.returncode == 0


def measure_zstd(path: str, weights: int) -> dict:
  """Returns the size of the whole file under `zstd -3`; `weights` is the number of its elements."""
  with tempfile.TemporaryDirectory() as folder:
    coded_path = os.path.join(folder, "coded.zst")
    try:
      subprocess.run(["zstd", "-q", "-3", "-T1", "-o", coded_path, path], check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
      raise PeerSkipped(f"zstd: {error}") from error
    if not _decodes_to(coded_path, path):
      raise PeerSkipped("zstd did not give the file back")
    return {"bytes": os.path.getsize(coded_path), "weights": weights}


def setup_python() -> str:
  """Returns the Python of the peers' environment, installing it first where it is missing."""
  done = subprocess.run([_HERE / "setup_peers.sh"], stdout=subprocess.PIPE, text=True, check=False)
  if done.returncode != 0:
    raise PeerSkipped(f"setup_peers.sh failed with {done.returncode}; its messages are on stderr")
  return done.stdout.splitlines()[-1]


def measure_python_peer(worker_name: str, path: str, *args: str) -> dict:
  """Runs peer_worker.py, so that a peer that crashes takes nothing else with it."""
  command = [setup_python(), _HERE / "peer_worker.py", worker_name, path, *args]
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  if done.returncode != 0:
    last_lines = done.stderr.strip().splitlines()[-1:] or ["no message"]
    raise PeerSkipped(f"exit status {done.returncode}: {last_lines[0]}")
  return json.loads(done.stdout.splitlines()[-1])


def measure_all(path: str) -> dict:
  """Returns the results by peer; sizes are in bytes, rates in bits per weight."""
  elements = sum(info.num_elements for info in SafetensorsFile(path).tensors.values())
  measurements = {"zstd-3": lambda: measure_zstd(path, elements)}
  for name, worker_name in _PYTHON_PEERS.items():
    measurements[name] = lambda worker_name=worker_name: measure_python_peer(worker_name, path, str(_MIN_ELEMENTS))
  return {name: _result_of(lambda measure=measure: _with_rate(measure())) for name, measure in measurements.items()}


def _result_of(measure) -> dict:
  try:
    return measure()
  except PeerSkipped as reason:
    return {"skipped": str(reason)}


def measure_zipnn_file(path: str) -> dict:
  """Returns ZipNN's size of the whole file, in bytes."""
  return {"zipnn-0.5.4": _result_of(lambda: measure_python_peer("zipnn-file", path))}


def _with_rate(result: dict) -> dict:
  if not result["weights"]:
    raise PeerSkipped(f"no BF16 tensor of at least {_MIN_ELEMENTS} elements")
  return result | {"bits_per_weight": 8 * result["bytes"] / result["weights"]}


def _rate_text(result: dict) -> str:
  if "skipped" in result:
    return f"skipped: {result['skipped']}"
  rate = f"{result['bits_per_weight']:7.3f} bits per weight " if "bits_per_weight" in result else ""
  return f"{rate}{result['bytes']:12} bytes"


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("file")
  parser.add_argument("--json", action="store_true")
  parser.add_argument("--zipnn-file", action="store_true")
  args = parser.parse_args()
  try:
    results = measure_zipnn_file(args.file) if args.zipnn_file else measure_all(args.file)
  except (OSError, ValueError) as error:
    print(f"peers.py: {error}", file=sys.stderr)
    return 1
  if args.json:
    print(json.dumps(results))
    return 0
  for name, result in results.items():
    print(f"{name:21}{_rate_text(result)}")
  return 0


if __name__ == "__main__":
  sys.exit(main())
