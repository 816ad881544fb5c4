"""Scores coders on windows: bits of an element beside the damage done, with confidence intervals over windows."""

import dataclasses
import pathlib

import numpy as np

import windows
from coders import Coder, Profile
from damage import Damage, Exact
from reference_model import ReferenceModel, from_bf16, rounded
from windows import CHUNK_TOKENS, Window, kv, planes

_RESAMPLES = 1000
_PROFILE_TEXTS = ("profile-prose", "profile-code", "profile-mixed")


@dataclasses.dataclass(frozen=True)
class Scores:
  """What one coder did on some windows.

  Attributes:
    bits: by accounting, bits of an element, [windows].
    damage: [windows, scored tokens] each.
  """
  bits: dict[str, np.ndarray]
  damage: Damage


def load(path: pathlib.Path) -> tuple[dict[str, float], Damage]:
  """Returns what a coder did on one window."""
  found = np.load(path)
  bits = {name.removeprefix("bits/"): float(found[name]) for name in found if name.startswith("bits/")}
  return bits, Damage(*(found[field.name] for field in dataclasses.fields(Damage)))


def save(path: pathlib.Path, bits: dict[str, float], damage: Damage) -> None:
  """Saves what a coder did on one window."""
  path.parent.mkdir(parents=True, exist_ok=True)
  np.savez(path, **{f"bits/{name}": length for name, length in bits.items()}, **vars(damage))


def profile_chunks(model_name: str, unrotated: bool = False, every: int = 2) -> Profile:
  """Returns every so many-th chunk of the profile's texts."""
  chunks = []
  for text in _PROFILE_TEXTS:
    found = planes.read(kv.get(f"{model_name}-{text}"))
    layers = range(planes.num_layers(found))
    stacked = {plane: np.stack([found[f"layers.{layer}.{plane}"] for layer in layers])
               for plane in ("k_pre_rope" if unrotated else "k", "v")}
    tokens = next(iter(stacked.values())).shape[1]
    for begin in range(0, tokens, CHUNK_TOKENS * every):
      cut = [from_bf16(plane[:, begin:begin + CHUNK_TOKENS].reshape(len(plane), CHUNK_TOKENS, -1))
             for plane in stacked.values()]
      chunks.append(tuple(cut))
  return chunks


def restore(model: ReferenceModel, window: Window, coder: Coder, unrotated: bool):
  """Returns ({accounting: bits of an element}, restored cache) of a window's prefix, coded chunk by chunk.

  Args:
    model: the model.
    window: the window.
    coder: the coder.
    unrotated: whether it codes keys as they are before their rotation.
  """
  total: dict[str, float] = {}
  restored = []
  for number, chunk in enumerate(window.prefix.chunks()):
    keys = chunk.unrotated if unrotated else chunk.keys
    bits, *found = coder.encode(keys, chunk.values, number * CHUNK_TOKENS)
    restored.append(found)
    total = {name: total.get(name, 0) + length for name, length in bits.items()}
  keys, values = (rounded(np.concatenate(part, axis=1)) for part in zip(*restored))
  if unrotated:
    keys = windows.rotate_keys(model, keys)
  elements = 2 * keys.size
  return {name: length / elements for name, length in total.items()}, windows.as_cache(model, keys, values)


def exact_of(model: ReferenceModel, window: Window, every: int = 1) -> Exact:
  """Returns the predictions with the exact cache."""
  cache = windows.as_cache(model, window.prefix.keys, window.prefix.values)
  return Exact(model, cache, window.scored_ids, window.following_ids, every)


def joined(parts: list[tuple[dict[str, float], Damage]]) -> Scores:
  """Returns the scores of a coder from those of each window."""
  bits = {name: np.array([bits[name] for bits, _ in parts]) for name in parts[0][0]}
  fields = [field.name for field in dataclasses.fields(Damage)]
  return Scores(bits, Damage(*(np.stack([getattr(damage, field) for _, damage in parts]) for field in fields)))


@dataclasses.dataclass(frozen=True)
class Estimate:
  """A figure and its 95 % confidence interval."""
  value: float
  low: float
  high: float


def resampled(num_windows: int) -> list[np.ndarray]:
  """Returns the windows themselves, then draws of as many with replacement, the same ones each time."""
  random = np.random.default_rng(7)
  return [np.arange(num_windows)] + [random.integers(0, num_windows, num_windows) for _ in range(_RESAMPLES)]


def estimate(figure, num_windows: int) -> Estimate:
  """Returns figure(indices of windows) with its interval, by drawing windows again."""
  found = np.array([figure(chosen) for chosen in resampled(num_windows)])
  low, high = np.nanpercentile(found[1:], (2.5, 97.5)) if np.isfinite(found[0]) else (np.nan, np.nan)
  return Estimate(float(found[0]), float(low), float(high))


def mean_divergence(scores: Scores, chosen=slice(None)) -> float:
  return float(scores.damage.divergence[chosen].mean())


def disagreement(scores: Scores, chosen=slice(None)) -> float:
  """Returns the share of tokens whose likeliest successor is another."""
  return float(1 - scores.damage.agreed[chosen].mean())


def bits_at(curve: list[Scores], accounting: str, target: float, figure=mean_divergence, chosen=slice(None)) -> float:
  """Returns the bits at which a curve of qualities has a figure of so much; nan where it does not reach it.

  Between two qualities bits are linear in the logarithm of the figure.
  """
  points = sorted((float(scores.bits[accounting][chosen].mean()), figure(scores, chosen)) for scores in curve)
  for (bits, worse), (more_bits, better) in zip(points, points[1:]):
    if better <= target <= worse and better < worse:
      share = np.log(worse / target) / np.log(worse / max(better, 1e-12))
      return bits + share * (more_bits - bits)
  return float("nan")
