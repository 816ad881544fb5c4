"""Turns what kernels ask of an SM, and of memory, into a predicted speed: writes ROOFLINE.md. Needs no CUDA.

One rule for every row: the slowest of memory, each pipe, and the latency of one warp divided by the warps that an SM
holds, each at EFFICIENCY of its peak. Nothing is fitted per row.
"""

import argparse
import dataclasses
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE / "ROOFLINE.md"
EFFICIENCY = 0.8
UNIT_WEIGHTS = 2048
TOLERANCE = 0.25
BF16_BYTES = 2
# The fused GEMV over tier-coded weights: what its busiest pipe may take, and what real transformers' weights take.
BUDGET_CLOCKS = 198
CODED_BITS = 10.75
WANTED_SPEEDUP = 1.3
MEMORY, LATENCY = "memory", "latency"
# A kernel that asks for nothing but bytes.
MEMORY_ONLY = {"clocks": {}, "lone_warp_clocks": 0, "resident_warps": 1}


@dataclasses.dataclass(frozen=True)
class Machine:
  """A card by its data sheet."""
  name: str
  arch: str
  sms: int
  clock_ghz: float
  bandwidth_gb: float  # of memory, GB/s
  source: str


def machines(document: dict) -> dict[str, Machine]:
  """Returns the cards of machines.json by their keys."""
  return {key: Machine(**values) for key, values in document.items()}


@dataclasses.dataclass(frozen=True)
class Prediction:
  """How long UNIT_WEIGHTS weights take on the whole card, and what keeps them."""
  seconds: float
  limit: str

  @property
  def weights_per_second(self) -> float:
    """Of the whole card."""
    return UNIT_WEIGHTS / self.seconds


def predict(machine: Machine, counts: dict, bytes_per_weight: float) -> Prediction:
  """Returns the predicted time; `counts` is a Counts as JSON, for the machine's architecture."""
  per_clock = machine.sms * machine.clock_ghz * 1e9
  terms = {pipe: clocks / per_clock for pipe, clocks in counts["clocks"].items()}
  terms[LATENCY] = counts["lone_warp_clocks"] / counts["resident_warps"] / per_clock
  terms[MEMORY] = UNIT_WEIGHTS * bytes_per_weight / (machine.bandwidth_gb * 1e9)
  limit = max(terms, key=terms.get)
  return Prediction(terms[limit] / EFFICIENCY, limit)


def bf16_seconds(machine: Machine) -> float:
  """Returns the predicted time of a GEMV over UNIT_WEIGHTS bf16 weights, which only memory limits."""
  return UNIT_WEIGHTS * BF16_BYTES / (machine.bandwidth_gb * 1e9) / EFFICIENCY


def read_json(name: str) -> dict:
  """Returns what a file beside this one holds; nothing if there is none."""
  path = HERE / name
  return json.loads(path.read_text()) if path.is_file() else {}


@dataclasses.dataclass(frozen=True)
class Reproduced:
  """A published result beside the model's."""
  result: dict
  machine: Machine
  predicted: float
  limit: str

  @property
  def ratio(self) -> float:
    """Predicted by published."""
    return self.predicted / self.result["published_gb"]

  @property
  def within(self) -> bool:
    """Whether it is reproduced."""
    return abs(self.ratio - 1) <= TOLERANCE


def _predict_peer(machine: Machine, name: str, result: dict, peers: dict) -> Prediction:
  if name == "memory only":
    return predict(machine, MEMORY_ONLY, result["bytes_out_per_weight"])
  counts = peers[name]["counts"][result["counts"]]
  counts = {**counts, "resident_warps": result.get("resident_warps", counts["resident_warps"])}
  return predict(machine, counts, peers[name]["bytes_per_weight"])


def reproduce(result: dict, peers: dict, cards: dict[str, Machine]) -> Reproduced:
  """Predicts a published result: the kernels of a row run one after the other."""
  machine = cards[result["machine"]]
  predictions = [_predict_peer(machine, name, result, peers) for name in result["kernels"]]
  seconds = sum(prediction.seconds for prediction in predictions)
  slowest = max(predictions, key=lambda prediction: prediction.seconds)
  gigabytes = UNIT_WEIGHTS * result["bytes_out_per_weight"] / seconds / 1e9
  return Reproduced(result, machine, gigabytes, slowest.limit)


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
  lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
  return lines + ["| " + " | ".join(row) + " |" for row in rows]


