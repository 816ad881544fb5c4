"""Contests: programs that stand ready and take turns, and what their times say. Only times of one round are compared.

A server is a program that prepares entrants and then runs one whenever it is asked to: the protocol is described in
bench/peers/peers_server.cc.
"""

import dataclasses
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterable

LEAST_ROUNDS = 9


class ContestFailed(Exception):
  """A server did not do what it should; the message has its name and last words."""


@dataclasses.dataclass(frozen=True)
class Spread:
  """Figures of several rounds."""
  median: float
  least: float
  most: float

  def __str__(self) -> str:
    return f"{self.median:.2f} ({self.least:.2f}-{self.most:.2f})"


def spread(values: Iterable[float]) -> Spread:
  values = list(values)
  return Spread(statistics.median(values), min(values), max(values))


@dataclasses.dataclass(frozen=True, order=True)
class Entrant:
  """What is run in a round: a codec at a task, which is "copy", "decode", "decode, checked" or "encode"."""
  codec: str
  task: str

  def __str__(self) -> str:
    return f"{self.codec}: {self.task}"


class Server:
  """A running server, pinned to one core if one is given. Close it, or use it as a context.

  Attributes:
    bits: bits per weight by codec.
    entrants: in the server's order.
    skipped: why a codec was left out, by its name.
    weight_bytes, weights: of the sample.
  """

  def __init__(self, command: list, core: int | None = None, environment: dict[str, str] | None = None):
    self._name = os.path.basename(str(command[0]))
    self._messages = tempfile.TemporaryFile()
    pin = None if core is None else lambda: os.sched_setaffinity(0, {core})
    self._process = subprocess.Popen(
        [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._messages,
        text=True, preexec_fn=pin, env=dict(os.environ, **(environment or {})))  # yapf: disable
    hello = json.loads(self._line())
    self.weight_bytes: int = hello["weight_bytes"]
    self.weights: int = hello["weights"]
    self.entrants = [Entrant(entry["codec"], entry["task"]) for entry in hello["entrants"]]
    self.bits = {entry["codec"]: entry["bits_per_weight"] for entry in hello["entrants"] if "bits_per_weight" in entry}
    self.skipped = {entry["codec"]: entry["reason"] for entry in hello["skipped"]}

  def _line(self) -> str:
    line = self._process.stdout.readline()
    if not line:
      self.close()
      self._messages.seek(0)
      words = self._messages.read().decode(errors="replace").strip().splitlines() or ["no message"]
      self._messages.close()
      raise ContestFailed(f"{self._name}: exit status {self._process.returncode}: {words[-1]}")
    return line

  def run(self, entrant: Entrant) -> float:
    """Returns the seconds of one run."""
    try:
      print(entrant, file=self._process.stdin, flush=True)
    except BrokenPipeError:
      pass  # the line that does not come says why
    return float(self._line())

  def close(self) -> None:
    try:
      self._process.stdin.close()
    except BrokenPipeError:
      pass
    self._process.wait()
    self._process.stdout.close()

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.close()
    self._messages.close()


@dataclasses.dataclass(frozen=True)
class Results:
  """The times of a contest.

  Attributes:
    num_bytes: of the original data, which every entrant handled once a round.
    seconds: by entrant, a time for each round.
    bits: bits per weight by codec, of those that have any.
    skipped: why a codec was left out, by its name.
  """
  num_bytes: int
  seconds: dict[Entrant, list[float]]
  bits: dict[str, float] = dataclasses.field(default_factory=dict)
  skipped: dict[str, str] = dataclasses.field(default_factory=dict)

  @property
  def rounds(self) -> int:
    return len(next(iter(self.seconds.values())))

  def speed(self, entrant: Entrant) -> Spread:
    """Returns GB (1e9 original bytes) a second."""
    return spread(self.num_bytes / 1e9 / seconds for seconds in self.seconds[entrant])

  def ratio(self, entrant: Entrant, reference: Entrant) -> Spread:
    """Returns how many times as fast as `reference` the entrant was, round by round."""
    return spread(base / own for own, base in zip(self.seconds[entrant], self.seconds[reference], strict=True))

  def fastest(self, codecs: Iterable[str], task: str) -> Entrant:
    """Returns the fastest, by its median, of those codecs that were there at all."""
    there = [Entrant(codec, task) for codec in codecs if Entrant(codec, task) in self.seconds]
    if not there:
      raise ContestFailed(f"none of these took part: {', '.join(codecs)}")
    return max(there, key=lambda entrant: self.speed(entrant).median)

  def to_json(self) -> dict:
    """Returns everything, speeds and paired ratios to a streaming copy included, as plain data."""
    copy = Entrant("streaming copy", "copy")
    rows = []
    for entrant, seconds in self.seconds.items():
      row = {"codec": entrant.codec, "task": entrant.task, "seconds": [round(value, 9) for value in seconds]}
      row["gigabytes_per_second"] = _rounded(self.speed(entrant))
      if copy in self.seconds:
        row["of_streaming_copy"] = _rounded(self.ratio(entrant, copy))
      if entrant.codec in self.bits:
        row["bits_per_weight"] = round(self.bits[entrant.codec], 4)
      rows.append(row)
    return {"bytes": self.num_bytes, "rounds": self.rounds, "rows": rows, "skipped": self.skipped}


def _rounded(figures: Spread) -> dict[str, float]:
  return {name: round(value, 4) for name, value in dataclasses.asdict(figures).items()}


def take_turns(runs: dict[Entrant, Callable[[], float]], rounds: int) -> dict[Entrant, list[float]]:
  """Runs everything once a round and returns the seconds; one round before those warms up and does not count.

  The order turns around from round to round, so that nobody always follows the same neighbour.
  """
  if rounds < LEAST_ROUNDS:
    raise ValueError(f"rounds: found {rounds}, expected at least {LEAST_ROUNDS}")
  seconds: dict[Entrant, list[float]] = {entrant: [] for entrant in runs}
  for round_number in range(rounds + 1):
    order = list(runs) if round_number % 2 == 0 else list(reversed(runs))
    for entrant in order:
      took = runs[entrant]()
      if round_number > 0:
        seconds[entrant].append(took)
  return seconds


def race(servers: list[Server], rounds: int) -> Results:
  """Lets all entrants of all servers, which hold the same sample, take turns."""
  sizes = {(server.weight_bytes, server.weights) for server in servers}
  if len(sizes) != 1:
    raise ContestFailed(f"the servers hold different samples: {sorted(sizes)}")
  runs = {entrant: lambda server=server, entrant=entrant: server.run(entrant)
          for server in servers for entrant in server.entrants}  # yapf: disable
  bits = {codec: value for server in servers for codec, value in server.bits.items()}
  skipped = {codec: reason for server in servers for codec, reason in server.skipped.items()}
  return Results(servers[0].weight_bytes, take_turns(runs, rounds), bits, skipped)
