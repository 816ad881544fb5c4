#!/usr/bin/env python3
"""Scores KV coders on windows of test texts, and prints what they reach.

  kv_table.py score MODEL [--set tune] [--windows N]    scores what has not been scored; resumes
  kv_table.py sizes MODEL --plait PATH [--windows N]    what the real command makes of our base
  kv_table.py passkey MODEL --only PATTERN              how many numbers are still found
  kv_table.py table MODEL [--set tune] [--json]         prints the table from what has been scored

Scores are kept in the folder kv/scores of the corpora's cache. The set `test` is for figures that are told, the set
`tune` for choosing.
"""

import argparse
import dataclasses
import json
import pathlib
import re
import tempfile
from collections.abc import Callable

import numpy as np

import cachegen
import passkey
import plait_kv
import profile_stats
import scoring
import windows
from coders import Coder, Ours, Profile
from scoring import Scores, bits_at, estimate
from plait_command import Plait
from uniform import Uniform
from windows import kv

_LAYERS = {"smollm2": 30, "gemma3": 18}
_PASSKEYS = 10
_SIZED_SCALES = (1, 0, -1, -2)
_HEADS = {"smollm2": 3, "gemma3": 1}
# What is near the targets.
_BIN_FACTORS = (4, 8, 16)
_PAPER_LEVELS = {"smollm2": (4, 8, 16), "gemma3": (8, 16, 32)}


@dataclasses.dataclass(frozen=True)
class Candidate:
  """A coder to score.

  Attributes:
    name: of its scores.
    curve: the candidates of one curve differ in quality only.
    make: gives the coder, from the profile's chunks.
    unrotated: whether it codes keys before their rotation.
  """
  name: str
  curve: str
  make: Callable[[Profile], Coder]
  unrotated: bool = False


def candidates(model_name: str) -> list[Candidate]:
  """Returns the candidates for a model."""
  layers, heads = _LAYERS[model_name], _HEADS[model_name]
  steps = lambda: profile_stats.steps_of(profile_stats.read_stats(profile_stats.stats_path(model_name)))
  ours = lambda scale, refinements: lambda profile: Ours(steps(), scale, refinements, profile)
  found = [Candidate(f"ours{scale:+d}", "ours", ours(scale, 0)) for scale in (1, 0, -1, -2, -3)]
  found += [Candidate(f"ours+0r{number}", "ours, refined", ours(0, number)) for number in (1, 2)]
  for name, level in cachegen.sweep(layers, _BIN_FACTORS).items():
    found.append(Candidate(f"cachegen-{name}", "CacheGen", lambda _, level=level: cachegen.Released(level)))
  for levels in _PAPER_LEVELS[model_name]:
    make = lambda profile, levels=levels: cachegen.Paper(levels, profile)
    found.append(Candidate(f"paper-{levels}", "CacheGen, paper", make))
  for levels in (8, 16):
    make = lambda profile, levels=levels: Uniform(levels, heads, profile)
    found.append(Candidate(f"uniform-{levels}", "uniform + entropy", make))
  found += [Candidate(f"ours-pre{scale:+d}", "ours, pre-RoPE", ours(scale, 0), True) for scale in (0, -1)]
  return found


def scores_path(model_name: str, window: str, name: str):
  return kv.folder() / "scores" / f"{model_name}-{window}-{name}.npz"


def make_coders(model_name: str, chosen: list[Candidate]) -> dict[str, Coder]:
  """Returns coders by name, with tables from the profile's texts."""
  coders = {}
  for unrotated in (False, True):
    some = [one for one in chosen if one.unrotated == unrotated]
    if some:
      profile = scoring.profile_chunks(model_name, unrotated)
      coders |= {one.name: one.make(profile) for one in some}
  return coders


def score(model_name: str, names: list[str], only: str) -> None:
  """Scores every candidate on every window where it has no scores, window by window."""
  missing = lambda one, text: not scores_path(model_name, text, one.name).exists()
  chosen = [one for one in candidates(model_name)
            if re.match(only, one.name) and any(missing(one, text) for text in names)]
  coders = make_coders(model_name, chosen)
  model = kv.load_model(model_name)
  for text in names:
    some = [one for one in chosen if missing(one, text)]
    if not some:
      continue
    window = windows.load(model_name, model, text)
    exact = scoring.exact_of(model, window)
    print(f"{text}: perplexity {exact.perplexity():.2f}", flush=True)
    for one in some:
      bits, cache = scoring.restore(model, window, coders[one.name], one.unrotated)
      damage = exact.damage_of(cache)
      scoring.save(scores_path(model_name, text, one.name), bits, damage)
      shown = ", ".join(f"{key} {value:.3f}" for key, value in bits.items())
      print(f"  {one.name}: {shown}; KL {damage.divergence.mean():.5f}", flush=True)


