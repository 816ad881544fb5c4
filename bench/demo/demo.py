#!/usr/bin/env python3
"""Shows what plait does with a real model: races zstd -3, gives every byte back, reads one tensor, finds a flipped bit.

FILE is any .safetensors file; without it, a real bf16 model of 235 MB is used (187 MB to download, once).
"""

import argparse
import dataclasses
import math
import os
import pathlib
import shutil
import sys
import textwrap
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import container_parts  # pylint: disable=wrong-import-position
import corpus_sizes  # pylint: disable=wrong-import-position
import race  # pylint: disable=wrong-import-position
from files import touch  # pylint: disable=wrong-import-position
from plait_command import CommandFailed, Plait  # pylint: disable=wrong-import-position

_DEFAULT_CORPUS = "astra"
_COLUMNS = 80
_ROUNDS = 3
_LARGE_FILE_BYTES = 1 << 30  # larger ones race once
# The tensor to read alone: of those at most this large, the largest.
_SHOWN_TENSOR_BYTES = 8 << 20


class DemoError(Exception):
  """What is wrong, for the person who runs the demo."""


def _styled(code: str, text: str) -> str:
  plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
  return text if plain else f"\033[{code}m{text}\033[0m"


def bold(text: str) -> str:
  return _styled("1", text)


def good(text: str) -> str:
  return _styled("32", text)


def heading(text: str) -> None:
  print(f"\n{bold(text)}", flush=True)


def say(text: str) -> None:
  """Prints a paragraph, indented and no wider than a small terminal."""
  for line in textwrap.wrap(text, _COLUMNS - 2, break_long_words=False, break_on_hyphens=False):
    print(f"  {line}", flush=True)


def command_line(command: list) -> None:
  """Prints a command as a person would type it, with file names only."""
  words = (pathlib.Path(word).name if "/" in str(word) else str(word) for word in command)
  print(textwrap.fill(f"$ {' '.join(words)}", _COLUMNS - 1, initial_indent="  ", subsequent_indent="      ",
                      break_long_words=False, break_on_hyphens=False), flush=True)


@dataclasses.dataclass(frozen=True)
class Contestant:
  """A compressor, and its commands: (source, target) -> words."""
  name: str
  compress: list
  decompress: list
  coded: pathlib.Path
  restored: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Result:
  name: str
  coded_bytes: int
  encode_seconds: float
  decode_seconds: float


def contestants(plait: Plait, original: pathlib.Path, folder: pathlib.Path, threads: int) -> list[Contestant]:
  zst = folder / (original.name + ".zst")
  stem = original.name.removesuffix(".safetensors")
  coded = folder / (stem + ".plait.safetensors")
  from_zstd, from_plait = folder / "from-zstd", folder / "from-plait"
  return [
      Contestant("zstd -3", ["zstd", "-3", f"-T{threads}", original, "-o", zst],
                 ["zstd", "-d", f"-T{threads}", zst, "-o", from_zstd], zst, from_zstd),
      Contestant("plait", plait.command("compress", f"-T{threads}", original, "-o", coded),
                 plait.command("decompress", f"-T{threads}", coded, "-o", from_plait), coded, from_plait),
  ]  # yapf: disable


def run_stage(label: str, command: list, target: pathlib.Path, total_bytes: int) -> float:
  """Runs a command that makes `target` anew; returns its seconds."""
  target.unlink(missing_ok=True)
  bar = race.Bar(label)
  try:
    return race.timed(command, total_bytes, bar.show if sys.stderr.isatty() else None)
  finally:
    bar.clear()


def run_once(contestant: Contestant, size: int) -> Result:
  encode_seconds = run_stage(f"{contestant.name} compress", contestant.compress, contestant.coded, size)
  coded_bytes = contestant.coded.stat().st_size
  decode_seconds = run_stage(f"{contestant.name} decompress", contestant.decompress, contestant.restored, coded_bytes)
  return Result(contestant.name, coded_bytes, encode_seconds, decode_seconds)


def fastest(runs: list[Result]) -> Result:
  return dataclasses.replace(
      runs[0],
      encode_seconds=min(run.encode_seconds for run in runs),
      decode_seconds=min(run.decode_seconds for run in runs))


def run_race(racers: list[Contestant], size: int) -> list[Result]:
  """Runs all in turns, so that a busy moment hits each; returns the fastest of each."""
  rounds = _ROUNDS if size <= _LARGE_FILE_BYTES else 1
  heading(f"The race, {rounds} round{'s' * (rounds > 1)}")
  for racer in racers:
    command_line(racer.compress)
    command_line(racer.decompress)
  finished = [[run_once(racer, size) for racer in racers] for _ in range(rounds)]
  return [fastest(list(runs)) for runs in zip(*finished)]


def print_table(results: list[Result], size: int) -> None:
  print(f"\n  {'':10}{'bytes':>16}{'of original':>13}{'compress':>14}{'decompress':>14}")
  print(f"  {'original':10}{size:16,}{100:11.1f} %")
  for result in results:
    row = (f"  {result.name:10}{result.coded_bytes:16,}{100 * result.coded_bytes / size:11.1f} %"
           f"{size / 1e6 / result.encode_seconds:9.0f} MB/s{size / 1e6 / result.decode_seconds:9.0f} MB/s")
    print(bold(row) if result.name == "plait" else row)
  print()
  say("Whole commands, the fastest round of each. zstd decompresses with one thread.")


