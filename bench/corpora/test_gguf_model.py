"""Tests of gguf_model.py on small GGUF files made here. Run: python3 -m unittest discover -s bench/corpora"""

import json
import pathlib
import tempfile
import unittest

from safetensors_file import SafetensorsFile

try:
  import gguf
  import numpy as np

  import gguf_model
except ImportError:
  gguf = None

_LAYER_LLAMA = ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down")


@unittest.skipIf(gguf is None, "needs the gguf package and numpy")
class GgufModelTest(unittest.TestCase):

  def setUp(self):
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self.folder = pathlib.Path(folder.name)
    self.gguf_path = self.folder / "m.gguf"

  def write(self, architecture: str, tensors: dict) -> None:
    writer = gguf.GGUFWriter(self.gguf_path, architecture)
    writer.add_embedding_length(8)
    writer.add_feed_forward_length(16)
    writer.add_block_count(1)
    writer.add_context_length(32)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_key_length(4)
    writer.add_sliding_window(5)
    writer.add_token_list(["a", "b", "c"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    for name, values in tensors.items():
      writer.add_tensor(name, np.asarray(values, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

  def tensors(self) -> dict:
    path = self.folder / "m.safetensors"
    gguf_model.write_bf16(self.gguf_path, path, {"dequantized": "true"})
    file = SafetensorsFile(path)
    self.assertEqual(file.metadata, {"dequantized": "true"})
    widened = lambda data: (np.frombuffer(data, "<u2").astype(np.uint32) << np.uint32(16)).view(np.float32)
    return {info.name: widened(file.data(info.name)).reshape(info.shape) for info in file.tensors.values()}

  def test_rows_of_rotated_pairs_are_put_apart_again(self):
    # Heads of 4 rows: the converter made a, c, b, d of a, b, c, d.
    rows = np.arange(8)[:, None] * np.ones((1, 8))
    self.write("llama", {"blk.0.attn_q.weight": rows, "blk.0.attn_k.weight": rows[:4], "blk.0.attn_v.weight": rows[:4]})
    made = self.tensors()
    self.assertEqual(made["model.layers.0.self_attn.q_proj.weight"][:, 0].tolist(), [0, 2, 1, 3, 4, 6, 5, 7])
    self.assertEqual(made["model.layers.0.self_attn.k_proj.weight"][:, 0].tolist(), [0, 2, 1, 3])
    self.assertEqual(made["model.layers.0.self_attn.v_proj.weight"][:, 0].tolist(), [0, 1, 2, 3])

  def test_gammas_of_gemma_lose_the_one_that_a_converter_adds(self):
    self.write("gemma3", {"blk.0.post_attention_norm.weight": [1.0, 1.5], "blk.0.ffn_norm.weight": [0.75, 3.0],
                          "blk.0.attn_q.weight": np.eye(8)})
    made = self.tensors()
    self.assertEqual(made["model.layers.0.post_attention_layernorm.weight"].tolist(), [0, 0.5])
    self.assertEqual(made["model.layers.0.pre_feedforward_layernorm.weight"].tolist(), [-0.25, 2])
    self.assertEqual(made["model.layers.0.self_attn.q_proj.weight"].tolist(), np.eye(8).tolist())

  def test_names_are_those_of_the_family(self):
    for name in _LAYER_LLAMA:
      self.assertRegex(gguf_model._hugging_face_name("llama", f"blk.3.{name}.weight"), r"model\.layers\.3\..*\.weight")
    with self.assertRaisesRegex(ValueError, "not one of a llama model"):
      gguf_model._hugging_face_name("llama", "blk.3.attn_q_norm.weight")

  def test_configurations(self):
    for architecture, expected in (("llama", {"model_type": "llama", "head_dim": 4, "tie_word_embeddings": True}),
                                   ("gemma3", {"model_type": "gemma3_text", "head_dim": 4, "sliding_window": 5})):
      self.write(architecture, {"token_embd.weight": np.eye(8)})
      gguf_model.write_config(self.gguf_path, self.folder / "config.json")
      config = json.loads((self.folder / "config.json").read_text())
      self.assertEqual(config, config | expected | {"vocab_size": 3, "rms_norm_eps": 1e-06, "hidden_size": 8})
    self.write("mamba", {"token_embd.weight": np.eye(8)})
    with self.assertRaisesRegex(ValueError, "architecture: found mamba"):
      gguf_model.write_config(self.gguf_path, self.folder / "config.json")


if __name__ == "__main__":
  unittest.main()