def count_passkeys(model_name: str, count: int, only: str) -> None:
  """Prints how many of the keys that the exact cache finds are found with each candidate."""
  chosen = [one for one in candidates(model_name) if re.match(only, one.name)]
  coders = make_coders(model_name, chosen)
  model = kv.load_model(model_name)
  found = {one.name: 0 for one in chosen}
  exact = 0
  for trial in passkey.trials(model_name, count):
    window = passkey.window_of(model_name, model, trial)
    if not trial.passed(model, windows.as_cache(model, window.prefix.keys, window.prefix.values)):
      continue
    exact += 1
    for one in chosen:
      found[one.name] += trial.passed(model, scoring.restore(model, window, coders[one.name], one.unrotated)[1])
  counted = "" if exact >= passkey.MIN_EXACT * count else ", too few to count"
  print(f"{model_name}: the exact cache finds {exact} of {count} keys{counted}; of those: {found}")


def sizes_path(model_name: str, window: str, scale: int):
  return kv.folder() / "scores" / f"{model_name}-{window}-ours{scale:+d}-plait.json"


def measure_sizes(model_name: str, plait: Plait, names: list[str]) -> None:
  """Saves the bits of an element of the command's base, at every scale, with classes alone and with contexts."""
  model = kv.load_model(model_name)
  with tempfile.TemporaryDirectory(dir=kv.folder()) as folder:
    dump, objects, profile = (pathlib.Path(folder) / name for name in ("dump.safetensors", "objects", "profile"))
    for scale in _SIZED_SCALES:
      found = {text: {} for text in names if not sizes_path(model_name, text, scale).exists()}
      for accounting in ("contexts", "classes") if found else ():
        plait_kv.make_profile(plait, model_name, profile, scale, accounting == "classes")
        for text, bits in found.items():
          prefix = windows.load(model_name, model, text).prefix
          plait_kv.write_prefix(dump, model, prefix)
          encoded = plait_kv.encode(plait, dump, profile, objects)
          bits[f"plait {accounting}"] = 8 * encoded.prefix_bytes[0] / (2 * prefix.keys.size)
          print(text, scale, bits, flush=True)
      for text, bits in found.items():
        sizes_path(model_name, text, scale).write_text(json.dumps(bits))


# (curve, accounting, name for people)
_CURVES = (
    ("ours", "plait contexts", "plait kv, contexts"),
    ("ours", "plait classes", "plait kv, classes"),
    ("ours", "contexts", "ours, contexts"),
    ("ours", "classes", "ours, classes"),
    ("ours, refined", "contexts", "ours, base + refinements, contexts"),
    ("ours, refined", "classes", "ours, base + refinements, classes"),
    ("ours, pre-RoPE", "contexts", "ours, pre-RoPE, contexts"),
    ("ours, pre-RoPE", "classes", "ours, pre-RoPE, classes"),
    ("CacheGen", "tables free", "CacheGen, tables not counted"),
    ("CacheGen", "shipped", "CacheGen as shipped"),
    ("CacheGen, paper", "paper", "CacheGen, paper's form"),
    ("uniform + entropy", "classes", "uniform + entropy"),
)
_TARGETS = (
    ("KL 0.01", scoring.mean_divergence, 0.01),
    ("KL 0.001", scoring.mean_divergence, 0.001),
    ("top-1 99 %", scoring.disagreement, 0.01),
)
_OTHERS = ("CacheGen, tables not counted", "CacheGen as shipped", "CacheGen, paper's form", "uniform + entropy")
_OURS = ("plait kv, contexts", "plait kv, classes", "ours, contexts", "ours, classes")
_RATIOS = tuple((ours, other) for other in _OTHERS for ours in _OURS)


