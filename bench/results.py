#!/usr/bin/env python3
"""Measures sizes and speeds beside peers and writes bench/RESULTS.md; prints it too. Nothing here is a test."""

import argparse
import dataclasses
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))

import corpus_sizes  # pylint: disable=wrong-import-position
import machine  # pylint: disable=wrong-import-position
import race  # pylint: disable=wrong-import-position
from files import same_bytes  # pylint: disable=wrong-import-position
from plait_command import CommandFailed, Plait  # pylint: disable=wrong-import-position

_RESULTS = pathlib.Path(__file__).with_name("RESULTS.md")
_TIMED_CORPORA = ("astra", "cast-embgemma-layers")
_THREADS = (1, 2)
_LEAST_RUNS = 5


def log(message: str) -> None:
  print(message, file=sys.stderr, flush=True)


def markdown_table(header: list[str], lines: list[list[str]]) -> str:
  """Returns a table whose first column is text and whose others are figures."""
  rule = ["---"] + ["---:"] * (len(header) - 1)
  return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, rule, *lines])


def require_same(original: pathlib.Path, restored: pathlib.Path) -> None:
  if not same_bytes(original, restored):
    raise ValueError(f"{restored.name} differs from {original.name}: nothing here can be trusted")


# Sizes.


def size_line(plait: Plait, corpus, folder: pathlib.Path) -> list[str]:
  original = corpus_sizes.corpus_path(corpus.name)
  container = folder / "sizes.plait.safetensors"
  plait.compress(original, container)
  restored = folder / "sizes.restored"
  plait.decompress(container, restored)
  require_same(original, restored)
  restored.unlink()
  sizes = corpus_sizes.measure_sizes(original, container, plait.list(container))
  container.unlink()
  peers = {name: corpus_sizes.peer_text(value) for name, value in corpus_sizes.measure_peers(original).items()}
  return [
      corpus.name, f"{corpus.kind} {corpus.family}", f"{original.stat().st_size / 1e6:.1f}", f"{sizes.limit:.3f}",
      f"{sizes.counted:.3f}", f"{sizes.percent_over:+.2f} %", peers["zipnn-0.5.4"], peers["openzl-0.3.0-huffman"],
      f"{sizes.whole:.3f}", peers["zstd-3"], f"{100 * sizes.container_bytes / original.stat().st_size:.2f} %"
  ]  # yapf: disable


def size_table(plait: Plait, folder: pathlib.Path) -> str:
  header = ["corpus", "bf16", "MB", "limit", "plait", "over limit", "ZipNN", "OpenZL", "file: plait", "file: zstd -3",
            "plait of original"]  # yapf: disable
  lines = []
  for corpus in corpus_sizes.bf16_corpora():
    log(f"sizes: {corpus.name}")
    lines.append(size_line(plait, corpus, folder))
  return markdown_table(header, lines)


# Speeds.


@dataclasses.dataclass(frozen=True)
class Subject:
  """A command to time, and the file that it makes."""
  name: str
  verb: str
  words: list
  target: pathlib.Path


def subjects(plait: Plait, original: pathlib.Path, folder: pathlib.Path) -> list[Subject]:
  """Returns the commands in the order of a round: what one makes, the next reads."""
  container, zst, out = folder / "coded.plait", folder / "coded.zst", folder / "out"
  made = [Subject("cp", "copy", ["cp", original, out], out)]
  for threads in (f"-T{count}" for count in _THREADS):
    plait_name, zstd_name = f"plait {threads}", f"zstd -3 {threads}"
    compress = plait.command("compress", threads, "-o")
    made += [
        Subject(plait_name, "compress", [*compress, container, original], container),
        Subject(plait_name, "decompress", plait.command("decompress", threads, "-o", out, container), out),
        Subject(f"plait --no-verify {threads}", "compress", [*compress, out, original, "--no-verify"], out),
        Subject(zstd_name, "compress", ["zstd", "-q", "-3", threads, "-o", zst, original], zst),
        Subject(zstd_name, "decompress", ["zstd", "-q", "-d", threads, "-o", out, zst], out),
    ]
  return made


@dataclasses.dataclass(frozen=True)
class Speed:
  """Whole-command speeds in GB of the original a second."""
  median: float
  least: float
  most: float

  def __str__(self) -> str:
    return f"{self.median:.2f} ({self.least:.2f}-{self.most:.2f})"


def measure_speeds(plait: Plait, corpus: str, folder: pathlib.Path, runs: int) -> dict[tuple[str, str], Speed]:
  """Runs every subject once a round, so that a busy moment of the machine hits all of them; one round to warm up."""
  original = folder / "original.safetensors"
  original.write_bytes(corpus_sizes.corpus_path(corpus).read_bytes())
  seconds: dict[tuple[str, str], list[float]] = {}
  for round_number in range(runs + 1):
    log(f"speeds: {corpus}, round {round_number} of {runs}")
    for subject in subjects(plait, original, folder):
      subject.target.unlink(missing_ok=True)
      took = race.timed(subject.words)
      if round_number == 0 and subject.verb != "compress":
        require_same(original, subject.target)
      if round_number > 0:
        seconds.setdefault((subject.name, subject.verb), []).append(took)
  gigabytes = original.stat().st_size / 1e9
  return {
      key: Speed(gigabytes / statistics.median(times), gigabytes / max(times), gigabytes / min(times))
      for key, times in seconds.items()
  }


