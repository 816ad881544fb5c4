"""Stands in for torch and the other packages that DFloat11 imports, over numpy: as much as its encoder, its loader and
its decoding hook call, and no more.

A tensor of bf16 is held as its 16-bit words, for nothing is ever computed with one.
"""

import contextlib
import pathlib
import sys
import types

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "corpora"))

import safetensors_file  # pylint: disable=wrong-import-position


class Dtype:
  """A type of torch: its name there and in safetensors, and what numpy holds it as."""

  def __init__(self, name: str, stored: str, held):
    self.name, self.stored, self.held = name, stored, np.dtype(held)

  def __repr__(self):
    return f"torch.{self.name}"


_DTYPES = [
    Dtype("bfloat16", "BF16", np.uint16), Dtype("float16", "F16", np.float16), Dtype("float32", "F32", np.float32),
    Dtype("int16", "I16", np.int16), Dtype("int32", "I32", np.int32), Dtype("int64", "I64", np.int64),
    Dtype("uint8", "U8", np.uint8), Dtype("uint32", "U32", np.uint32), Dtype("bool", "BOOL", np.bool_),
]  # yapf: disable
_BY_NAME = {dtype.name: dtype for dtype in _DTYPES}
_BY_STORED = {dtype.stored: dtype for dtype in _DTYPES}
_BY_HELD = {dtype.held: dtype for dtype in _DTYPES if dtype.name != "bfloat16"}
bfloat16 = _BY_NAME["bfloat16"]


class Device:
  """Of a tensor; there is only one."""
  index = 0
  type = "cuda"

  def __eq__(self, other):
    return isinstance(other, Device)

  def __hash__(self):
    return 0


class Tensor:
  """An array with a type of torch."""
  device = Device()

  def __init__(self, array: np.ndarray, dtype: Dtype | None = None):
    self.array = array
    self.dtype = dtype or _BY_HELD[array.dtype]

  @property
  def shape(self):
    return self.array.shape

  @property
  def data(self):
    return self

  @property
  def nbytes(self):
    return self.array.nbytes

  def numel(self):
    return self.array.size

  def flatten(self):
    return Tensor(self.array.reshape(-1), self.dtype)

  def detach(self):
    return self

  cpu = detach

  def to(self, target, **_):
    if isinstance(target, Dtype):
      return Tensor(self.array.astype(target.held), target)
    return self

  def view(self, *shape):
    if len(shape) == 1 and isinstance(shape[0], Dtype):
      return Tensor(self.array.view(shape[0].held), shape[0])
    return Tensor(self.array.reshape(shape), self.dtype)

  def numpy(self):
    return self.array

  def tolist(self):
    return self.array.tolist()

  def item(self):
    return self.array.item()

  def data_ptr(self):
    """Where a kernel reads and writes: the array itself."""
    return self.array

  def copy_(self, other):
    self.array[...] = other.array

  def all(self):
    return Tensor(np.asarray(self.array.all()))

  def __getitem__(self, index):
    return Tensor(self.array[index], self.dtype)

  def __and__(self, other):
    return Tensor(self.array & _held(other))

  def __or__(self, other):
    return Tensor(self.array | _held(other))

  def __rshift__(self, bits):
    return Tensor(self.array >> bits)

  def __eq__(self, other):
    # Of bf16 by their bits: where that differs from equality of numbers is said in FORMAT.md.
    return Tensor(self.array == other.array)

  __hash__ = None


def _held(value):
  return value.array if isinstance(value, Tensor) else value


class Module:
  """A module: whatever is set on it, with tensors as parameters and registered ones as buffers."""

  def __init__(self):
    self._buffers, self._hooks = {}, []

  def __getattr__(self, name):
    buffers = self.__dict__.get("_buffers", {})
    if name in buffers:
      return buffers[name]
    raise AttributeError(name)

  def register_buffer(self, name, tensor):
    self._buffers[name] = tensor

  def register_forward_pre_hook(self, hook):
    self._hooks.append(hook)

  def run_hooks(self):
    for hook in self._hooks:
      hook(self, ())

  def named_modules(self, prefix=""):
    yield prefix, self
    for name, child in self.__dict__.items():
      if isinstance(child, Module):
        yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

  def get_submodule(self, path):
    module = self
    for part in path.split("."):
      module = getattr(module, part)
    return module

  def _named(self, of_module):
    for prefix, module in self.named_modules():
      for name, value in of_module(module).items():
        if isinstance(value, Tensor):
          yield f"{prefix}.{name}" if prefix else name, value

  def named_parameters(self):
    return self._named(vars)

  def named_buffers(self):
    return self._named(lambda module: module._buffers)  # pylint: disable=protected-access

  def state_dict(self):
    return {**dict(self.named_parameters()), **dict(self.named_buffers())}


