#include "tests/registry/inputs.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <string_view>

#include "codec/base/endian.h"
#include "codec/tier/tier_layout.h"
#include "formats/frame/frame_layout.h"

namespace plait {
namespace {

constexpr uint64_t kSeed = 20240607;

std::vector<uint8_t> Repeat(std::string_view text, size_t n) {
  std::vector<uint8_t> bytes(n);
  for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<uint8_t>(text[i % text.size()]);
  return bytes;
}

// n words, the i-th being word(i).
std::vector<uint8_t> Words(size_t n, const std::function<uint16_t(size_t)>& word) {
  std::vector<uint8_t> bytes(2 * n);
  for (size_t i = 0; i < n; ++i) StoreLe(word(i), bytes.data() + 2 * i);
  return bytes;
}

// Zeros of both signs, the smallest and largest denormals, infinities, quiet and signalling NaNs, largest finite.
std::vector<uint8_t> SpecialBf16() {
  static constexpr uint16_t kWords[] = {0x0000, 0x8000, 0x0001, 0x807f, 0x7f80, 0xff80, 0x7fc0,
                                        0xffff, 0x7f81, 0xff81, 0x7f7f, 0xff7f, 0x0080, 0x3f80};
  return Words(700, [](size_t i) { return kWords[i % std::size(kWords)]; });
}

// `count` exponents, each as common as the others.
std::vector<uint8_t> ExponentsInTurn(size_t n, size_t count) {
  return Words(n, [count](size_t i) { return static_cast<uint16_t>((i % count) << 7 | (i & 0x7f)); });
}

struct FloatShape {
  int mantissa_bits;
  int bias;
};

FloatShape ShapeOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF64: return {52, 1023};
    case Dtype::kF32: return {23, 127};
    case Dtype::kBf16: return {7, 127};
    case Dtype::kF16: return {10, 15};
    case Dtype::kF8E4m3: return {3, 7};
    default: return {2, 15};
  }
}

}  // namespace

BlockSpec Input::spec(uint64_t seed) const {
  return {.dtype = dtype, .elements = static_cast<uint32_t>(raw.size() * 8 / GetDtypeInfo(dtype).bits), .seed = seed};
}

std::vector<uint8_t> RandomBytes(size_t n, Random& random) {
  std::vector<uint8_t> bytes(n);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() >> 56);
  return bytes;
}

std::vector<uint8_t> GeometricBytes(size_t n, Random& random) {
  std::vector<uint8_t> bytes(n);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(std::countl_zero(random() | 1));
  return bytes;
}

std::vector<uint8_t> WeightLikeBf16(size_t n, Random& random) {
  return Words(n, [&random](size_t) {
    const uint64_t bits = random();
    const auto exponent = static_cast<uint16_t>(125 - std::countl_zero(bits | 1 << 16));
    return static_cast<uint16_t>((bits & 0x807f) | exponent << 7);
  });
}

std::vector<uint8_t> WeightLikeFloats(Dtype dtype, size_t n, Random& random) {
  const FloatShape shape = ShapeOf(dtype);
  const auto bias = static_cast<uint64_t>(shape.bias);
  const size_t bytes = GetDtypeInfo(dtype).bits / 8;
  std::vector<uint8_t> raw(n * bytes);
  for (size_t i = 0; i < n; ++i) {
    const uint64_t bits = random();
    const uint64_t drop = static_cast<uint64_t>(std::countl_zero(bits | 1)) % (bias + 1);
    const uint64_t mantissa = random() & ((uint64_t{1} << shape.mantissa_bits) - 1);
    const uint64_t element = (bits & 1) << (8 * bytes - 1) | (bias - drop) << shape.mantissa_bits | mantissa;
    std::memcpy(raw.data() + i * bytes, &element, bytes);
  }
  return raw;
}

std::vector<Input> ByteEdges() {
  Random random(kSeed);
  std::vector<Input> inputs = {
      {"empty", Dtype::kU8, {}},
      {"one_byte", Dtype::kU8, {0x2a}},
      {"zeros", Dtype::kU8, std::vector<uint8_t>(5000)},
      {"all_equal", Dtype::kI8, std::vector<uint8_t>(4097, 0xff)},
      {"text", Dtype::kU8, Repeat("the same eleven words, again and again, until the block is full. ", 3001)},
      {"four_bit_elements", Dtype::kF4, RandomBytes(1001, random)},
      {"six_bit_elements", Dtype::kF6E3m2, RandomBytes(999, random)},
      {"doubles", Dtype::kF64, RandomBytes(8 * 77, random)},
      {"skewed", Dtype::kF8E4m3, GeometricBytes(10001, random)},
  };
  for (size_t n : {2, 3, 63, 65, 255, 257, 65537}) {
    inputs.push_back({"random_" + std::to_string(n), Dtype::kU8, RandomBytes(n, random)});
  }
  return inputs;
}

