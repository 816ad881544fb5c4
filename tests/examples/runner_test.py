"""Tests of examples/runner on small models with random weights. Usage: runner_test.py PLAIT RUNNER [UNITTEST OPTION]..."""
import sys

sys.dont_write_bytecode = True

import json
import os
import pathlib
import random
import struct
import subprocess
import tempfile
import unittest

import tiny_model

BENCH_LIB = pathlib.Path(__file__).resolve().parents[2] / "bench" / "lib"
PLAIT = RUNNER = None
PROMPT = random.Random(7).choices(range(tiny_model.VOCABULARY), k=40)


def floats(data):
    return struct.unpack(f"<{len(data) // 4}f", data)


class RunnerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="plait-runner-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def make(self, config, tensors=None, name="m"):
        """Writes config.json and NAME.safetensors."""
        (self.folder / "config.json").write_text(json.dumps(config))
        path = self.folder / f"{name}.safetensors"
        tiny_model.write(path, tensors or tiny_model.weights(config))
        return path

    def compress(self, path):
        container = path.with_name("coded.safetensors")
        subprocess.run([PLAIT, "compress", "-f", "-o", container, path], check=True, capture_output=True)
        return container

    def start(self, model, *options, ids=PROMPT):
        text = " ".join(map(str, ids))
        return subprocess.run([RUNNER, *options, model], input=text, capture_output=True, text=True, timeout=120)

    def run_ok(self, model, *options, tokens=6, ids=PROMPT):
        """Returns the ids printed, the logits' bytes and the report."""
        logits, report = self.folder / "logits", self.folder / "report"
        done = self.start(model, "--tokens", str(tokens), "--logits", logits, "--report", report, *options, ids=ids)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [int(word) for word in done.stdout.split()], logits.read_bytes(), json.loads(report.read_text())

    def assert_refused(self, message, model, *options, code=1, **more):
        done = self.start(model, *options, **more)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(message, done.stderr)

    def for_each_family(self):
        for config in (tiny_model.LLAMA, tiny_model.GEMMA3):
            yield config, self.make(config)


class LogitsTest(RunnerTest):
    def test_compressed_weights_give_the_same_bits(self):
        for config, model in self.for_each_family():
            container = self.compress(model)
            ids, logits, report = self.run_ok(model, "--threads", "1")
            self.assertEqual(len(logits), 6 * 4 * config["vocab_size"])
            self.assertFalse(report["compressed"])
            for threads in ("1", "2", "3"):
                coded_ids, coded_logits, coded_report = self.run_ok(container, "--threads", threads)
                self.assertTrue(coded_report["compressed"])
                self.assertLess(coded_report["coded_bytes"], 0.8 * report["coded_bytes"])
                self.assertEqual((coded_ids, coded_logits), (ids, logits), f"{threads} threads")

    def test_every_variant_gives_the_same_bits(self):
        for _, model in self.for_each_family():
            expected = self.run_ok(model, "--cpu", "scalar", tokens=2)[:2]
            for cpu in ("avx2", "avx512"):
                if self.start(model, "--cpu", cpu, "--tokens", "1").returncode == 0:
                    self.assertEqual(self.run_ok(model, "--cpu", cpu, tokens=2)[:2], expected, cpu)

    def test_printed_ids_are_the_likeliest(self):
        for config, model in self.for_each_family():
            ids, logits, _ = self.run_ok(model)
            row = 4 * config["vocab_size"]
            rows = [floats(logits[begin:begin + row]) for begin in range(0, len(logits), row)]
            self.assertEqual(ids, [values.index(max(values)) for values in rows])
            self.assertGreater(len(set(ids)), 1)

    def test_how_tokens_are_cut_into_steps_changes_no_bit(self):
        """A prompt of several chunks, and the same with generated tokens behind it."""
        prompt = random.Random(8).choices(range(tiny_model.VOCABULARY), k=310)
        for config, model in self.for_each_family():
            ids, logits, _ = self.run_ok(model, tokens=8, ids=prompt)
            later = self.run_ok(model, tokens=3, ids=prompt + ids[:5])
            self.assertEqual((later[0], later[1]), (ids[5:], logits[5 * 4 * config["vocab_size"]:]))

    def test_agrees_with_numpy(self):
        sys.path.insert(0, str(BENCH_LIB))
        try:
            import numpy as np
            from reference_model import ReferenceModel
        except ImportError as error:
            self.skipTest(str(error))
        for config, model in self.for_each_family():
            ids, logits, _ = self.run_ok(model)
            found = np.frombuffer(logits, "<f4").reshape(len(ids), -1)

            def distance(**changes):
                reference = ReferenceModel(model, config | changes)
                wanted = reference.logits(PROMPT + ids[:-1], len(PROMPT) - 1)
                return np.sqrt(np.mean((found - wanted)**2) / np.mean(wanted**2))

            self.assertLess(distance(), 0.001)
            # It would see another angle, another epsilon, a window that is one token off.
            changes = [{"rope_theta": config["rope_theta"] * 1.5}, {"rms_norm_eps": 0.001}]
            if "sliding_window" in config:
                changes += [{"sliding_window": config["sliding_window"] + 1}, {"sliding_window_pattern": 1}]
            for change in changes:
                self.assertGreater(distance(**change), 0.003, change)