class Linear(Module):
  """A matrix [out_features, in_features]."""

  def __init__(self, weight: Tensor):
    super().__init__()
    self.weight = weight
    self.out_features, self.in_features = weight.shape


class Embedding(Module):
  """A matrix [num_embeddings, embedding_dim]."""

  def __init__(self, weight: Tensor):
    super().__init__()
    self.weight = weight
    self.num_embeddings, self.embedding_dim = weight.shape


def load_file(path) -> dict[str, Tensor]:
  """safetensors.torch.load_file: copies, for the map is read-only."""
  file = safetensors_file.SafetensorsFile(path)
  tensors = {}
  for name, info in file.tensors.items():
    dtype = _BY_STORED[info.dtype]
    tensors[name] = Tensor(np.frombuffer(bytes(file.data(name)), dtype.held).reshape(info.shape), dtype)
  return tensors


def save_file(tensors: dict[str, Tensor], path) -> None:
  """safetensors.torch.save_file."""
  safetensors_file.write(
      path,
      [safetensors_file.NewTensor(name, tensor.dtype.stored, tensor.shape, lambda t=tensor: [t.array.tobytes()])
       for name, tensor in tensors.items()],
      metadata={"format": "pt"})


def _unique(tensor, return_counts):
  assert return_counts
  return tuple(map(Tensor, np.unique(tensor.array, return_counts=True)))


def _torch() -> types.ModuleType:
  torch = types.ModuleType("torch")
  torch.__dict__.update(_BY_NAME)
  torch.Tensor = Tensor
  torch.device = lambda name: Device()
  torch.empty = lambda n, dtype, device: Tensor(np.full(n, 0xA5A5, dtype.held), dtype)
  torch.from_numpy = Tensor
  torch.LongTensor = lambda values: Tensor(np.array(values, np.int64))
  torch.cumsum = lambda tensor, dim: Tensor(np.cumsum(tensor.array, axis=dim))
  torch.cat = lambda tensors: Tensor(np.concatenate([t.array for t in tensors]), tensors[0].dtype)
  torch.unique = _unique
  torch.tensor_split = lambda tensor, at: [Tensor(part, tensor.dtype) for part in np.split(tensor.array, at)]
  torch.cuda = types.SimpleNamespace(empty_cache=lambda: None)
  torch.nn = types.ModuleType("torch.nn")
  torch.nn.Module, torch.nn.Linear, torch.nn.Embedding = Module, Linear, Embedding
  return torch


def _module(name: str, **members) -> types.ModuleType:
  module = types.ModuleType(name)
  module.__dict__.update(members)
  return module


def install(kernel) -> None:
  """Puts the stand-ins where `import` finds them; `kernel` takes the place of the package's own."""
  torch = _torch()
  raw = types.SimpleNamespace(get_function=lambda name: kernel)
  cuda = types.SimpleNamespace(Device=lambda index: contextlib.nullcontext())
  safetensors_torch = _module("safetensors.torch", load_file=load_file, save_file=save_file)
  sys.modules.update({
      "torch": torch,
      "torch.nn": torch.nn,
      "cupy": _module("cupy", RawModule=lambda path: raw, cuda=cuda),
      "tqdm": _module("tqdm", tqdm=lambda items, **_: items),
      "accelerate": _module("accelerate", infer_auto_device_map=None, dispatch_model=None),
      "accelerate.utils": _module("accelerate.utils", get_balanced_memory=None),
      "huggingface_hub": _module("huggingface_hub", snapshot_download=None),
      "pkg_resources": _module("pkg_resources", resource_filename=lambda package, name: name),
      "safetensors": _module("safetensors", torch=safetensors_torch),
      "safetensors.torch": safetensors_torch,
  })