def _machine_rows(cards: dict[str, Machine]) -> list[list[str]]:
  return [[card.name, card.arch, str(card.sms), f"{card.clock_ghz:.2f}", f"{card.bandwidth_gb:.0f}",
           f"{card.bandwidth_gb / card.sms / card.clock_ghz:.1f}", card.source] for card in cards.values()]


def _reproduced_rows(found: list[Reproduced]) -> list[list[str]]:
  return [[item.result["what"], item.machine.name, f"{item.result['published_gb']:g}", f"{item.predicted:.0f}",
           f"{item.ratio:.2f}", item.limit, "yes" if item.within else "**no**",
           item.result["note"]] for item in found]


def _peer_rows(peers: dict) -> list[list[str]]:
  rows = []
  for name, peer in peers.items():
    for arch, counts in peer["counts"].items():
      clocks = counts["clocks"]
      rows.append([name, arch, *(f"{clocks[pipe]:.0f}" for pipe in ("issue", "alu", "fma", "xu", "mio")),
                   f"{counts['lone_warp_clocks']:.0f}", str(counts["resident_warps"]), str(counts["registers"]),
                   f"{peer['bytes_per_weight']:.2f}"])
  return rows


def budget_row(card: Machine) -> list[str]:
  """Returns what a kernel that just keeps the budget reaches on a card; the efficiency falls out."""
  bytes_per_clock = card.bandwidth_gb / card.sms / card.clock_ghz
  plain = UNIT_WEIGHTS * BF16_BYTES / bytes_per_clock
  coded = UNIT_WEIGHTS * CODED_BITS / 8 / bytes_per_clock
  slowest = max(coded, BUDGET_CLOCKS)
  limit = MEMORY if coded >= BUDGET_CLOCKS else "the kernel"
  return [card.name, f"{plain:.0f}", f"{coded:.0f}", f"{plain / slowest:.2f}", limit, f"{plain / WANTED_SPEEDUP:.0f}"]


def _own_rows(counted: dict, tables: dict, cards: dict[str, Machine]) -> list[list[str]]:
  rows = []
  for name, by_arch in counted.items():
    if "bytes_per_weight" not in tables[name]:
      continue
    for card in (card for card in cards.values() if card.arch in by_arch):
      if not by_arch[card.arch]["resident_warps"]:
        rows.append([name, card.name, "does not fit", "shared memory", ""])
        continue
      found = predict(card, by_arch[card.arch], tables[name]["bytes_per_weight"])
      rows.append([name, card.name, f"{found.weights_per_second * BF16_BYTES / 1e9:.0f}", found.limit,
                   f"{bf16_seconds(card) / found.seconds:.2f}"])
  return rows


def _glyd_lines(glyd: dict, cards: dict[str, Machine]) -> list[str]:
  card = cards[glyd["machine"]]
  units = glyd["bf16_gb"] * 1e9 / BF16_BYTES / UNIT_WEIGHTS
  clocks = lambda milliseconds: milliseconds * 1e-3 * card.sms * card.clock_ghz * 1e9 / units
  tier, plain = clocks(glyd["tier_ms"]), clocks(glyd["bf16_ms"])
  coded = predict(card, MEMORY_ONLY, glyd["tier_gb"] / glyd["bf16_gb"] * BF16_BYTES)
  return [
      f"Published ({glyd['source']}): {glyd['model']} on {card.name}, GPU time of a token: bf16 {glyd['bf16_gb']} GB "
      f"in {glyd['bf16_ms']} ms, the tiered layout {glyd['tier_gb']} GB in {glyd['tier_ms']} ms: "
      f"{glyd['bf16_ms'] / glyd['tier_ms']:.2f}x. In our unit that is {plain:.0f} and {tier:.0f} SM-clocks per 2048 "
      "weights, everything else of a token included.", "",
      f"If only memory limited it, the model would predict {bf16_seconds(card) / coded.seconds:.2f}x for its bits. Its "
      "authors write that there \"the tiered one is bound by arithmetic\". By the model's rule, "
      f"{tier * EFFICIENCY:.0f} clocks of the busiest pipe per 2048 weights would explain its time. The budget of our "
      "tier GEMV is 198; what it needs is what `./dev cuda` counts. So the difference between its 0.70x and a "
      "prediction above 1 is work per weight, not bits per weight: a kernel as far over the budget would be as slow. "
      "Only published figures were used; nobody here has read that code, and no GPU has measured ours.",
  ]


