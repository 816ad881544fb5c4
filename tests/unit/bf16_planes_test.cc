#include "codec/transform/bf16_planes.h"

#include <algorithm>

#include "codec/base/endian.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

std::vector<uint8_t> AllWords() {
  std::vector<uint8_t> words(2 * 65536);
  for (uint32_t word = 0; word < 65536; ++word) StoreLe(static_cast<uint16_t>(word), words.data() + 2 * word);
  return words;
}

TEST(Bf16Planes, EveryWordSplitsAsDefined) {
  const std::vector<uint8_t> words = AllWords();
  ForEachCpu([&] {
    std::vector<uint8_t> exponents(65536);
    std::vector<uint8_t> sign_mantissas(65536);
    SplitBf16(words, exponents, sign_mantissas);
    for (uint32_t word = 0; word < 65536; ++word) {
      ASSERT_EQ(exponents[word], word >> 7 & 0xff) << word;
      ASSERT_EQ(sign_mantissas[word], (word >> 8 & 0x80) | (word & 0x7f)) << word;
    }
  });
}

TEST(Bf16Planes, EveryPairOfPlanesJoinsToTheWordThatSplitsIntoIt) {
  std::vector<uint8_t> exponents(65536);
  std::vector<uint8_t> sign_mantissas(65536);
  for (uint32_t i = 0; i < 65536; ++i) {
    exponents[i] = static_cast<uint8_t>(i >> 8);
    sign_mantissas[i] = static_cast<uint8_t>(i);
  }
  ForEachCpu([&] {
    std::vector<uint8_t> words(2 * 65536);
    JoinBf16(exponents, sign_mantissas, words);
    for (uint32_t i = 0; i < 65536; ++i) {
      const uint32_t expected = (i & 0x80) << 8 | (i >> 8) << 7 | (i & 0x7f);
      ASSERT_EQ(LoadLe<uint16_t>(words.data() + 2 * i), expected);
    }
  });
}

TEST(Bf16Planes, EverySizeRoundTripsAndTouchesNothingElse) {
  Random random(1);
  ForEachCpu([&] {
    for (size_t n = 0; n <= 200; ++n) {
      const GuardedBytes words(RandomBytes(2 * n, random));
      const GuardedBytes exponents(n);
      const GuardedBytes sign_mantissas(n);
      const GuardedBytes joined(2 * n);
      SplitBf16(words.span(), exponents.span(), sign_mantissas.span());
      JoinBf16(exponents.span(), sign_mantissas.span(), joined.span());
      ASSERT_TRUE(std::ranges::equal(joined.span(), words.span())) << n;
    }
  });
}

}  // namespace
}  // namespace plait
