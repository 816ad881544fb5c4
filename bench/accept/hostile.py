"""Rows of `breadth` about memory and hostile input: pipes of more than 5 GiB, headers and containers that lie, bombs.
"""

import functools
import json
import os
import pathlib
import resource
import struct
import subprocess
from collections.abc import Callable

from containers import memory, mib
from rows import Bench, Outcome, Row, log, require

import corpus_sizes
import samples
from files import same_bytes
from plait_command import watch_round_trip

_REJECT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "reject"
_MIB = 1 << 20
# Of heap and stacks as the kernel counts them: address space that was asked for, used or not.
_CAP = 768 * _MIB
_TIMEOUT_SECONDS = 120
_PIPED_BYTES = int(5.1 * (1 << 30))
_LARGE_SOURCE = "astra"
_SMALL_CORPUS = "cast-minilm"
_HEADER_LIMIT = 100_000_000
_BOMB_BYTES = 4 << 30
_LIMIT, _CORRUPT, _UNSUPPORTED = 1, 3, 4


def memory_of_pipes(bench: Bench) -> Outcome:
  """Pipes a large checkpoint, which is on no disk, through compress and decompress."""
  checkpoint = samples.RepeatedCheckpoint(corpus_sizes.corpus_path(_LARGE_SOURCE), _PIPED_BYTES, 4 * _MIB)
  there, back = watch_round_trip(
      bench.plait.command("compress", "-T2", "-c", "-"), bench.plait.command("decompress", "-T2", "-c", "-"),
      checkpoint.chunks(), checkpoint.chunks())
  size = sum(len(chunk) for chunk in checkpoint.chunks())
  outcomes = [memory(peak, size) for peak in (there, back)]
  text = f"compress {outcomes[0].measured}; decompress {outcomes[1].measured}; bytes identical"
  return Outcome(all(outcome.passed for outcome in outcomes), text)