def speed_table(speeds: dict[tuple[str, str], Speed]) -> str:
  header = ["command", "compress GB/s", "of cp", "of zstd -3", "decompress GB/s", "of cp", "of zstd -3"]
  copy = speeds.pop(("cp", "copy"))
  lines = [["cp", str(copy), "1.00", "", str(copy), "1.00", ""]]
  for name in dict.fromkeys(name for name, _ in speeds):
    cells = [name]
    for verb in ("compress", "decompress"):
      cells += speed_cells(speeds, name, verb, copy)
    lines.append(cells)
  return markdown_table(header, lines)


def speed_cells(speeds: dict, name: str, verb: str, copy: Speed) -> list[str]:
  """Returns a speed, its ratio to cp and its ratio to zstd -3 with as many threads."""
  speed = speeds.get((name, verb))
  if speed is None:
    return ["", "", ""]
  zstd = speeds["zstd -3 " + name.rsplit(" ", 1)[-1], verb]
  return [str(speed), f"{speed.median / copy.median:.2f}", f"{speed.median / zstd.median:.2f}"]


def report(plait: Plait, runs: int) -> str:
  """Measures everything; returns the text of RESULTS.md."""
  facts = machine.facts(plait)
  sections = [
      "# Results", "Written by `./dev bench` (`bench/results.py`), all in one run. No timing here is a test.",
      markdown_table(["", ""], [list(fact) for fact in facts]).replace("---:", "---"), _SIZES_TEXT
  ]  # yapf: disable
  with tempfile.TemporaryDirectory(prefix="plait-bench-", dir="/dev/shm") as name:
    folder = pathlib.Path(name)
    sections.append(size_table(plait, folder))
    sections.append(_SPEEDS_TEXT.format(runs=runs))
    for corpus in _TIMED_CORPORA:
      others = machine.OthersMeter()
      speeds = measure_speeds(plait, corpus, folder, runs)
      busy = f"Meanwhile other processes kept {others.cores():.1f} of {race.cores()} cores busy."
      sections += [f"### {corpus_sizes.label(corpus_sizes.CORPORA[corpus])}", speed_table(speeds), busy]
  return "\n\n".join(sections) + "\n"


_SIZES_TEXT = """## Sizes
Bits per weight, lower is better; nothing is left out that a reader needs to get the weights back, unless said here.
*limit* is the order-0 limit: 8 bits for sign and mantissa and the entropy of the exponent byte, counted over each whole
tensor, with no table and no index. *limit*, *plait*, *ZipNN* (0.5.4) and *OpenZL* (0.3.0, its Huffman graph, 256 KiB a
frame) count the bf16 tensors of at least 65,536 weights; plait's figure has its frames' headers, block tables, hashes
and padding in it, the peers' only what their compressors return. *file* is the whole file on disk, shared among all its
elements. Every size is of data that was decompressed again and found identical. A result below the limit means that
signs and mantissas have structure too, as exact zeros do. *cast* means rounded to bf16 here: no transformer published
as bf16 could be had (`bench/corpora/README.md`)."""

_SPEEDS_TEXT = """## Speeds
GB (1e9 bytes of the original) a second of the whole command, start of the process included: median of {runs}
alternating runs (least-most) after one that does not count. Source and target lie in /dev/shm; the source was read
before; every target is a new file. `plait compress` decodes and compares every block before its file appears, which
zstd does not; `--no-verify` leaves that out. zstd decompresses with one thread whatever -T says. *of cp*, *of zstd -3*
(with as many threads): ratio of the medians, above 1 is faster. Commands: `plait compress -TN -o OUT FILE`, `plait
decompress -TN -o OUT FILE`, `zstd -q -3 -TN -o OUT FILE`, `zstd -q -d -TN -o OUT FILE`, `cp FILE OUT`."""


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--plait", required=True, help="the binary")
  parser.add_argument("--runs", type=int, default=9, help="timed runs of each command (9)")
  parser.add_argument("--out", type=pathlib.Path, default=_RESULTS, help="what to write (bench/RESULTS.md)")
  args = parser.parse_args()
  try:
    text = report(Plait(args.plait), max(_LEAST_RUNS, args.runs))
  except (CommandFailed, corpus_sizes.CorpusMissing, OSError, ValueError) as error:
    log(f"results: {error}")
    return 1
  args.out.write_text(text)
  print(text, end="")
  return 0


if __name__ == "__main__":
  sys.exit(main())