_TOP = f"""# Roofline: predicted speeds

Written by `bench/gpu/roofline.py` from `machines.json`, `peers.json`, `published.json`, `kernels.json` and
`counts.json`; a test holds this page to them. **Every speed of a kernel of ours here is predicted; no GPU has run it.**

The model: time per 2048 weights = the largest of
- memory: bytes / bandwidth,
- each pipe (issue slots, ALU, FMA, XU, shared memory and loads): SM-clocks / (SMs x clock), counted by
  `sass_counts.py`,
- latency: clocks of one warp alone (dependent instructions, stalls and scoreboards as the code has them) / warps that
  an SM holds / (SMs x clock),

divided by {EFFICIENCY}, the only assumption about efficiency and the same in every row. Clocks are boost clocks. Not in
it: launches, tails, host time, power limits, and how pipes that are nearly equally busy slow each other. All of these
make real kernels slower, so a prediction is an upper end more than a middle.
"""

_PEERS_TEXT = """Counted from the authors' public sources, compiled outside this tree; what each count assumes is in
`peers.json`. SM-clocks per 2048 weights (DietGPU's byte codec: bytes)."""

_OWN_TEXT = """In bf16 GB/s: weights per second x 2. The last column compares with a bf16 GEMV at the same efficiency,
which only memory limits."""

_BUDGET_TEXT = f"""A fused GEMV whose busiest pipe takes {BUDGET_CLOCKS} SM-clocks per 2048 weights, on weights of
{CODED_BITS} bits, beside a bf16 GEMV that only memory limits, both at {EFFICIENCY} of their peaks. The last column is
what {WANTED_SPEEDUP}x needs. Beside a bf16 GEMV that reaches 0.89 of the bandwidth, as cuBLAS does above, take a tenth
off. On cards with more bytes per clock and SM than an H100 the budget is not enough."""

_BUDGET_HEADER = ["card", "bf16: clocks of memory", "coded: clocks of memory", "predicted, times bf16", "limited by",
                  f"clocks for {WANTED_SPEEDUP}x"]  # yapf: disable

_REPRODUCED_HEADER = ["what", "card", "published GB/s", "model GB/s", "model/published", "limited by", "within 25 %",
                      "note"]  # yapf: disable
_PEER_HEADER = ["kernel", "arch", "issue", "ALU", "FMA", "XU", "memory pipe", "lone warp", "warps", "registers",
                "DRAM bytes/weight"]  # yapf: disable


def page() -> str:
  """Returns the text of ROOFLINE.md."""
  cards = machines(read_json("machines.json"))
  peers, published = read_json("peers.json"), read_json("published.json")
  found = [reproduce(result, peers, cards) for result in published["results"]]
  codecs = [item for item in found if item.result["is_codec"]]
  within = sum(item.within for item in codecs)
  lines = [_TOP, "## Published results of others, reproduced", f"Codecs within 25 %: {within} of {len(codecs)}.", ""]
  lines += _table(_REPRODUCED_HEADER, _reproduced_rows(found))
  lines += ["", "### Their counts", _PEERS_TEXT, ""]
  lines += _table(_PEER_HEADER, _peer_rows(peers))
  lines += ["", "## Glyd's 0.70x on an H100, beside ours", *_glyd_lines(published["glyd"], cards)]
  lines += ["", "## What the budget allows: predicted", _BUDGET_TEXT, ""]
  lines += _table(_BUDGET_HEADER, [budget_row(card) for card in cards.values()])
  counted = read_json("counts.json")
  if counted:
    lines += ["", "## Our kernels: predicted", _OWN_TEXT, ""]
    lines += _table(["kernel", "card", "predicted bf16 GB/s", "limited by", "predicted, times bf16 GEMV"],
                    _own_rows(counted, read_json("kernels.json"), cards))
  lines += ["", "## Cards", ""]
  lines += _table(["card", "arch", "SMs", "boost GHz", "GB/s", "bytes/clock/SM", "source"], _machine_rows(cards))
  return "\n".join(lines) + "\n"


def main() -> int:
  """Writes the page, or checks it."""
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--check", action="store_true", help="only compare: exit status 1 if the page is stale")
  args = parser.parse_args()
  if args.check:
    return 0 if PAGE.read_text() == page() else 1
  PAGE.write_text(page())
  return 0


if __name__ == "__main__":
  sys.exit(main())