def compare(restored: pathlib.Path, original: pathlib.Path) -> None:
  command_line(["cmp", original, restored])
  race.timed(["cmp", original, restored])
  say(good("identical") + ": every byte of the file came back, header included.")


def show_cat(plait: Plait, original: pathlib.Path, coded: pathlib.Path) -> None:
  """Reads one tensor out of the container and compares it with the original's."""
  try:
    file = corpus_sizes.SafetensorsFile(original)
  except ValueError:
    say("This file is no .safetensors file with known types; it was carried whole.")
    return
  infos = [info for info in file.tensors.values() if 0 < info.end - info.begin <= _SHOWN_TENSOR_BYTES]
  if not infos:
    say("This file has no small tensor to show.")
    return
  info = max(infos, key=lambda info: info.end - info.begin)
  command_line(plait.command("cat", coded, info.name) + [">", "tensor.bin"])
  start = time.perf_counter()
  data = plait.checked("cat", coded, info.name)
  milliseconds = 1000 * (time.perf_counter() - start)
  if data != file.data(info.name):
    raise DemoError(f"tensor {info.name} differs from the original's: this is a bug")
  shape = " x ".join(str(dimension) for dimension in info.shape) or "scalar"
  say(f"{len(data) / 1e6:.1f} MB ({info.dtype}, {shape}) in {bold(f'{milliseconds:.0f} ms')}, "
      f"{good('identical')} to the original's; the other {len(file.tensors) - 1} tensors were not read.")


def show_damage(plait: Plait, coded: pathlib.Path, folder: pathlib.Path) -> None:
  """Flips a bit in the middle of the largest payload of a copy."""
  damaged = folder / "damaged.plait.safetensors"
  shutil.copyfile(coded, damaged)
  payloads = [part for part in container_parts.read_parts(damaged) if part.kind == container_parts.PAYLOAD]
  part = max(payloads, key=lambda part: part.num_bytes)
  position = (part.begin + part.end) // 2
  with open(damaged, "r+b") as file:
    file.seek(position)
    byte = file.read(1)[0]
    file.seek(position)
    file.write(bytes([byte ^ 0x10]))
  command_line(plait.command("verify", damaged))
  done = plait.run("verify", damaged)
  if done.returncode != 3:
    raise DemoError(f"verify exits {done.returncode} on a damaged file, not 3: this is a bug")
  say(done.stderr.decode().replace(f"{folder}/", "").strip())
  say(f"exit status 3: bit 4 of byte {position:,} is the one that was flipped.")
  damaged.unlink()


def show_own_model() -> None:
  heading("Your own model")
  print("  plait compress model.safetensors        # -> model.plait.safetensors")
  print("  plait verify model.plait.safetensors    # plait cat FILE TENSOR: one tensor")
  print("  plait decompress model.plait.safetensors")


def demo(plait: Plait, original: pathlib.Path, what: str) -> None:
  size = original.stat().st_size
  threads = race.cores()
  with race.fast_folder(4 * size + (64 << 20)) as name:
    folder = pathlib.Path(name)
    heading(f"{original.name}: {size / 1e6:.1f} MB")
    say(f"{what}.")
    say(f"{threads} core{'s' * (threads > 1)}, as many threads for each; the file is in memory, results go to "
        f"{folder.parent}. plait also decodes and compares every block before its file appears.")
    touch(original)
    racers = contestants(plait, original, folder, threads)
    print_table(run_race(racers, size), size)
    ours = racers[-1]
    heading("There and back")
    compare(ours.restored, original)
    heading("One tensor out of the compressed file")
    show_cat(plait, original, ours.coded)
    heading("One bit flipped")
    show_damage(plait, ours.coded, folder)
  show_own_model()


def choose_file(name: str | None) -> tuple[pathlib.Path, str]:
  """Returns the file to show, and what it is."""
  if name is not None:
    path = pathlib.Path(name)
    if not path.is_file():
      raise DemoError(f"{name}: no such file")
    if path.stat().st_size == 0:
      raise DemoError(f"{name}: the file is empty")
    return path, "Your file"
  corpus = corpus_sizes.CORPORA[_DEFAULT_CORPUS]
  if not corpus_sizes.is_made(_DEFAULT_CORPUS):
    say(f"Getting a real bf16 model, {corpus.holds}: 187 MB to download, once.")
  try:
    path = corpus_sizes.corpus_path(_DEFAULT_CORPUS)
  except corpus_sizes.CorpusMissing as error:
    raise DemoError(f"{error}\nno network? ./dev demo FILE takes a .safetensors file of your own") from error
  weights = sum(math.prod(info.shape) for info in corpus_sizes.SafetensorsFile(path).tensors.values())
  return path, f"{corpus.holds}, {weights / 1e6:.0f} M weights, published as bf16"


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--plait", required=True, help="the binary")
  parser.add_argument("file", nargs="?", metavar="FILE")
  args = parser.parse_args()
  try:
    if shutil.which("zstd") is None:
      raise DemoError("zstd is missing: apt-get install zstd")
    if not os.access(args.plait, os.X_OK):
      raise DemoError(f"{args.plait} is missing: ./dev build makes it")
    demo(Plait(args.plait), *choose_file(args.file))
  except (DemoError, CommandFailed, OSError, ValueError) as error:
    print(f"demo: {error}", file=sys.stderr)
    return 1
  except KeyboardInterrupt:
    return 130
  return 0


if __name__ == "__main__":
  sys.exit(main())