def run_capped(bench: Bench, *args, piped: pathlib.Path | None = None) -> subprocess.CompletedProcess:
  """Runs plait with heap and stacks capped, and fails unless it ends by itself, with a message if not with success.

  `piped` names a file that comes through a pipe as stdin.
  """
  def cap() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (_CAP, _CAP))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

  feeder = subprocess.Popen(["cat", piped or os.devnull], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
  with feeder:
    done = subprocess.run(bench.plait.command(*args), stdin=feeder.stdout, capture_output=True, preexec_fn=cap,
                          timeout=_TIMEOUT_SECONDS, check=False)  # yapf: disable
  what = " ".join(os.path.basename(str(arg)) for arg in args)
  require(done.returncode >= 0, f"{what}: killed by signal {-done.returncode}")
  require(done.returncode == 0 or done.stderr.startswith(b"plait: "), f"{what}: no message")
  require(b"out of memory" not in done.stderr, f"{what}: runs out of {mib(_CAP)}")
  return done


# Originals.


def _safetensors(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
  return struct.pack("<Q", len(header) if length is None else length) + header + data


def _entry(name: str, shape: list, begin: int, end: int) -> bytes:
  return json.dumps({name: {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}}).encode()[1:-1]


def _tensors(*entries: tuple[str, list, int, int], data_bytes: int = 4) -> bytes:
  """Returns a file whose header lists (name, shape, begin, end), whatever its data has."""
  return _safetensors(b"{" + b",".join(_entry(*entry) for entry in entries) + b"}", bytes(data_bytes))


def _one_tensor(fields: bytes) -> bytes:
  return _safetensors(b'{"a":{' + fields + b"}}", bytes(4))


def _many_tensors() -> bytes:
  """Returns as many empty tensors as a header of the greatest length holds."""
  entry = '"%07d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
  count = (_HEADER_LIMIT - 2) // (len(entry % 0) + 1)
  header = "{" + ",".join(entry % i for i in range(count)) + "}"
  return _safetensors(header.ljust(_HEADER_LIMIT).encode())


# Each is made when its turn comes: some have 100 MB.
_ORIGINALS: dict[str, Callable[[], bytes]] = {
    "a header of 100 MB of spaces": lambda: _safetensors(b"{}".ljust(_HEADER_LIMIT)),
    "a header of 100 MB, one name": lambda: _safetensors(
        b"{" + _entry("n" * (_HEADER_LIMIT - 100), [0], 0, 0).ljust(_HEADER_LIMIT - 2) + b"}"),
    "a header of 100 MB of tensors": _many_tensors,
    "a header of 100 MB of metadata": lambda: _safetensors(
        b'{"__metadata__":{' + b",".join(b'"%08d":"value"' % i for i in range(4_900_000)) + b"}}"),
    "a header above the limit": lambda: _safetensors(b"{}".ljust(_HEADER_LIMIT + 1)),
    "1 MB of [": lambda: _safetensors(b"[" * _MIB),
    "1 MB of [ in a shape": lambda: _safetensors(b'{"a":{"dtype":"F32","shape":' + b"[" * _MIB),
    "objects 1 MB deep": lambda: _safetensors(b'{"a":' * (_MIB // 5)),
    "one name twice": lambda: _tensors(("a", [1], 0, 4), ("a", [1], 4, 8), data_bytes=8),
    "one field twice": lambda: _one_tensor(b'"dtype":"F32","dtype":"F64","shape":[1],"data_offsets":[0,4]'),
    "a length beyond the file": lambda: _safetensors(b"{}", length=1 << 40),
    "a length of 2^64 - 1": lambda: _safetensors(b"{}", length=(1 << 64) - 1),
    "a shape of 2^64 elements": lambda: _tensors(("a", [1 << 32, 1 << 32], 0, 4)),
    "a shape of 2^63 rows": lambda: _tensors(("a", [1 << 63], 0, 4)),
    "an exbibyte of data": lambda: _tensors(("a", [1 << 58], 0, 1 << 60)),
    "an end before its begin": lambda: _tensors(("a", [1], 4, 0)),
    "overlapping tensors": lambda: _tensors(("a", [2], 0, 8), ("b", [2], 4, 12), data_bytes=12),
    "a gap": lambda: _tensors(("a", [1], 4, 8), data_bytes=8),
    "negative numbers": lambda: _one_tensor(b'"dtype":"F32","shape":[-1],"data_offsets":[0,-4]'),
    "numbers beyond 64 bits": lambda: _one_tensor(b'"dtype":"F32","shape":[1e400],"data_offsets":[0,4]'),
    "70 dimensions": lambda: _tensors(("a", [1] * 70, 0, 4)),
    "a reserved name": lambda: _tensors(("__plait__", [1], 0, 4)),
    "a name that is a path": lambda: _tensors(("../../etc/passwd", [1], 0, 4)),
    "no UTF-8": lambda: _safetensors(b'{"\xff\xfe":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4)),
    "the first bytes of a container": lambda: _safetensors(b'{"__plait__":[' + b"[" * _MIB, bytes(100)),
    "the last bytes of a container": lambda: bytes(1000) + b"PLTPLAIT",
}  # yapf: disable


def hostile_originals(bench: Bench) -> Outcome:
  """Compresses and restores each under the cap; --force, because some look like containers."""
  original, container, back = (bench.work / name for name in ("hostile", "hostile.plait", "hostile-back"))
  for name, make in _ORIGINALS.items():
    original.write_bytes(make())
    for words in (["compress", "-f", "-T2", "-o", container, original], ["verify", "-T2", container],
                  ["list", container], ["inspect", container], ["decompress", "-f", "-T2", "-o", back, container]):
      done = run_capped(bench, *words)
      require(done.returncode == 0, f"{name}: {words[0]} exits {done.returncode}: {done.stderr.decode().strip()[:200]}")
    require(same_bytes(original, back), f"{name}: other bytes restored")
    log(f"   {name}")
  return Outcome(True, f"{len(_ORIGINALS)} files ({', '.join(_ORIGINALS)}): each compressed and restored within "
                 f"{mib(_CAP)}, by compress, verify, list, inspect, decompress")


# Containers.


def _container_texts() -> dict[str, bytes]:
  """Returns headers that begin like a container's."""
  return {
      "nested": _safetensors(b'{"__plait__":' + b"[" * _MIB, bytes(100)),
      "100 MB of tensors": _many_tensors().replace(b'{"0000000":', b'{"__plait__":', 1),
      "length of an exbibyte": _safetensors(b'{"__plait__":{}}', length=1 << 60),
      "last bytes alone": bytes(1 << 20) + b"PLTPLAIT",
  }


def _require_refused(bench: Bench, what: str, path: pathlib.Path) -> int:
  """Asks every verb, of the file and of a pipe; returns how many times."""
  out = bench.work / "hostile-out"
  decoding = [("verify", path), ("decompress", "-o", out, path), ("verify", "-"), ("decompress", "-o", out, "-")]
  # What only decoding finds these need not see.
  looking = [("verify", "--structure", path), ("list", path), ("inspect", path)]
  for words in decoding + looking:
    done = run_capped(bench, *words, piped=path if words[-1] == "-" else None)
    where = f"{what}: {' '.join(map(str, words[:2]))}"
    allowed = (_LIMIT, _CORRUPT, _UNSUPPORTED, *((0,) if words in looking else ()))
    require(done.returncode in allowed, f"{where}: exit {done.returncode}, expected one of {allowed}")
    require(not out.exists(), f"{where}: a file stands under the final name")
  return len(decoding + looking)


def hostile_containers(bench: Bench) -> Outcome:
  """Files that tests/golden/reject keeps, correctly sealed around a lie, and texts that begin like containers."""
  runs = 0
  files = sorted(path for path in _REJECT.iterdir() if path.suffix in (".plait", ".stream"))
  for path in files:
    runs += _require_refused(bench, path.name, path)
  texts = _container_texts()
  for what, data in texts.items():
    path = bench.work / "hostile.plait"
    path.write_bytes(data)
    runs += _require_refused(bench, what, path)
  text = (f"{len(files)} sealed forgeries, {len(texts)} texts, {runs} runs on files and pipes within {mib(_CAP)}: "
          "verify and decompress exit 3, 4, or 1 for a limit; no signal, no file")
  return Outcome(True, text)


def bomb(bench: Bench) -> Outcome:
  """A container that decodes to thousands of times its size costs time, not memory."""
  original, container = bench.work / "zeros", bench.work / "zeros.plait"
  with open(original, "wb") as file:
    file.truncate(_BOMB_BYTES)
  bench.plait.checked("compress", "--no-verify", "-o", container, original)
  for words in (["verify", container], ["inspect", container], ["cat", container, "__plait__.file", "--rows", "0:16"]):
    done = run_capped(bench, *words)
    require(done.returncode == 0, f"{words[0]} exits {done.returncode}: {done.stderr.decode().strip()}")
  size = container.stat().st_size
  text = f"{size} bytes that decode to {_BOMB_BYTES >> 30} GiB: verify, inspect and cat within {mib(_CAP)}"
  return Outcome(True, text)


def make_rows(bench: Bench) -> list[Row]:
  partial = functools.partial
  within = f"no crash, within {_CAP // _MIB} MiB"
  return [
      Row("memory: 5 GiB through pipes, -T2", "<= 512 MiB anonymous; identical", partial(memory_of_pipes, bench)),
      Row("hostile originals", f"restored, {within}", partial(hostile_originals, bench)),
      Row("hostile containers", f"refused, {within}", partial(hostile_containers, bench)),
      Row("a bomb", within, partial(bomb, bench)),
  ]
