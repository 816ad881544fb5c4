"""Tests of the transcribed kernel, on the example of codec/huffman/FORMAT.md: python3 -m unittest discover -s
bench/dfloat11"""

import unittest

try:
  import numpy as np

  import kernel
  from kernel import KernelFault
except ImportError:
  np = None

_SYMBOLS = [0x7E, 0x7D, 0x7E, 0x7C, 0x7E, 0x7D]
_SIGN_MANTISSA = [0x00, 0x81, 0x7F, 0xFF, 0x40, 0x01]


@unittest.skipIf(np is None, "numpy is not installed")
class KernelTest(unittest.TestCase):
  """The arguments of a launch that decodes, and what comes of each wrong one."""

  def setUp(self):
    self.luts = np.zeros((2, 256), np.uint8)
    self.luts[0] = [0x7E] * 64 + [0x7D] * 64 + [0x7C] * 128
    self.luts[1, [0x7C, 0x7D, 0x7E]] = 2
    self.codes = np.array([0x12, 0x10], np.uint8)
    self.gaps = np.zeros(320, np.uint8)
    self.positions = np.array([0, 6], np.uint32)
    self.shared = 4 * 512 + 4 + 2 * 6

  def _decode(self) -> list[int]:
    outputs = np.zeros(6, np.uint16)
    arguments = [self.luts, self.codes, np.array(_SIGN_MANTISSA, np.uint8), self.positions.view(np.uint8), self.gaps,
                 outputs, len(self.luts), len(self.codes), 6]
    kernel.decode((1,), (512,), self.shared, arguments)
    return outputs.tolist()

  def test_gives_the_weights(self):
    expected = [(other & 0x80) << 8 | symbol << 7 | other & 0x7F for symbol, other in zip(_SYMBOLS, _SIGN_MANTISSA)]
    self.assertEqual(self._decode(), expected)

  def test_another_gap_gives_other_weights(self):
    right = self._decode()
    self.gaps[0] = 2 << 3
    self.assertNotEqual(self._decode(), right)

  def test_a_symbol_without_a_length_is_a_fault(self):
    self.luts[1, 0x7C] = 0
    self.assertRaises(KernelFault, self._decode)

  def test_a_row_that_is_not_there_is_a_fault(self):
    self.luts[0, :64] = 240
    self.assertRaises(KernelFault, self._decode)

  def test_too_little_or_too_much_shared_memory_is_a_fault(self):
    for shared in (self.shared - 2, (48 << 10) + 1):
      self.shared = shared
      self.assertRaises(KernelFault, self._decode)

  def test_gaps_or_positions_that_end_early_are_faults(self):
    self.gaps = self.gaps[:-1]
    self.assertRaises(KernelFault, self._decode)
    self.gaps = np.zeros(320, np.uint8)
    self.positions = self.positions[:1]
    self.assertRaises(KernelFault, self._decode)


if __name__ == "__main__":
  unittest.main()
