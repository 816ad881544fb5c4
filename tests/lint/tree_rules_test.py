"""Every rule of tree_rules.py must bite: one planted breach each, and a clean file that passes."""

import unittest

import tree_rules


def breaches_of(files):
    return tree_rules.breaches(list(files), files.__getitem__)


class TreeRules(unittest.TestCase):

    def test_clean_file_passes(self):
        self.assertEqual(breaches_of({"codec/tier/tier.cc": '#include "codec/base/bits.h"\n'}), [])

    def test_upward_include_is_found(self):
        found = breaches_of({"codec/block/choose.cc": '#include "formats/frame/frame_layout.h"\n'})
        self.assertEqual(len(found), 1)
        self.assertIn("wrong way", found[0])

    def test_sideways_include_is_found(self):
        self.assertEqual(len(breaches_of({"codec/histogram/histogram.cc": '#include "codec/tier/tier.h"\n'})), 1)

    def test_folder_without_an_entry_is_found(self):
        self.assertEqual(len(breaches_of({"elsewhere/a.cc": "\n"})), 1)

    def test_allocating_kernel_is_found(self):
        found = breaches_of({"codec/tier/tier_kernel.cc": "std::vector<int> v;\n"})
        self.assertEqual(found, ["codec/tier/tier_kernel.cc: a kernel may not use 'vector'"])

    def test_words_in_kernel_comments_pass(self):
        self.assertEqual(breaches_of({"codec/tier/tier_avx512.cc": "// a vector of 64 lanes\n"}), [])

    def test_kernel_that_knows_more_than_layouts_is_found(self):
        kernel = "gpu/kernels/tier_decode.h"
        self.assertEqual(breaches_of({kernel: '#include "codec/tier/tier_layout.h"\n'}), [])
        self.assertEqual(len(breaches_of({kernel: '#include "codec/tier/tier.h"\n'})), 1)

    def test_cuda_word_in_a_kernel_body_is_found(self):
        body = "const int lane = threadIdx.x;\n__shfl_sync();\n"
        self.assertEqual(len(breaches_of({"gpu/kernels/tier_decode.h": body})), 2)
        self.assertEqual(breaches_of({"gpu/launch/tier_decode.cu": body}), [])
        self.assertEqual(breaches_of({"gpu/kernels/tier_decode.h": "// not threadIdx\n"}), [])

    def test_layout_without_spec_is_found(self):
        self.assertEqual(len(breaches_of({"codec/tier/tier_layout.h": "\n"})), 1)
        self.assertEqual(breaches_of({"codec/tier/tier_layout.h": "\n", "codec/tier/FORMAT.md": ""}), [])

    def test_selector_that_doctor_does_not_ask_is_found(self):
        selector = {"codec/tier/tier_select.h": "\n"}
        self.assertEqual(len(breaches_of(selector)), 1)
        self.assertEqual(len(breaches_of(selector | {"codec/block/operations.cc": "\n"})), 1)
        asked = {"codec/block/operations.cc": '#include "codec/tier/tier_select.h"\n'}
        self.assertEqual(breaches_of(selector | asked), [])

    def test_parser_without_a_fuzzer_is_found(self):
        header = {"formats/frame/a.h": "absl::StatusOr<std::vector<A>> ParseA(B b,\n  std::span<const uint8_t> bytes);\n"}
        self.assertEqual(breaches_of(header), ["formats/frame/a.h: no fuzzer in tests/fuzz names ParseA"])
        self.assertEqual(breaches_of(header | {"tests/fuzz/a.cc": "ParseA(b, bytes);\n"}), [])
        self.assertEqual(len(breaches_of(header | {"tests/fuzz/a.cc": "ParseAll(b, bytes);\n"})), 1)

    def test_left_behind_is_found(self):
        self.assertEqual(len(breaches_of({"tools/a.cc": "#if 0\n#endif\n"})), 1)
        self.assertEqual(len(breaches_of({"tools/a.cc": "// TO" + "DO: later\n"})), 1)

    def test_long_file_is_found(self):
        self.assertEqual(len(breaches_of({"tools/a.cc": "\n" * (tree_rules.MAX_LINES + 1)})), 1)


if __name__ == "__main__":
    unittest.main()
