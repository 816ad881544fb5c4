// The rans loops of every CPU variant against the formulas of FORMAT.md, written here, for every size around a step.
#include <algorithm>

#include "codec/rans/rans_select.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

constexpr size_t kLaneCounts[] = {64, 128, 256};

RansLevel MakeLevel(std::vector<uint8_t> frequencies, std::vector<uint8_t> symbols) {
  RansLevel level{.num_digits = frequencies.size(), .has_escape = symbols.size() < frequencies.size()};
  std::ranges::copy(frequencies, level.frequency.begin());
  std::ranges::copy(symbols, level.symbol.begin());
  return level;
}

// With and without an escape, from the fewest to the most digits, from the smallest to the largest frequency.
std::vector<RansLevel> Levels() {
  return {
      MakeLevel({1, 127}, {0, 1}),
      MakeLevel({127, 1}, {0}),
      MakeLevel({64, 32, 16, 16}, {0, 1, 2}),
      MakeLevel({43, 42, 21, 11, 5, 3, 2, 1}, {200, 1, 0, 2, 255, 3, 4}),
      MakeLevel({8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8}, {15, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}),
      MakeLevel({113, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
                {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16}),
      MakeLevel({1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 113}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}),
  };
}

std::vector<size_t> Sizes() {
  std::vector<size_t> sizes;
  for (size_t n = 0; n <= 66; ++n) sizes.push_back(n);
  for (size_t n : {95, 96, 97, 127, 128, 129, 191, 192, 193, 255, 256, 257, 511, 512, 513, 2000}) sizes.push_back(n);
  return sizes;
}

// Symbols that the level knows; some that it does not, if it has an escape.
std::vector<uint8_t> SymbolsOf(const RansLevel& level, size_t n, Random& random) {
  std::vector<uint8_t> symbols = GeometricBytes(n, random);
  for (uint8_t& symbol : symbols) {
    if (!level.has_escape || random() % 4 != 0) symbol = level.symbol[symbol % level.num_symbols()];
  }
  return symbols;
}

// A level's symbols as FORMAT.md codes them.
struct CodedLevel {
  std::vector<uint8_t> digits;
  std::vector<uint8_t> escapes;
  std::vector<uint16_t> states;
  std::vector<uint8_t> units;
};

CodedLevel Definition(const RansLevel& level, size_t lanes, std::span<const uint8_t> symbols) {
  CodedLevel coded;
  for (uint8_t symbol : symbols) {
    const auto end = level.symbol.begin() + static_cast<ptrdiff_t>(level.num_symbols());
    coded.digits.push_back(static_cast<uint8_t>(std::find(level.symbol.begin(), end, symbol) - level.symbol.begin()));
    if (coded.digits.back() == level.num_symbols()) coded.escapes.push_back(symbol);
  }
  coded.states.assign(lanes, 256);
  for (size_t step = (symbols.size() + lanes - 1) / lanes; step-- > 0;) {
    for (size_t lane = lanes; lane-- > 0;) {
      const size_t in_bundle = lane % 64;
      const size_t i = step * lanes + lane / 64 * 64 + (in_bundle < 32 ? 2 * in_bundle : 2 * (in_bundle - 32) + 1);
      if (i >= symbols.size()) continue;
      const unsigned frequency = level.frequency[coded.digits[i]];
      unsigned first = 0;
      for (size_t d = 0; d < coded.digits[i]; ++d) first += level.frequency[d];
      unsigned x = coded.states[lane];
      if (x / 512 >= frequency) {
        coded.units.insert(coded.units.begin(), static_cast<uint8_t>(x % 256));
        x /= 256;
      }
      coded.states[lane] = static_cast<uint16_t>(128 * (x / frequency) + x % frequency + first);
    }
  }
  return coded;
}

void ExpectEncodes(const RansLevel& level, size_t lanes, std::span<const uint8_t> symbols, const CodedLevel& expected) {
  const RansKernels& kernels = ActiveRansKernels();
  const RansEncodeTable table = MakeRansEncodeTable(level);
  const size_t n = symbols.size();
  const GuardedBytes in(symbols);
  const GuardedBytes digits(n);
  const GuardedBytes escapes(n + kRansEscapeSlack);
  ASSERT_EQ(kernels.map(table, in.span().data(), n, digits.span().data(), escapes.span().data()),
            expected.escapes.size());
  ASSERT_TRUE(std::ranges::equal(digits.span(), expected.digits));
  ASSERT_TRUE(std::ranges::equal(escapes.span().first(expected.escapes.size()), expected.escapes));

  std::vector<uint16_t> states(lanes, kRansLowState);
  const GuardedBytes units(n + kRansUnitsSlack);
  uint8_t* const units_end = units.span().data() + units.span().size();
  const uint8_t* first = kernels.encode(table, lanes, states.data(), digits.span().data(), n, units_end);
  ASSERT_TRUE(std::ranges::equal(std::span<const uint8_t>(first, units_end), expected.units));
  ASSERT_EQ(states, expected.states);
}

