"""Rows of `kv` about damage: what restored caches do to two small models, and at which size, beside CacheGen.

A window is coded by the real command; its prefix of 2,048 tokens is restored at each quality, and the next 512 tokens
are scored against the exact cache. bench/kv/kv_table.py scores more windows and more coders.
"""

import dataclasses
import functools
import math
import pathlib
import sys

from rows import Bench, Outcome, Row, require

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "kv"))

import windows  # pylint: disable=wrong-import-position
import cachegen  # pylint: disable=wrong-import-position
import corpus_sizes  # pylint: disable=wrong-import-position
import passkey  # pylint: disable=wrong-import-position
import plait_kv  # pylint: disable=wrong-import-position
import scoring  # pylint: disable=wrong-import-position
from scoring import Scores  # pylint: disable=wrong-import-position
from windows import kv  # pylint: disable=wrong-import-position

_WINDOWS = 5  # the first of the test set: 2,560 scored tokens
_SCALES = (1, 0, -1, -2, -3)  # of the base, in octaves
_BIN_FACTORS = (4, 8, 16)  # of the bins of level 2, which become at most 255
_PAPER_LEVELS = {"smollm2": (4, 8), "gemma3": (16, 32)}  # those about KL 0.01
_PASSKEYS = 10
_KL = scoring.mean_divergence


@dataclasses.dataclass(frozen=True)
class Against:
  """One comparison: ours is so many times smaller than another coder at a target."""
  name: str
  ours: str
  other: str
  accounting: str
  figure: object
  target: float
  least: float


_COMPARISONS = (
    Against("KL 0.01, classes, CacheGen's tables not counted", "classes", "cachegen", "tables free", _KL, 0.01, 1.4),
    Against("KL 0.01, contexts, CacheGen's tables not counted", "contexts", "cachegen", "tables free", _KL, 0.01, 1.45),
    Against("KL 0.001, contexts, CacheGen's tables not counted", "contexts", "cachegen", "tables free", _KL, 0.001,
            1.3),
    Against("KL 0.01, contexts, CacheGen as shipped", "contexts", "cachegen", "shipped", _KL, 0.01, 2.4),
    Against("KL 0.01, contexts, CacheGen's paper", "contexts", "paper", "paper", _KL, 0.01, 1.7),
    Against("top-1 99 %, contexts, CacheGen's tables not counted", "contexts", "cachegen", "tables free",
            scoring.disagreement, 0.01, 1.2),
)


