"""Cuts the sample of a race from a .safetensors file: its larger tensors of one type."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "corpora"))

import safetensors_file  # pylint: disable=wrong-import-position
from safetensors_file import DTYPE_BYTES, NewTensor, SafetensorsFile  # pylint: disable=wrong-import-position

MIN_ELEMENTS = 65536
_CUT_ELEMENTS = 1 << 17  # what is cut off is whole blocks


def write_sample(source: str | os.PathLike, dtype: str, target: str | os.PathLike, least_bytes: int = 0,
                 most_bytes: int | None = None) -> int:
  """Writes tensors of `dtype` with at least MIN_ELEMENTS, in the order of the source, and returns their bytes.

  Args:
    source: the file to cut from.
    dtype: "BF16" and so on.
    target: the .safetensors file to write.
    least_bytes: with fewer, all are taken again, under other names.
    most_bytes: the last one is cut so that there are hardly more.
  """
  file = SafetensorsFile(source)
  infos = [info for info in file.tensors.values() if info.dtype == dtype and info.num_elements >= MIN_ELEMENTS]
  if not infos:
    raise ValueError(f"{source}: no tensor of type {dtype} has {MIN_ELEMENTS} elements")
  element_bytes = DTYPE_BYTES[dtype]
  tensors, total = [], 0
  for turn in range(1 + least_bytes // sum(info.end - info.begin for info in infos)):
    for info in infos:
      elements = info.num_elements
      if most_bytes is not None:
        left = max(0, most_bytes - total) // element_bytes
        elements = min(elements, -(-left // _CUT_ELEMENTS) * _CUT_ELEMENTS)
      if elements < MIN_ELEMENTS:
        break
      data = file.data(info.name)[:elements * element_bytes]
      tensors.append(NewTensor(f"{turn}.{len(tensors):05}", dtype, (elements,), lambda data=data: [data]))
      total += len(data)
  safetensors_file.write(target, tensors, {})
  return total