class KvDumpTest(RunnerTest):
    def dump(self, model):
        kv = self.folder / "kv.safetensors"
        self.run_ok(model, "--dump-kv", kv, "--pre-rope")
        return tiny_model.read(kv)

    def test_has_every_plane_of_every_token(self):
        for config, model in self.for_each_family():
            planes = self.dump(model)
            self.assertEqual(planes, self.dump(self.compress(model)))
            names = [f"layers.{layer}.{plane}" for layer in (0, 1) for plane in ("k", "v", "k_pre_rope")]
            self.assertEqual(list(planes), names)
            shape = [len(PROMPT) + 5, config["num_key_value_heads"], config["head_dim"]]
            self.assertEqual([shape] * 6, [shape for shape, _ in planes.values()])

    def test_rotation_is_by_position(self):
        for config, model in self.for_each_family():
            planes = self.dump(model)
            row = 2 * config["num_key_value_heads"] * config["head_dim"]
            for layer in (0, 1):
                rotated, before = (planes[f"layers.{layer}.{plane}"][1] for plane in ("k", "k_pre_rope"))
                self.assertEqual(rotated[:row], before[:row])  # position 0
                self.assertNotEqual(rotated[row:2 * row], before[row:2 * row])

    def test_equal_tokens_have_equal_rows_in_the_first_layer(self):
        for config, model in self.for_each_family():
            kv = self.folder / "kv.safetensors"
            self.run_ok(model, "--dump-kv", kv, "--pre-rope", tokens=1, ids=[5, 9, 5])
            for plane in ("v", "k_pre_rope"):
                data = tiny_model.read(kv)[f"layers.0.{plane}"][1]
                first, second, third = (data[begin:begin + len(data) // 3] for begin in range(0, len(data), len(data) // 3))
                self.assertEqual(first, third)
                self.assertNotEqual(first, second)


class MemoryTest(RunnerTest):
    @unittest.skipIf("PLAIT_SANITIZED" in os.environ, "the sanitizer's memory would be counted")
    def test_no_matrix_is_ever_whole(self):
        config = tiny_model.LLAMA | {"vocab_size": 200_000, "tie_word_embeddings": True}
        container = self.compress(self.make(config))
        _, _, report = self.run_ok(container, "--threads", "2")
        self.assertEqual(report["largest_matrix_bytes"], 32_000_000)
        self.assertLess(report["image_bytes"], 1.02 * report["coded_bytes"])
        besides = report["peak_anonymous_bytes"] - report["image_bytes"]
        self.assertGreater(besides, report["kv_cache_bytes"])
        self.assertLess(besides, 16_000_000)


class RefusalTest(RunnerTest):
    def test_configurations(self):
        weights = tiny_model.weights(tiny_model.LLAMA)
        for changes, message in (
            ({"model_type": "mamba"}, 'model_type: found "mamba", expected llama or gemma3_text'),
            ({"hidden_size": 72}, "hidden_size: found 72, expected a multiple of 16"),
            ({"num_key_value_heads": 3}, "num_key_value_heads: found 3, expected a divisor of 4"),
            ({"rope_scaling": {"factor": 8}}, 'rope_scaling: found {"factor":8}, expected null'),
            ({"hidden_act": "relu"}, 'hidden_act: found "relu", expected "silu"'),
            ({"attention_bias": True}, "attention_bias: found true, expected false"),
            ({"rms_norm_eps": "small"}, 'rms_norm_eps: found "small", expected a number above 0'),
            ({"num_hidden_layers": -1}, "num_hidden_layers: found -1, expected a whole number from 1"),
            ({"tie_word_embeddings": "yes"}, "config: "),
        ):
            with self.subTest(message):
                self.assert_refused(message, self.make(tiny_model.LLAMA | changes, weights))
        (self.folder / "config.json").write_text("[1]")
        self.assert_refused("config: found no JSON object", self.folder / "m.safetensors")
        self.make({key: value for key, value in tiny_model.LLAMA.items() if key != "rope_theta"}, weights)
        self.assert_refused("rope_theta: found nothing, expected a number above 0", self.folder / "m.safetensors")

    def test_tensors(self):
        config, name = tiny_model.LLAMA, "model.layers.1.mlp.up_proj.weight"
        weights = tiny_model.weights(config)
        dtype, shape, data = weights[name]
        for tensor, message in (
            (None, f"tensor {name}: not in this model"),
            ((dtype, [shape[0] // 2, shape[1] * 2], data), f"tensor {name}: shape: found [104, 160], expected [208, 80]"),
            (("F16", shape, data), f"tensor {name}: dtype: found F16, expected BF16"),
        ):
            changed = dict(weights)
            if tensor is None:
                del changed[name]
            else:
                changed[name] = tensor
            model = self.make(config, changed)
            for file in (model, self.compress(model)):
                with self.subTest(message, file=file.name):
                    self.assert_refused(message, file)

    def test_damage_names_the_tensor(self):
        container = self.compress(self.make(tiny_model.LLAMA))
        intact = container.read_bytes()
        (length,) = struct.unpack_from("<Q", intact)
        entries = json.loads(intact[8:8 + length])
        for name, dtype, message in (("model.layers.1.mlp.up_proj.weight", "U8", "block 0: "),
                                     ("model.norm.weight", "BF16", "hash: found another one, expected the manifest's")):
            self.assertEqual(entries[name]["dtype"], dtype)  # coded, and not
            begin, end = entries[name]["data_offsets"]
            data = bytearray(intact)
            data[8 + length + (begin + end) // 2] ^= 1
            container.write_bytes(data)
            self.assert_refused(f"tensor {name}: {message}", container)

    def test_arguments(self):
        model = self.make(tiny_model.LLAMA)
        self.assert_refused("token id: found 3001, expected a number below 3001", model, ids=[0, 3001])
        self.assert_refused("prompt tokens: found 0, expected 1 to 448", model, ids=[])
        self.assert_refused("prompt tokens: found 449, expected 1 to 448", model, ids=[1] * 449)
        self.assert_refused("--tokens: found 0, expected a number from 1", model, "--tokens", "0", code=2)
        self.assert_refused("CPU variant: found mmx", model, "--cpu", "mmx")
        self.assert_refused("cannot open", self.folder / "absent.safetensors")
        self.assert_refused("absent.json: cannot open", model, "--config", "absent.json")


if __name__ == "__main__":
    PLAIT, RUNNER = sys.argv[1:3]
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
