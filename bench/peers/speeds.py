#!/usr/bin/env python3
"""Races Plait's coders against their peers: one core, the same weights, in turns, and whole commands on files.

Writes the section "Peers in one run" of bench/RESULTS.md, all figures to bench/peers_results.json, and
bench/ratio_speed.svg; prints the section. Nothing here is a test.
"""

import argparse
import json
import pathlib
import sys
import tempfile

_BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(_BENCH / "lib"))

import command_race  # pylint: disable=wrong-import-position
import corpus_sizes  # pylint: disable=wrong-import-position
import machine  # pylint: disable=wrong-import-position
import peers  # pylint: disable=wrong-import-position
import peers_race  # pylint: disable=wrong-import-position
import samples  # pylint: disable=wrong-import-position
from contest import LEAST_ROUNDS, ContestFailed, Entrant, Results  # pylint: disable=wrong-import-position
from plait_command import CommandFailed, Plait  # pylint: disable=wrong-import-position
from results_text import PEERS_HEADING, markdown_table, with_section  # pylint: disable=wrong-import-position
from scatter_svg import Point, scatter  # pylint: disable=wrong-import-position

_CORPORA = ("astra", "cast-embgemma-layers", "minilm", "wordllama", "cast-embgemma-layers-e4m3")
_CHARTED = "astra"
_COPY = Entrant("streaming copy", "copy")
_CHECKED = "decode, checked"
_BITS = {"bf16": 16, "fp16": 16, "fp32": 32, "fp8": 8}
_FILE_BYTES = 1 << 30
_FILE_SOURCE = "astra"
_THREADS = 2


def log(message: str) -> None:
  print(message, file=sys.stderr, flush=True)


# One core, memory to memory.


def _cells(results: Results, codec: str, task: str) -> list[str]:
  """Returns speed and ratio to a streaming copy."""
  entrant = Entrant(codec, task)
  if entrant not in results.seconds:
    return ["", ""]
  return [str(results.speed(entrant)), str(results.ratio(entrant, _COPY))]


def contest_table(results: Results) -> str:
  header = ["", "bits per weight", "decode GB/s", "of a streaming copy", "with our checksums", "of a streaming copy",
            "encode GB/s", "of a streaming copy"]  # yapf: disable
  lines = []
  for codec in dict.fromkeys(entrant.codec for entrant in results.seconds):
    if codec not in results.bits:
      lines.append([codec, "", *_cells(results, codec, "copy"), "", "", "", ""])
      continue
    cells = [_cells(results, codec, task) for task in ("decode", _CHECKED, "encode")]
    lines.append([codec, f"{results.bits[codec]:.3f}", *(cell for pair in cells for cell in pair)])
  return markdown_table(header, lines)


def skipped_text(results: Results) -> list[str]:
  return [f"Left out: {codec}: {reason}." for codec, reason in results.skipped.items()]


def chart(results: Results, corpus: str) -> str:
  """Returns ratio against decode speed; Plait with its checksums, as it is used."""
  whole = _BITS[corpus_sizes.CORPORA[corpus].dtype]
  points = []
  for codec, bits in results.bits.items():
    entrant = Entrant(codec, _CHECKED if Entrant(codec, _CHECKED) in results.seconds else "decode")
    points.append(Point(codec, results.speed(entrant).median, whole / bits, codec.startswith("plait")))
  return scatter(f"{corpus_sizes.label(corpus_sizes.CORPORA[corpus])}: ratio and decoding speed of one core",
                 "GB of original weights a second, medians", "original / coded size", points,
                 ("streaming copy", results.speed(_COPY).median))


# Whole commands.


def race_files(plait: Plait, folder: pathlib.Path, rounds: int) -> Results:
  original = folder / "original.safetensors"
  source = corpus_sizes.corpus_path(_FILE_SOURCE)
  samples.RepeatedCheckpoint(source, _FILE_BYTES, sample_elements=1 << 20).write(original)
  subjects = [
      command_race.copy_subject(original, folder),
      *command_race.plait_subjects(plait, _THREADS, original, folder),
      *command_race.zstd_subjects(_THREADS, original, folder),
  ]
  skipped = {}
  try:
    subjects += command_race.zipnn_subjects(peers.setup_python(), _THREADS, original, folder)
  except peers.PeerSkipped as reason:
    skipped["ZipNN"] = str(reason)
  results = command_race.race_commands(subjects, original, rounds)
  results.skipped.update(skipped)
  return results


def files_table(results: Results) -> str:
  header = ["command", "verb", "GB/s", "times the seconds of cp"]
  copy = Entrant("cp", "copy")
  lines = [[entrant.codec, entrant.task, str(results.speed(entrant)), str(results.ratio(copy, entrant))]
           for entrant in results.seconds]
  return markdown_table(header, lines)