class Quality:
  """One model: the command and the baselines on the same windows, each scored once."""

  def __init__(self, bench: Bench, model_name: str):
    self._plait = bench.plait
    self._name = model_name
    self._folder = bench.work / f"kv-{model_name}"

  @functools.cached_property
  def _model(self):
    for name in (f"dequantized-{self._name}", f"{self._name}-config", f"{self._name}-gguf"):
      corpus_sizes.corpus_path(name)
    self._folder.mkdir(exist_ok=True)
    return kv.load_model(self._name)

  def _profile(self, scale: int, accounting: str) -> pathlib.Path:
    path = self._folder / f"{accounting}{scale:+d}.profile"
    if not path.exists():
      plait_kv.make_profile(self._plait, self._name, path, scale, accounting == "classes")
    return path

  def _restored(self, window: windows.Window, scale: int):
    """Returns ({accounting: bits}, keys, values) of a base by the command."""
    dump, objects, out = (self._folder / name for name in ("dump.safetensors", "objects", "out.safetensors"))
    plait_kv.write_prefix(dump, self._model, window.prefix)
    bits = {}
    for accounting in ("classes", "contexts"):
      profile = self._profile(scale, accounting)
      encoded = plait_kv.encode(self._plait, dump, profile, objects)
      bits[accounting] = 8 * encoded.prefix_bytes[0] / (2 * window.prefix.keys.size)
    return bits, *plait_kv.decode(self._plait, objects, profile, 0, out)

  @functools.cached_property
  def _baselines(self) -> dict[str, list]:
    released = map(cachegen.Released, cachegen.sweep(self._model.layers, _BIN_FACTORS).values())
    profile = scoring.profile_chunks(self._name)
    paper = [cachegen.Paper(levels, profile) for levels in _PAPER_LEVELS[self._name]]
    return {"cachegen": list(released), "paper": paper}

  @functools.cached_property
  def curves(self) -> dict[str, list[Scores]]:
    """Returns the scores of each quality: "ours", "cachegen" and "paper"."""
    parts: dict[tuple[str, int], list] = {}
    for name in windows.names("test")[:_WINDOWS]:
      window = windows.load(self._name, self._model, name)
      exact = scoring.exact_of(self._model, window)
      for number, scale in enumerate(_SCALES):
        bits, keys, values = self._restored(window, scale)
        damage = exact.damage_of(windows.as_cache(self._model, keys, values))
        parts.setdefault(("ours", number), []).append((bits, damage))
      for curve, coders in self._baselines.items():
        for number, coder in enumerate(coders):
          bits, cache = scoring.restore(self._model, window, coder, unrotated=False)
          parts.setdefault((curve, number), []).append((bits, exact.damage_of(cache)))
    curves: dict[str, list[Scores]] = {}
    for (curve, _), found in parts.items():
      curves.setdefault(curve, []).append(scoring.joined(found))
    return curves

  def compare(self, against: Against) -> Outcome:
    at = lambda curve, accounting: scoring.bits_at(self.curves[curve], accounting, against.target, against.figure)
    ours, other = at("ours", against.ours), at(against.other, against.accounting)
    if math.isnan(other):
      return Outcome(True, f"not counted: the other reaches it with no bins; ours {ours:.2f} bits of an element")
    require(not math.isnan(ours), f"no quality of ours reaches {against.target}")
    text = f"{other / ours:.2f}x: ours {ours:.2f}, the other {other:.2f} bits of an element"
    return Outcome(other / ours >= against.least, text)

  def damage(self) -> Outcome:
    """Says what the base of scale 0 does."""
    scores = self.curves["ours"][_SCALES.index(0)]
    kl = scoring.estimate(lambda chosen: _KL(scores, chosen), _WINDOWS)
    agreed = 100 * (1 - scoring.disagreement(scores))
    text = (f"KL {kl.value:.4f} ({kl.low:.4f} to {kl.high:.4f}), the likeliest token the same for {agreed:.1f} %, at "
            f"{scores.bits['contexts'].mean():.2f} bits of an element; {scores.damage.divergence.size} tokens")
    return Outcome(0.005 <= kl.value <= 0.02, text)

  def passkey(self) -> Outcome:
    """Says how many keys are still found with the base of scale 0, where the exact cache finds enough."""
    found = exact = 0
    for trial in passkey.trials(self._name, _PASSKEYS):
      window = passkey.window_of(self._name, self._model, trial)
      if trial.passed(self._model, windows.as_cache(self._model, window.prefix.keys, window.prefix.values)):
        exact += 1
        _, keys, values = self._restored(window, 0)
        found += trial.passed(self._model, windows.as_cache(self._model, keys, values))
    if exact < passkey.MIN_EXACT * _PASSKEYS:
      return Outcome(True, f"not counted: the exact cache finds {exact} of {_PASSKEYS}")
    return Outcome(found >= 0.9 * exact, f"{found} of the {exact} that the exact cache finds, of {_PASSKEYS}")


def _rows_of(bench: Bench, model_name: str) -> list[Row]:
  quality = Quality(bench, model_name)
  name = f"quality, {model_name}"
  rows = [Row(f"{name}: base of the profile", "mean KL 0.005 to 0.02", quality.damage)]
  rows += [Row(f"{name}: {one.name}", f">= {one.least:g}x smaller", functools.partial(quality.compare, one))
           for one in _COMPARISONS]
  return rows + [Row(f"{name}: passkeys", ">= 90 % of those that the exact cache finds", quality.passkey)]


def make_rows(bench: Bench) -> list[Row]:
  return [row for model_name in kv.MODELS for row in _rows_of(bench, model_name)]
