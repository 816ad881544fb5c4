// The tier loops of every CPU variant against plain definitions written here, for every size around a vector step.
#include <algorithm>

#include "codec/tier/tier_layout.h"
#include "codec/tier/tier_select.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

constexpr uint8_t kTable[3] = {0, 1, 2};
constexpr uint8_t kRepeatedSymbolTable[3] = {1, 1, 0};

std::vector<size_t> Sizes() {
  std::vector<size_t> sizes;
  for (size_t n = 0; n <= 200; ++n) sizes.push_back(n);
  for (size_t n = kTierGroupSymbols - 2; n <= kTierGroupSymbols + 2; ++n) sizes.push_back(n);
  return sizes;
}

// What encode_level must give.
struct CodedLevel {
  std::vector<uint8_t> digits;
  std::vector<uint8_t> escapes;
};

CodedLevel Definition(std::span<const uint8_t> symbols, const uint8_t table[3]) {
  CodedLevel level{.digits = std::vector<uint8_t>(TierDigitBytes(symbols.size())), .escapes = {}};
  for (size_t i = 0; i < symbols.size(); ++i) {
    const auto digit = static_cast<uint8_t>(std::find(table, table + 3, symbols[i]) - table);
    level.digits[i / 4] |= static_cast<uint8_t>(digit << 2 * (i % 4));
    if (digit == 3) level.escapes.push_back(symbols[i]);
  }
  return level;
}

std::vector<std::vector<uint8_t>> SymbolsOfEveryKind(size_t n) {
  Random random(n);
  return {GeometricBytes(n, random), RandomBytes(n, random), std::vector<uint8_t>(n, 0), std::vector<uint8_t>(n, 9)};
}

void ExpectKernelsMatch(std::span<const uint8_t> symbols, const uint8_t table[3]) {
  const TierKernels& kernels = ActiveTierKernels();
  const size_t n = symbols.size();
  const CodedLevel expected = Definition(symbols, table);
  const GuardedBytes in(symbols);
  const GuardedBytes digits(TierDigitBytes(n));
  const GuardedBytes escapes(n + kTierEscapeSlack);
  ASSERT_EQ(kernels.encode_level(in.span().data(), n, table, digits.span().data(), escapes.span().data()),
            expected.escapes.size());
  ASSERT_TRUE(std::ranges::equal(digits.span(), expected.digits));
  ASSERT_TRUE(std::ranges::equal(escapes.span().first(expected.escapes.size()), expected.escapes));
  ASSERT_EQ(kernels.count_escapes(digits.span().data(), n), expected.escapes.size());

  const GuardedBytes decoded(n);
  kernels.decode_level(digits.span().data(), n, table, escapes.span().data(), decoded.span().data());
  ASSERT_TRUE(std::ranges::equal(decoded.span(), symbols));
}

TEST(TierKernels, EveryVariantMatchesTheDefinitionAtEverySize) {
  ForEachCpu([] {
    for (size_t n : Sizes()) {
      SCOPED_TRACE(n);
      for (const auto& symbols : SymbolsOfEveryKind(n)) ASSERT_NO_FATAL_FAILURE(ExpectKernelsMatch(symbols, kTable));
    }
  });
}

TEST(TierKernels, TheLowestDigitOfARepeatedSymbolIsUsed) {
  ForEachCpu([] {
    for (size_t n : Sizes()) {
      for (const auto& symbols : SymbolsOfEveryKind(n)) {
        ASSERT_NO_FATAL_FAILURE(ExpectKernelsMatch(symbols, kRepeatedSymbolTable));
      }
    }
  });
}

TEST(TierKernels, NothingIsReadBehindTheSlackOfTheEscapes) {
  ForEachCpu([] {
    for (size_t n : Sizes()) {
      const std::vector<uint8_t> symbols(n, 200);
      const CodedLevel coded = Definition(symbols, kTable);
      const GuardedBytes escapes(Concat({coded.escapes, std::vector<uint8_t>(kTierEscapeSlack)}));
      const GuardedBytes digits(coded.digits);
      const GuardedBytes decoded(n);
      ActiveTierKernels().decode_level(digits.span().data(), n, kTable, escapes.span().data(), decoded.span().data());
      ASSERT_TRUE(std::ranges::equal(decoded.span(), symbols)) << n;
    }
  });
}

}  // namespace
}  // namespace plait