std::vector<Input> Bf16Edges() {
  Random random(kSeed);
  const size_t block = size_t{1} << kDefaultBlockLog2;
  std::vector<Input> inputs = {
      {"empty", Dtype::kBf16, {}},
      {"special_values", Dtype::kBf16, SpecialBf16()},
      {"all_zero", Dtype::kBf16, Words(3000, [](size_t) { return 0; })},
      {"all_negative_zero", Dtype::kBf16, Words(129, [](size_t) { return 0x8000; })},
      {"all_equal", Dtype::kBf16, Words(4099, [](size_t) { return 0x3f80; })},
      {"every_word", Dtype::kBf16, Words(65536, [](size_t i) { return static_cast<uint16_t>(i); })},
      {"every_exponent", Dtype::kBf16, ExponentsInTurn(256, 256)},
      {"three_exponents", Dtype::kBf16, ExponentsInTurn(700, 3)},
      {"four_exponents", Dtype::kBf16, ExponentsInTurn(701, 4)},
      {"fifteen_exponents", Dtype::kBf16, ExponentsInTurn(702, 15)},
      {"sixteen_exponents", Dtype::kBf16, ExponentsInTurn(703, 16)},
      {"uniform_exponents", Dtype::kBf16, RandomBytes(2 * 5000, random)},
      {"bf16_in_bytes", Dtype::kU8, WeightLikeBf16(900, random)},
  };
  for (size_t n : {size_t{1}, size_t{2}, size_t{3}, size_t{5}, size_t{63}, size_t{64}, size_t{65}, size_t{100},
                   kTierGroupSymbols - 1, kTierGroupSymbols, kTierGroupSymbols + 1, 3 * kTierGroupSymbols + 7,
                   block - 1, block, block + 1}) {
    inputs.push_back({"weights_" + std::to_string(n), Dtype::kBf16, WeightLikeBf16(n, random)});
  }
  return inputs;
}

std::vector<uint8_t> ThinningFloats(Dtype dtype, size_t n, int scale_log2, Random& random) {
  constexpr int kFractionBits = 20;
  const FloatShape shape = ShapeOf(dtype);
  const size_t bytes = GetDtypeInfo(dtype).bits / 8;
  std::vector<uint8_t> raw(n * bytes);
  for (size_t i = 0; i < n; ++i) {
    // The sum of two even distributions: its density falls evenly from 0 to 1.
    const uint64_t bits = random();
    const int64_t sum =
        static_cast<int64_t>(bits >> 44) + static_cast<int64_t>(bits << 20 >> 44) - (1 << kFractionBits);
    const auto magnitude = static_cast<uint64_t>(std::abs(sum));
    const int top_bit = std::bit_width(magnitude) - 1;
    const int exponent = top_bit - kFractionBits + scale_log2 + shape.bias;
    if (magnitude == 0 || exponent <= 0) continue;
    const uint64_t mantissa = (magnitude ^ uint64_t{1} << top_bit) << (52 - top_bit) >> (52 - shape.mantissa_bits);
    const uint64_t element =
        uint64_t{sum < 0} << (8 * bytes - 1) | static_cast<uint64_t>(exponent) << shape.mantissa_bits | mantissa;
    std::memcpy(raw.data() + i * bytes, &element, bytes);
  }
  return raw;
}

std::vector<Input> ConstantEdges() {
  std::vector<Input> inputs;
  for (size_t n : {1, 2, 63, 64, 65, 5000}) {
    inputs.push_back({"zeros_" + std::to_string(n), Dtype::kU8, std::vector<uint8_t>(n)});
    inputs.push_back({"ones_" + std::to_string(n), Dtype::kU8, std::vector<uint8_t>(n, 0xff)});
  }
  return inputs;
}

std::vector<Input> FloatEdges(Dtype dtype) {
  Random random(kSeed);
  const size_t bytes = GetDtypeInfo(dtype).bits / 8;
  std::vector<uint8_t> counting(256 * 8 * bytes);
  for (size_t i = 0; i < counting.size(); ++i) counting[i] = static_cast<uint8_t>(i * 37 + i / 256);
  std::vector<Input> inputs = {
      {"empty", dtype, {}},
      {"all_zero", dtype, std::vector<uint8_t>(300 * bytes)},
      {"all_ones", dtype, std::vector<uint8_t>(301 * bytes, 0xff)},
      {"noise", dtype, RandomBytes(3001 * bytes, random)},
      {"every_byte", dtype, counting},
  };
  for (size_t n : {1, 2, 3, 7, 8, 9, 15, 16, 17, 2047, 2048, 2049}) {
    inputs.push_back({"weights_" + std::to_string(n), dtype, WeightLikeFloats(dtype, n, random)});
  }
  return inputs;
}

}  // namespace plait
