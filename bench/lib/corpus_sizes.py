"""Corpora, their order-0 limits, and what Plait and its peers make of them."""

import dataclasses
import json
import math
import pathlib
import subprocess
import sys

_BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(_BENCH / "corpora"))

from catalog import CORPORA, Corpus  # pylint: disable=wrong-import-position
from corpora import cache_dir  # pylint: disable=wrong-import-position
from order0 import order0_limit  # pylint: disable=wrong-import-position
from safetensors_file import SafetensorsFile  # pylint: disable=wrong-import-position

MIN_ELEMENTS = 65536

# name in the output of peers.py -> name for people
PEERS = {"zipnn-0.5.4": "ZipNN 0.5.4", "openzl-0.3.0-huffman": "OpenZL 0.3.0 Huffman", "zstd-3": "zstd -3"}


class CorpusMissing(Exception):
  """A corpus, or a peer to compare with, could not be had."""


def corpus_path(name: str) -> pathlib.Path:
  """Returns the file of a corpus, made first where it is missing; raises CorpusMissing if it cannot be."""
  command = [sys.executable, _BENCH / "corpora" / "corpora.py", "get", name]
  done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
  if done.returncode != 0:
    raise CorpusMissing(f"corpus {name} is missing and could not be made: bench/corpora/corpora.py get {name}")
  return pathlib.Path(done.stdout.splitlines()[-1])


def is_made(name: str) -> bool:
  """Says whether the file of a corpus is there, so that nothing needs to be downloaded."""
  return (cache_dir() / CORPORA[name].file_name).is_file()


def bf16_corpora() -> list[Corpus]:
  """Returns the .safetensors corpora of bf16 weights, those published in that type first."""
  bf16 = [corpus for corpus in CORPORA.values() if corpus.dtype == "bf16" and corpus.suffix == ".safetensors"]
  return sorted(bf16, key=lambda corpus: corpus.kind != "real")


def label(corpus: Corpus) -> str:
  """Returns the name of a corpus with what it is: "astra (real bf16, cnn)"."""
  return f"{corpus.name} ({corpus.kind} {corpus.dtype}, {corpus.family})"


@dataclasses.dataclass(frozen=True)
class Sizes:
  """What Plait makes of a file, in bits per weight.

  Attributes:
    limit: the order-0 limit of the counted tensors, those that are BF16 with at least MIN_ELEMENTS elements.
    counted: of those tensors, block tables, headers, footers and padding of their frames included.
    whole: of the whole container, shared among all elements of the original.
    container_bytes: its size.
  """
  limit: float
  counted: float
  whole: float
  container_bytes: int

  @property
  def percent_over(self) -> float:
    return 100 * (self.counted / self.limit - 1)


def measure_sizes(original: pathlib.Path, container: pathlib.Path, listing: dict) -> Sizes:
  """Returns the sizes of a container whose `plait list --json` is `listing`."""
  counted = [row for row in listing["tensors"] if row["dtype"] == "BF16" and math.prod(row["shape"]) >= MIN_ELEMENTS]
  weights = sum(math.prod(row["shape"]) for row in counted)
  limit = order0_limit(str(original), MIN_ELEMENTS)
  if weights != limit["elements"]:
    raise ValueError(f"plait lists {weights} weights to count, the original has {limit['elements']}")
  container_bytes = container.stat().st_size
  return Sizes(
      limit=limit["bits_per_weight"],
      counted=8 * sum(row["coded_bytes"] for row in counted) / weights,
      whole=8 * container_bytes / num_elements(original),
      container_bytes=container_bytes)


def num_elements(original: pathlib.Path) -> int:
  """Returns the elements of all tensors of a .safetensors file."""
  return sum(info.num_elements for info in SafetensorsFile(original).tensors.values())


def measure_peers(original: pathlib.Path) -> dict[str, float | str]:
  """Returns the bits per weight of every peer, by its name in PEERS, or why it gave none.

  zstd -3 codes the whole file; the others the counted tensors, with no index or container around them.
  """
  command = [sys.executable, _BENCH / "peers" / "peers.py", str(original), "--json"]
  done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
  results = json.loads(done.stdout)
  return {name: results[name].get("bits_per_weight") or results[name]["skipped"] for name in PEERS}


def zipnn_file_bytes(original: pathlib.Path) -> int:
  """Returns the bytes of a .safetensors file by ZipNN, each tensor in its best mode, with the header as it is.

  Raises CorpusMissing if ZipNN does not run here.
  """
  command = [sys.executable, _BENCH / "peers" / "peers.py", str(original), "--json", "--zipnn-file"]
  done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
  (result,) = json.loads(done.stdout).values()
  if "skipped" in result:
    raise CorpusMissing(f"ZipNN did not run: {result['skipped']}")
  return result["bytes"]


def peer_text(value: float | str) -> str:
  """Returns a peer's result for people."""
  return f"{value:.3f}" if isinstance(value, float) else f"did not run ({value})"