class Table:
  """The candidates that have been scored on all of some windows."""

  def __init__(self, model_name: str, names: list[str]):
    self._names = {one.name: one.curve for one in candidates(model_name)}
    self.scores = {}
    for name in self._names:
      paths = [scores_path(model_name, text, name) for text in names]
      if all(path.exists() for path in paths):
        self.scores[name] = scoring.joined([scoring.load(path) for path in paths])
    for scale in _SIZED_SCALES:
      paths = [sizes_path(model_name, text, scale) for text in names]
      if f"ours{scale:+d}" in self.scores and all(path.exists() for path in paths):
        sizes = [json.loads(path.read_text()) for path in paths]
        bits = self.scores[f"ours{scale:+d}"].bits
        bits |= {key: np.array([one[key] for one in sizes]) for key in sizes[0]}
    self.windows = len(names)

  def curve(self, curve: str) -> list[Scores]:
    members = {curve, "ours"} if curve == "ours, refined" else {curve}
    only_base = lambda name: curve != "ours, refined" or name in ("ours+0",) or self._names[name] == curve
    return [found for name, found in self.scores.items() if self._names[name] in members and only_base(name)]

  def bits_at(self, label: str, figure, target: float, chosen=slice(None)) -> float:
    curve, accounting = next((curve, accounting) for curve, accounting, name in _CURVES if name == label)
    members = [found for found in self.curve(curve) if accounting in found.bits]
    return bits_at(members, accounting, target, figure, chosen) if members else float("nan")

  def candidate_rows(self) -> list[dict]:
    """Returns for each candidate its bits and its damage."""
    rows = []
    for name, found in self.scores.items():
      divergence, agreed, extra = found.damage.divergence, found.damage.agreed, found.damage.extra_loss
      figures = {
          "kl": lambda chosen, one=divergence: one[chosen].mean(),
          "kl_99": lambda chosen, one=divergence: np.percentile(one[chosen], 99),
          "top1_percent": lambda chosen, one=agreed: 100 * one[chosen].mean(),
          "perplexity_percent": lambda chosen, one=extra: 100 * np.expm1(one[chosen].mean()),
      }
      rows.append({"name": name, "bits": {key: float(bits.mean()) for key, bits in found.bits.items()}} |
                  {key: dataclasses.asdict(estimate(figure, self.windows)) for key, figure in figures.items()})
    return rows

  def target_rows(self) -> list[dict]:
    """Returns for each curve the bits at each target."""
    return [{"name": label, "targets": {
        text: dataclasses.asdict(estimate(lambda chosen: self.bits_at(label, figure, target, chosen), self.windows))
        for text, figure, target in _TARGETS}} for _, _, label in _CURVES]  # yapf: disable

  def ratio_rows(self) -> list[dict]:
    """Returns how many times larger other curves are than ours at each target."""
    rows = []
    for ours, other in _RATIOS:
      ratio = lambda chosen, figure, target: (self.bits_at(other, figure, target, chosen) /
                                              self.bits_at(ours, figure, target, chosen))
      rows.append({"name": f"{other} / {ours}", "targets": {
          text: dataclasses.asdict(estimate(lambda chosen: ratio(chosen, figure, target), self.windows))
          for text, figure, target in _TARGETS}})  # yapf: disable
    return rows


def _show(found: dict, digits: int) -> str:
  if np.isnan(found["value"]):
    return "-"
  return f"{found['value']:.{digits}f} ({found['low']:.{digits}f}-{found['high']:.{digits}f})"


def print_table(model_name: str, table: Table) -> None:
  """Prints markdown; brackets are 95 % confidence intervals over windows."""
  tokens = table.windows * windows.SCORED_TOKENS
  print(f"## {model_name}: {table.windows} windows, {tokens} scored tokens\n")
  print("| coder | bits of an element | mean KL | KL, 99 % | top-1 % | perplexity % |\n|---|---|---|---|---|---|")
  for row in table.candidate_rows():
    bits = ", ".join(f"{key} {value:.2f}" for key, value in row["bits"].items())
    print(f"| {row['name']} | {bits} | {_show(row['kl'], 5)} | {_show(row['kl_99'], 4)} | "
          f"{_show(row['top1_percent'], 2)} | {_show(row['perplexity_percent'], 2)} |")
  for title, rows in (("bits at", table.target_rows()), ("ratio at", table.ratio_rows())):
    print(f"\n| {title} | " + " | ".join(text for text, _, _ in _TARGETS) + " |\n" + "|---" * (1 + len(_TARGETS)) + "|")
    for row in rows:
      cells = [_show(found, 2) for found in row["targets"].values()]
      if any(cell != "-" for cell in cells):
        print(f"| {row['name']} | " + " | ".join(cells) + " |")


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("command", choices=("score", "sizes", "passkey", "table"))
  parser.add_argument("model", choices=tuple(_LAYERS))
  parser.add_argument("--set", default="test", choices=("tune", "test"))
  parser.add_argument("--windows", type=int, help="only the first so many")
  parser.add_argument("--only", default="", help="only candidates whose name begins so: a pattern")
  parser.add_argument("--plait", help="the command, for sizes")
  parser.add_argument("--json", action="store_true")
  args = parser.parse_args()
  names = windows.names(args.set)[:args.windows]
  if args.command == "score":
    score(args.model, names, args.only)
    return
  if args.command == "sizes":
    measure_sizes(args.model, Plait(args.plait), names)
    return
  if args.command == "passkey":
    count_passkeys(args.model, _PASSKEYS, args.only)
    return
  table = Table(args.model, names)
  if args.json:
    rows = {"candidates": table.candidate_rows(), "targets": table.target_rows(), "ratios": table.ratio_rows()}
    print(json.dumps(rows, indent=1))
  else:
    print_table(args.model, table)


if __name__ == "__main__":
  main()
