"""What a restored KV cache does to a model: how far its predictions are from those with the exact cache."""

import dataclasses

import numpy as np

from reference_model import KvCache, ReferenceModel


@dataclasses.dataclass(frozen=True)
class Damage:
  """For each scored token: KL divergence from the exact prediction in nats, whether the likeliest token is the same,
  and how much more the token that follows is lost on, in nats."""
  divergence: np.ndarray
  agreed: np.ndarray
  extra_loss: np.ndarray


class Exact:
  """The predictions of some tokens with the exact cache.

  Args:
    model: the model.
    cache: of all tokens before; left as it is.
    ids: the tokens to give.
    following: for each, the token that follows.
    every: score only each `every`-th of them.
  """

  def __init__(self, model: ReferenceModel, cache: KvCache, ids: list[int], following: list[int], every: int = 1):
    self._model = model
    self._ids = ids
    self._every = every
    self._following = np.array(following)[::every]
    self._logits = [logits.copy() for logits in self._slices(cache)]
    self._log_sums = [_log_sums(logits) for logits in self._logits]

  def perplexity(self) -> float:
    """Returns exp of the mean loss of the tokens that follow."""
    logits, log_sums = np.concatenate(self._logits), np.concatenate(self._log_sums)
    return float(np.exp(np.mean(log_sums - logits[np.arange(len(logits)), self._following])))

  def damage_of(self, cache: KvCache) -> Damage:
    """Returns the damage done by a restored cache, which is left as it is."""
    return self.damage_of_logits(self._slices(cache))

  def damage_of_outputs(self, outputs: np.ndarray) -> Damage:
    """The same, from what the last layer and ReferenceModel.finish made of every token given."""
    return self.damage_of_logits(self._model.logit_slices(outputs[::self._every]))

  def damage_of_logits(self, slices) -> Damage:
    parts, begin = [], 0
    for wanted, log_sums, found in zip(self._logits, self._log_sums, slices):
      following = self._following[begin:begin + len(wanted)]
      parts.append(_compare(wanted, log_sums, found, following))
      begin += len(wanted)
    return Damage(*(np.concatenate(part) for part in zip(*parts)))

  def _slices(self, cache: KvCache):
    return self._model.logit_slices(self._model.run(self._ids, cache.copy())[::self._every])


def _log_sums(logits: np.ndarray) -> np.ndarray:
  largest = logits.max(axis=-1)
  return largest + np.log(np.exp(logits - largest[:, None]).sum(axis=-1))


def _compare(wanted: np.ndarray, log_sums: np.ndarray, found: np.ndarray, following: np.ndarray):
  """Returns divergences, agreement and extra losses of a slice of tokens.

  With d = wanted - found logits: KL = sum p d + log sum p exp(-d), in which nothing large cancels.
  """
  agreed = wanted.argmax(axis=-1) == found.argmax(axis=-1)
  rows = np.arange(len(wanted))
  difference = wanted - found
  at_following = difference[rows, following].astype(np.float64)
  likely = np.exp(wanted - log_sums[:, None])
  mean_difference = np.einsum("tv,tv->t", likely, difference, dtype=np.float64)
  np.negative(difference, out=difference)
  np.exp(difference, out=difference)
  total, of_all = np.einsum("tv,tv->t", likely, difference, dtype=np.float64), likely.sum(axis=-1, dtype=np.float64)
  log_ratio = np.log(total / of_all)
  return np.maximum(mean_difference / of_all + log_ratio, 0), agreed, at_following + log_ratio