// Decodes from buffers that end where a step may read last.
void ExpectDecodes(const RansLevel& level, size_t lanes, std::span<const uint8_t> symbols, const CodedLevel& coded) {
  const GuardedBytes units(Concat({coded.units, std::vector<uint8_t>(lanes)}));
  const GuardedBytes escapes(Concat({coded.escapes, std::vector<uint8_t>(lanes)}));
  RansCursor cursor = {units.span().data(), units.span().data() + coded.units.size(), escapes.span().data(),
                       escapes.span().data() + coded.escapes.size()};
  std::vector<uint16_t> states = coded.states;
  const GuardedBytes decoded(symbols.size());
  ASSERT_EQ(ActiveRansKernels().decode(MakeRansDecodeTable(level), lanes, states.data(), &cursor, decoded.span().data(),
                                       symbols.size()),
            symbols.size());
  ASSERT_TRUE(std::ranges::equal(decoded.span(), symbols));
  ASSERT_EQ(states, std::vector<uint16_t>(lanes, kRansLowState));
  ASSERT_EQ(cursor.units, cursor.units_stop);
  ASSERT_EQ(cursor.escapes, cursor.escapes_stop);
}

TEST(RansKernels, EveryVariantMatchesTheFormulasAtEverySize) {
  ForEachCpu([] {
    Random random(1);
    for (const RansLevel& level : Levels()) {
      for (size_t lanes : kLaneCounts) {
        for (size_t n : Sizes()) {
          SCOPED_TRACE(testing::Message() << level.num_digits << " digits, " << lanes << " lanes, " << n);
          const std::vector<uint8_t> symbols = SymbolsOf(level, n, random);
          const CodedLevel coded = Definition(level, lanes, symbols);
          ASSERT_NO_FATAL_FAILURE(ExpectEncodes(level, lanes, symbols, coded));
          ASSERT_NO_FATAL_FAILURE(ExpectDecodes(level, lanes, symbols, coded));
        }
      }
    }
  });
}

// Every state with every digit: quotients by reciprocals, products in 16 bits.
TEST(RansKernels, EveryStateOfEveryDigitComesBack) {
  ForEachCpu([] {
    constexpr size_t kLanes = 64;
    for (const RansLevel& level : Levels()) {
      const RansEncodeTable table = MakeRansEncodeTable(level);
      for (unsigned first_state = kRansLowState; first_state < 1u << kRansStateBits; first_state += kLanes) {
        const std::vector<uint8_t> digits(kLanes, static_cast<uint8_t>(first_state / kLanes % level.num_digits));
        std::vector<uint16_t> states(kLanes);
        for (size_t lane = 0; lane < kLanes; ++lane) states[lane] = static_cast<uint16_t>(first_state + lane);
        const std::vector<uint16_t> before = states;
        std::vector<uint8_t> units(kLanes + kRansUnitsSlack + kLanes);
        uint8_t* const units_end = units.data() + kLanes + kRansUnitsSlack;
        const uint8_t* front =
            ActiveRansKernels().encode(table, kLanes, states.data(), digits.data(), kLanes, units_end);
        const std::vector<uint8_t> escapes(2 * kLanes, 9);
        RansCursor cursor = {front, units_end, escapes.data(), escapes.data() + kLanes};
        std::vector<uint8_t> symbols(kLanes);
        ASSERT_EQ(ActiveRansKernels().decode(MakeRansDecodeTable(level), kLanes, states.data(), &cursor, symbols.data(),
                                             kLanes),
                  kLanes);
        ASSERT_EQ(states, before) << first_state;
        ASSERT_EQ(cursor.units, units_end);
      }
    }
  });
}

TEST(RansKernels, NoStepBeginsBehindAStop) {
  ForEachCpu([] {
    const RansLevel level = Levels()[2];
    const RansDecodeTable table = MakeRansDecodeTable(level);
    const std::vector<uint8_t> bytes(2000);
    for (size_t lanes : kLaneCounts) {
      const uint8_t* const begin = bytes.data();
      for (RansCursor cursor :
           {RansCursor{begin + 1, begin, begin, begin}, RansCursor{begin, begin, begin + 1, begin}}) {
        std::vector<uint16_t> states(lanes, kRansLowState);
        std::vector<uint8_t> symbols(300);
        for (size_t n : {size_t{1}, lanes, size_t{300}}) {
          EXPECT_EQ(ActiveRansKernels().decode(table, lanes, states.data(), &cursor, symbols.data(), n), 0);
        }
        EXPECT_EQ(states, std::vector<uint16_t>(lanes, kRansLowState));
      }
    }
  });
}

TEST(RansLayout, PlacesAndLanesAreInverse) {
  for (size_t lane = 0; lane < kRansMaxLanes; ++lane) EXPECT_EQ(RansLaneOfPlace(RansPlaceOfLane(lane)), lane);
}

}  // namespace
}  // namespace plait
