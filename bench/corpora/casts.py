"""Tensors of float32 (one of bfloat16) made into other types, as builders.cast names them. Needs numpy.

Every cast takes (file, info), the tensor `info` of the SafetensorsFile `file`, and returns the tensors it becomes.
Tensors of other types, and those that a cast leaves alone, are copied.
"""

import functools

import numpy as np

import bf16
import float8
from safetensors_file import NewTensor, SafetensorsFile, TensorInfo

_MX_ELEMENTS = 32  # that share a scale, as in the OCP microscaling formats
_E8M0_BIAS = 127


def _copy(file: SafetensorsFile, info: TensorInfo) -> list[NewTensor]:
  return [NewTensor(info.name, info.dtype, info.shape, lambda: [file.data(info.name)])]


def _floats(file: SafetensorsFile, info: TensorInfo) -> np.ndarray:
  return np.frombuffer(file.data(info.name), dtype="<f4")


def to_bf16(file: SafetensorsFile, info: TensorInfo) -> list[NewTensor]:
  if info.dtype != "F32":
    return _copy(file, info)
  return [NewTensor(info.name, "BF16", info.shape, lambda: bf16.cast_chunks(file.data(info.name)))]


def to_fp16_matrices(file: SafetensorsFile, info: TensorInfo) -> list[NewTensor]:
  """Matrices to fp16; vectors stay fp32, as converters to GGUF leave them."""
  if info.dtype != "F32" or len(info.shape) < 2:
    return _copy(file, info)
  return [NewTensor(info.name, "F16", info.shape, lambda: [_floats(file, info).astype("<f2").tobytes()])]


def to_float8_matrices(kind: float8.Float8, file: SafetensorsFile, info: TensorInfo) -> list[NewTensor]:
  """Matrices to an 8-bit float, each with a scale (fp32) to multiply it by; vectors stay fp32."""
  if info.dtype != "F32" or len(info.shape) < 2:
    return _copy(file, info)
  scale = float8.scale_of(_floats(file, info), kind).astype("<f4").tobytes()
  return [
      NewTensor(info.name, kind.dtype, info.shape, lambda: float8.cast_chunks(file.data(info.name), kind)),
      NewTensor(info.name + "_scale", "F32", (), lambda: [scale]),
  ]


def bf16_to_fp32(file: SafetensorsFile, info: TensorInfo) -> list[NewTensor]:
  """Widens: 16 zero bits behind each bf16."""
  if info.dtype != "BF16":
    return _copy(file, info)
  widen = lambda: [(np.frombuffer(file.data(info.name), dtype="<u2").astype("<u4") << np.uint32(16)).tobytes()]
  return [NewTensor(info.name, "F32", info.shape, widen)]


def to_fp64(file: SafetensorsFile, info: TensorInfo) -> list[NewTensor]:
  return [NewTensor(info.name, "F64", info.shape, lambda: [_floats(file, info).astype("<f8").tobytes()])]


def to_complex64(file: SafetensorsFile, info: TensorInfo) -> list[NewTensor]:
  """Neighbours of the last dimension become real and imaginary part: the same bytes."""
  shape = (*info.shape[:-1], info.shape[-1] // 2)
  return [NewTensor(info.name, "C64", shape, lambda: [file.data(info.name)])]


def to_scaled_int8(file: SafetensorsFile, info: TensorInfo) -> list[NewTensor]:
  """Rounds to int8, with a power-of-two scale (e8m0) for each 32 elements of a row."""
  groups = _floats(file, info).reshape(-1, _MX_ELEMENTS)
  exponents = np.frexp(np.max(np.abs(groups), axis=1))[1]  # largest magnitude < 2 ** exponent
  codes = np.rint(np.ldexp(groups, 7 - exponents[:, None])).clip(-127, 127).astype(np.int8)
  scales = (exponents - 7 + _E8M0_BIAS).astype(np.uint8)
  scales_shape = (*info.shape[:-1], info.shape[-1] // _MX_ELEMENTS)
  return [
      NewTensor(info.name, "I8", info.shape, lambda: [codes.tobytes()]),
      NewTensor(info.name + "_scale", "F8_E8M0", scales_shape, lambda: [scales.tobytes()]),
  ]


def to_signs(file: SafetensorsFile, info: TensorInfo) -> list[NewTensor]:
  return [NewTensor(info.name, "BOOL", info.shape, lambda: [(_floats(file, info) < 0).tobytes()])]


_MIXED = (to_scaled_int8, to_fp64, to_complex64, to_fp16_matrices, to_bf16, to_signs)


def by_layer(file: SafetensorsFile, info: TensorInfo) -> list[NewTensor]:
  """The matrices of each transformer layer in another type; vectors and what is outside the layers as they are."""
  words = info.name.split(".")
  if info.dtype != "F32" or len(info.shape) < 2 or "layer" not in words:
    return _copy(file, info)
  return _MIXED[int(words[words.index("layer") + 1]) % len(_MIXED)](file, info)


CASTS = {
    "bf16": to_bf16,
    "fp16 matrices": to_fp16_matrices,
    "e4m3 matrices": functools.partial(to_float8_matrices, float8.E4M3),
    "e5m2 matrices": functools.partial(to_float8_matrices, float8.E5M2),
    "bf16 to fp32": bf16_to_fp32,
    "by layer": by_layer,
}
