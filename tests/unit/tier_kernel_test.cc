// The tier loops of every CPU variant against plain definitions written here, for every size around a vector step.
#include <algorithm>

#include "codec/tier/tier_layout.h"
#include "codec/tier/tier_select.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

// Tables of digits of two bits; those of one bit use the first symbol.
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

// Bit `bit` of digit i stands in word i / 64 of that bit; words of the two bits alternate, and the last ones are cut
// after the byte of the last symbol.
CodedLevel Definition(std::span<const uint8_t> symbols, const uint8_t* table, unsigned bits) {
  const size_t escape = (size_t{1} << bits) - 1;
  CodedLevel level;
  for (size_t unit = 0; unit < symbols.size(); unit += kTierUnitSymbols) {
    const auto in_unit = symbols.subspan(unit, std::min(kTierUnitSymbols, symbols.size() - unit));
    for (unsigned bit = 0; bit < bits; ++bit) {
      std::vector<uint8_t> word((in_unit.size() + 7) / 8);
      for (size_t i = 0; i < in_unit.size(); ++i) {
        const auto digit = static_cast<size_t>(std::find(table, table + escape, in_unit[i]) - table);
        word[i / 8] |= static_cast<uint8_t>((digit >> bit & 1) << i % 8);
        if (bit == 0 && digit == escape) level.escapes.push_back(in_unit[i]);
      }
      level.digits.insert(level.digits.end(), word.begin(), word.end());
    }
  }
  return level;
}

std::vector<std::vector<uint8_t>> SymbolsOfEveryKind(size_t n) {
  Random random(n);
  return {GeometricBytes(n, random), RandomBytes(n, random), std::vector<uint8_t>(n, 0), std::vector<uint8_t>(n, 9)};
}

void ExpectKernelsMatch(std::span<const uint8_t> symbols, const uint8_t* table, unsigned bits) {
  const TierKernels& kernels = ActiveTierKernels();
  const size_t n = symbols.size();
  const CodedLevel expected = Definition(symbols, table, bits);
  const GuardedBytes in(symbols);
  const GuardedBytes digits(TierDigitBytes(n, bits));
  const GuardedBytes escapes(n + kTierEscapeSlack);
  ASSERT_EQ(kernels.encode_level[bits - 1](in.span().data(), n, table, digits.span().data(), escapes.span().data()),
            expected.escapes.size());
  ASSERT_TRUE(std::ranges::equal(digits.span(), expected.digits));
  ASSERT_TRUE(std::ranges::equal(escapes.span().first(expected.escapes.size()), expected.escapes));
  ASSERT_EQ(kernels.count_escapes[bits - 1](digits.span().data(), n), expected.escapes.size());

  const GuardedBytes decoded(n);
  kernels.decode_level[bits - 1](digits.span().data(), n, table, escapes.span().data(), decoded.span().data());
  ASSERT_TRUE(std::ranges::equal(decoded.span(), symbols));
}

void ExpectKernelsMatchAtEverySize(const uint8_t* table) {
  for (size_t n : Sizes()) {
    for (const auto& symbols : SymbolsOfEveryKind(n)) {
      for (unsigned bits : {1u, 2u}) {
        SCOPED_TRACE(n);
        ASSERT_NO_FATAL_FAILURE(ExpectKernelsMatch(symbols, table, bits));
      }
    }
  }
}

TEST(TierKernels, EveryVariantMatchesTheDefinitionAtEverySize) {
  ForEachCpu([] { ExpectKernelsMatchAtEverySize(kTable); });
}

TEST(TierKernels, TheLowestDigitOfARepeatedSymbolIsUsed) {
  ForEachCpu([] { ExpectKernelsMatchAtEverySize(kRepeatedSymbolTable); });
}

TEST(TierKernels, NothingIsReadBehindTheSlackOfTheEscapes) {
  ForEachCpu([] {
    for (size_t n : Sizes()) {
      for (unsigned bits : {1u, 2u}) {
        const std::vector<uint8_t> symbols(n, 200);
        const CodedLevel coded = Definition(symbols, kTable, bits);
        const GuardedBytes escapes(Concat({coded.escapes, std::vector<uint8_t>(kTierEscapeSlack)}));
        const GuardedBytes digits(coded.digits);
        const GuardedBytes decoded(n);
        ActiveTierKernels().decode_level[bits - 1](digits.span().data(), n, kTable, escapes.span().data(),
                                                   decoded.span().data());
        ASSERT_TRUE(std::ranges::equal(decoded.span(), symbols)) << n;
      }
    }
  });
}

}  // namespace
}  // namespace plait