# The section.


def _measured(name: str, measure) -> tuple[Results, str]:
  """Returns what was measured, and how busy others were meanwhile."""
  log(f"peers: {name}")
  others = machine.OthersMeter()
  results = measure()
  return results, f"{results.rounds} rounds; other processes kept {others.cores():.1f} cores busy meanwhile."


def report(plait: Plait, binary: pathlib.Path, corpora: list[str], rounds: int) -> tuple[str, dict, str | None]:
  """Returns the section, the document and, if its corpus was raced, the chart."""
  facts = machine.facts(plait)
  parts = [_TEXT, markdown_table(["", ""], [list(fact) for fact in facts]).replace("---:", "---")]
  document: dict = {"schema": "plait.peers/1", "facts": dict(facts), "corpora": {}}
  svg = None
  with tempfile.TemporaryDirectory(prefix="plait-bench-", dir="/dev/shm") as name:
    folder = pathlib.Path(name)
    for corpus in corpora:
      results, busy = _measured(corpus, lambda corpus=corpus: peers_race.race_corpus(binary, corpus, folder, rounds))
      label = corpus_sizes.label(corpus_sizes.CORPORA[corpus])
      parts += [f"### {label}, {results.num_bytes / 1e6:.0f} MB", contest_table(results), *skipped_text(results), busy]
      document["corpora"][corpus] = results.to_json()
      if corpus == _CHARTED:
        svg = chart(results, corpus)
    files, busy = _measured("files", lambda: race_files(plait, folder, rounds))
    parts += [_FILES_TEXT.format(megabytes=files.num_bytes / 1e6), files_table(files), *skipped_text(files), busy]
    document["files"] = files.to_json()
  return "\n\n".join(parts) + "\n", document, svg


_TEXT = f"""{PEERS_HEADING}
Written by `./dev bench --peers` (`bench/peers/speeds.py`); all figures: `bench/peers_results.json`. One core, memory to
memory: every row of a table codes the same tensors (those of at least 65,536 weights, cut at 128 MiB, repeated up to
64), all programs stand ready on that core, and each runs once a round, so that a slow moment hits all of them. Figures
are medians (least-most); ratios are taken round by round. GB are 1e9 bytes of original weights. Time is CPU time of
the process, memory has been touched before, outputs are the same buffer again and again or one that the allocator
kept; everything was decoded and compared first. *plait -N* codes blocks as in a frame, with headers, hashes and
alignment; its encoder always writes the hashes, its decoder is timed without and with checking them. *huff0 4X2* and
*htscodecs* code exponents (whole bytes for fp8) in blocks of 128 Ki elements between Plait's own split and join, with
streaming stores. zstd and lz4 code each tensor as it is, in one frame. ZipNN and OpenZL (256 KiB a frame) run in
Python, on whole buffers; what only Python costs is not timed. *byte planes*: each byte of an element by itself, where
OpenZL's node for the type does worse."""

_FILES_TEXT = """### Whole commands on a file of {megabytes:.0f} MB
The same in turns, seconds on the wall, start of the process included, in /dev/shm; the source was read before, targets
are new files. `plait compress` decodes and compares every block, `--no-verify` does not; zstd decompresses with one
thread whatever -T says; ZipNN is a script that reads and writes files (`bench/peers/zipnn_file.py`). Below 1 is faster
than `cp`."""


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--plait", required=True, help="the binary")
  parser.add_argument("--server", required=True, type=pathlib.Path, help="the binary plait_peers")
  parser.add_argument("--rounds", type=int, default=11, help=f"of every race, at least {LEAST_ROUNDS} (11)")
  parser.add_argument("--corpora", nargs="+", default=list(_CORPORA), metavar="NAME", help="only these")
  parser.add_argument("--out", type=pathlib.Path, default=_BENCH, help="folder of the results (bench)")
  args = parser.parse_args()
  try:
    section, document, svg = report(Plait(args.plait), args.server, args.corpora, max(LEAST_ROUNDS, args.rounds))
  except (CommandFailed, ContestFailed, corpus_sizes.CorpusMissing, OSError, ValueError) as error:
    log(f"speeds: {error}")
    return 1
  results = args.out / "RESULTS.md"
  results.write_text(with_section(results.read_text() if results.exists() else "", PEERS_HEADING, section))
  # A line for every row.
  text = json.dumps(document).replace('{"codec"', '\n{"codec"')
  (args.out / "peers_results.json").write_text(text + "\n")
  if svg is not None:
    (args.out / "ratio_speed.svg").write_text(svg)
  print(section, end="")
  return 0


if __name__ == "__main__":
  sys.exit(main())
