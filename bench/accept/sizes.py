"""Rows of `breadth` about sizes: each float type beside ZipNN, an upcast beside what it came from, files that nobody
parses beside the same tensors as .safetensors."""

import functools

from containers import Containers
from rows import Outcome, Row

import corpus_sizes

_BESIDE_ZIPNN = {
    "fp32": ("minilm", "ppdoclayout", "embgemma"),
    "fp16": ("wordllama", "cast-minilm-fp16"),
    "fp8": ("cast-minilm-e4m3", "cast-minilm-e5m2", "cast-embgemma-layers-e4m3"),
}
_MOST_OF_ZIPNN = {"fp32": 1.01, "fp16": 1.01, "fp8": 1.013}
_UPCASTS = {"upcast-merlin-p1": "merlin-p1"}
_MOST_OF_UPCAST = 1.01
_UNPARSED = {"astra-torch": "astra", "minilm-onnx": "minilm", "cast-minilm-gguf": "cast-minilm-fp16"}
_LEAST_OF_SAVING = 0.97


def _coded_bytes(containers: Containers, name: str) -> int:
  return containers.path(name).stat().st_size


def _original_bytes(name: str) -> int:
  return corpus_sizes.corpus_path(name).stat().st_size


def beside_zipnn(containers: Containers, dtype: str, name: str) -> Outcome:
  """Compares whole files: Plait's container, and ZipNN's tensors with the file's header and nothing else."""
  coded = _coded_bytes(containers, name)
  peer = corpus_sizes.zipnn_file_bytes(corpus_sizes.corpus_path(name))
  bits = 8 * coded / corpus_sizes.num_elements(corpus_sizes.corpus_path(name))
  text = f"plait {coded}, ZipNN {peer} bytes: {coded / peer:.4f}; plait {bits:.3f} bits per element"
  return Outcome(coded <= _MOST_OF_ZIPNN[dtype] * peer, text)


def beside_narrow(containers: Containers, wide: str, narrow: str) -> Outcome:
  wide_bytes, narrow_bytes = _coded_bytes(containers, wide), _coded_bytes(containers, narrow)
  text = (f"{_original_bytes(wide)} -> {wide_bytes}, {narrow} {_original_bytes(narrow)} -> {narrow_bytes} bytes: "
          f"{wide_bytes / narrow_bytes:.4f}")
  return Outcome(wide_bytes <= _MOST_OF_UPCAST * narrow_bytes, text)


def _saving(containers: Containers, name: str) -> float:
  return 1 - _coded_bytes(containers, name) / _original_bytes(name)


def beside_parsed(containers: Containers, unparsed: str, parsed: str) -> Outcome:
  saving, parsed_saving = _saving(containers, unparsed), _saving(containers, parsed)
  text = f"saves {100 * saving:.2f} %, {parsed} {100 * parsed_saving:.2f} %: {saving / parsed_saving:.4f}"
  return Outcome(saving >= _LEAST_OF_SAVING * parsed_saving, text)


def make_rows(containers: Containers) -> list[Row]:
  zipnn = [
      Row(f"{dtype}: {corpus_sizes.label(corpus_sizes.CORPORA[name])}", f"<= {_MOST_OF_ZIPNN[dtype]} x ZipNN's size",
          functools.partial(beside_zipnn, containers, dtype, name))
      for dtype, names in _BESIDE_ZIPNN.items()
      for name in names
  ]
  upcasts = [
      Row(f"fp32 upcast of a bf16 file: {wide}", f"<= {_MOST_OF_UPCAST} x {narrow}'s coded size",
          functools.partial(beside_narrow, containers, wide, narrow)) for wide, narrow in _UPCASTS.items()
  ]
  unparsed = [
      Row(f"no parser: {name}", f">= {_LEAST_OF_SAVING} of the saving of {parsed}",
          functools.partial(beside_parsed, containers, name, parsed)) for name, parsed in _UNPARSED.items()
  ]
  return [*zipnn, *upcasts, *unparsed]
