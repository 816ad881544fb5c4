#!/usr/bin/env python3
"""Measures sizes and speeds beside peers and writes bench/RESULTS.md; prints it too. Nothing here is a test."""

import argparse
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))

import command_race  # pylint: disable=wrong-import-position
import corpus_sizes  # pylint: disable=wrong-import-position
import machine  # pylint: disable=wrong-import-position
import race  # pylint: disable=wrong-import-position
from contest import LEAST_ROUNDS, Entrant, Results  # pylint: disable=wrong-import-position
from files import same_bytes  # pylint: disable=wrong-import-position
from plait_command import CommandFailed, Plait  # pylint: disable=wrong-import-position
from results_text import PEERS_HEADING, markdown_table, section, with_section  # pylint: disable=wrong-import-position

_RESULTS = pathlib.Path(__file__).with_name("RESULTS.md")
_TIMED_CORPORA = ("astra", "cast-embgemma-layers")
_THREADS = (1, 2)
_CP = Entrant("cp", "copy")


def log(message: str) -> None:
  print(message, file=sys.stderr, flush=True)


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


def measure_speeds(plait: Plait, corpus: str, folder: pathlib.Path, rounds: int) -> Results:
  """Lets the commands take turns on a copy of the corpus."""
  log(f"speeds: {corpus}")
  original = folder / "original.safetensors"
  original.write_bytes(corpus_sizes.corpus_path(corpus).read_bytes())
  subjects = [command_race.copy_subject(original, folder)]
  for threads in _THREADS:
    subjects += command_race.plait_subjects(plait, threads, original, folder)
    subjects += command_race.zstd_subjects(threads, original, folder)
  return command_race.race_commands(subjects, original, rounds)


def speed_table(results: Results) -> str:
  header = ["command", "compress GB/s", "of cp", "of zstd -3", "decompress GB/s", "of cp", "of zstd -3"]
  copy = str(results.speed(_CP))
  lines = [["cp", copy, "1.00", "", copy, "1.00", ""]]
  for name in dict.fromkeys(entrant.codec for entrant in results.seconds if entrant != _CP):
    lines.append([name, *speed_cells(results, Entrant(name, "compress")),
                  *speed_cells(results, Entrant(name, "decompress"))])  # yapf: disable
  return markdown_table(header, lines)


def speed_cells(results: Results, entrant: Entrant) -> list[str]:
  """Returns a speed, its ratio to cp and its ratio to zstd -3 with as many threads."""
  if entrant not in results.seconds:
    return ["", "", ""]
  zstd = Entrant("zstd -3 " + entrant.codec.rsplit(" ", 1)[-1], entrant.task)
  ratios = [f"{results.ratio(entrant, other).median:.2f}" for other in (_CP, zstd)]
  return [str(results.speed(entrant)), *ratios]


def report(plait: Plait, runs: int) -> str:
  """Measures everything; returns the text of RESULTS.md."""
  facts = machine.facts(plait)
  sections = [
      "# Results", _TEXT,
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


_TEXT = """Written by `./dev bench` (`bench/results.py`), all in one run; the section *Peers in one run* is of its own.
No timing here is a test."""

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
(with as many threads): median of the ratios round by round, above 1 is faster. Commands: `plait compress -TN -o OUT
FILE`, `plait decompress -TN -o OUT FILE`, `zstd -q -3 -TN -o OUT FILE`, `zstd -q -d -TN -o OUT FILE`, `cp FILE OUT`."""


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--plait", required=True, help="the binary")
  parser.add_argument("--runs", type=int, default=9, help="timed runs of each command (9)")
  parser.add_argument("--out", type=pathlib.Path, default=_RESULTS, help="what to write (bench/RESULTS.md)")
  args = parser.parse_args()
  try:
    text = report(Plait(args.plait), max(LEAST_ROUNDS, args.runs))
  except (CommandFailed, corpus_sizes.CorpusMissing, OSError, ValueError) as error:
    log(f"results: {error}")
    return 1
  # Of bench/peers/speeds.py: kept as it is.
  if peers := section(args.out.read_text() if args.out.exists() else "", PEERS_HEADING):
    text = with_section(text, PEERS_HEADING, peers)
  args.out.write_text(text)
  print(text, end="")
  return 0


if __name__ == "__main__":
  sys.exit(main())
