"""Stands in for torch, as far as ZipNN needs it to compress bytes: any name exists, and does nothing.

setup_peers.sh copies this file into the peers' virtual environment, as the module `torch`.
"""

__version__ = "2.0.0"


class Tensor:
  """Only named, in annotations."""


class _Anything:
  """Has every attribute; a call gives back its first argument, as a decorator must."""

  def __getattr__(self, name):
    if name.startswith("__"):
      raise AttributeError(name)
    return _Anything()

  def __call__(self, *args, **_kwargs):
    return args[0] if args else _Anything()


def __getattr__(name):
  if name.startswith("__"):
    raise AttributeError(name)
  return _Anything()
