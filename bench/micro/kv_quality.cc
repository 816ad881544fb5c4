// plait_kv_quality [ROUNDS [VARIANT...]]: the loops of KV quality layers and symbols on one core, in GB/s of 16-bit
// elements, on numbers that are made: normally distributed, every channel with a deviation of its own, steps of about
// half the deviation. A plane stays in the L2 cache. Before anything is timed, the exact layer must give the elements
// back. See README.md.
#include "codec/kv/kv_quality.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <random>

#include "absl/strings/str_cat.h"
#include "bench/micro/race.h"
#include "codec/base/cpu.h"
#include "codec/base/status.h"
#include "codec/kv/kv_symbols.h"

namespace plait {
namespace {

constexpr size_t kRows = 256;
constexpr size_t kChannels = 256;
constexpr size_t kElements = kRows * kChannels;
constexpr size_t kTimesARun = 200;
constexpr unsigned kRefinements = 4;

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "plait_kv_quality: " << status.ToString() << "\n";
  std::exit(1);
}

// Cut off to the type; numbers are in its normal range.
uint16_t ElementOf(KvElementInfo info, float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = (bits & 0x7fffffff) - (static_cast<uint32_t>(127 - info.bias) << 23);
  const uint32_t sign = bits >> 31 << (info.exponent_bits + info.mantissa_bits);
  return static_cast<uint16_t>(sign | magnitude >> (23 - info.mantissa_bits));
}

// A plane and everything that is made of it.
class Plane {
 public:
  explicit Plane(KvElement element) : element_(element) {
    const KvElementInfo info = GetKvElementInfo(element);
    std::mt19937_64 random(1);
    std::normal_distribution<float> normal;
    std::vector<float> deviation;
    for (size_t c = 0; c < kChannels; ++c) {
      deviation.push_back(std::exp(normal(random) * 0.7f));
      const int exponent = std::ilogb(deviation[c]) + info.bias;
      channel_steps_.push_back(static_cast<int16_t>(exponent - 1));
      offset_.push_back(static_cast<int16_t>(exponent + 2));
      index_channels_.push_back({0, static_cast<uint8_t>(c % 8 == 0)});
    }
    for (size_t r = 0; r < kRows; ++r) token_steps_.push_back(static_cast<int8_t>(random() % 3 - 1));
    for (size_t i = 0; i < kElements; ++i) {
      const float value = normal(random) * deviation[i % kChannels];
      x_.push_back(ElementOf(info, std::copysign(std::max(std::fabs(value), 1e-4f), value)));
    }
    steps_ = {.channel = channel_steps_, .token = token_steps_, .refinements = kRefinements};
    Encode();
    Symbolize();
    Heads();
    RefinementDecode();
    ExactDecode();
    Check(exact_prefixes_ == x_ ? absl::OkStatus() : absl::InternalError("the exact layer is wrong"));
  }
  Plane(const Plane&) = delete;
  Plane& operator=(const Plane&) = delete;

  double ExactBits() const { return 8.0 * static_cast<double>(exact_.size()) / kElements; }

  void BaseIndices() { KvBaseIndices(element_, steps_, x_, indices_); }
  void Decisions() { KvFirstDecisions(element_, steps_, x_, indices_, states_, bits_); }
  void RefinementEncode() {
    for (unsigned p = 2; p <= kRefinements; ++p) {
      refinements_[p].clear();
      KvRefinementEncode(element_, steps_, p, x_, &refinements_[p]);
    }
  }
  void ExactEncode() {
    exact_.clear();
    KvExactEncode(element_, steps_, x_, &exact_);
  }
  void Encode() {
    BaseIndices();
    Decisions();
    RefinementEncode();
    ExactEncode();
  }
  void Symbolize() {
    index_escapes_.clear();
    low_bits_.clear();
    KvIndexSymbols(index_channels_, indices_, index_symbols_);
    KvIndexEscapes(index_symbols_, indices_, &index_escapes_);
    KvIndexLowBits(index_channels_, index_symbols_, indices_, &low_bits_);
  }
  void Heads() {
    head_escapes_.clear();
    mantissas_.clear();
    KvHeadSymbols(element_, offset_, x_, head_symbols_);
    KvHeadEscapes(element_, head_symbols_, x_, &head_escapes_);
    KvMantissas(element_, kChannels, x_, &mantissas_);
  }

  void JoinIndices() { Check(KvJoinIndices(index_channels_, index_symbols_, index_escapes_, low_bits_, indices_)); }
  void Base() {
    JoinIndices();
    KvValuesOfIndices(element_, steps_, indices_, values_);
  }
  void FirstPrefixes() { KvPrefixes(element_, steps_, indices_, bits_, prefixes_); }
  void FirstRefinement() {
    JoinIndices();
    FirstPrefixes();
    KvValuesOfPrefixes(element_, steps_, 1, prefixes_, values_);
  }
  // Of prefixes after the first refinement.
  void RefinementDecode() {
    FirstPrefixes();
    for (unsigned p = 2; p <= kRefinements; ++p) {
      Check(KvRefinementDecode(element_, steps_, p, refinements_[p], prefixes_));
    }
    last_prefixes_ = prefixes_;
  }
  void ExactDecode() {
    exact_prefixes_ = last_prefixes_;
    Check(KvExactDecode(element_, steps_, exact_, exact_prefixes_));
  }
  void JoinHeads() { Check(KvJoinHeads(element_, offset_, head_symbols_, head_escapes_, mantissas_, values_)); }

 private:
  KvElement element_;
  std::vector<int16_t> channel_steps_;
  std::vector<int8_t> token_steps_;
  KvSteps steps_;
  std::vector<int16_t> offset_;
  std::vector<KvIndexChannel> index_channels_;
  std::vector<uint16_t> x_;

  std::vector<int16_t> indices_ = std::vector<int16_t>(kElements);
  std::vector<uint8_t> states_ = std::vector<uint8_t>(kElements);
  std::vector<uint8_t> bits_ = std::vector<uint8_t>(kElements);
  std::vector<uint8_t> refinements_[kRefinements + 1];
  std::vector<uint8_t> exact_;
  std::vector<uint8_t> index_symbols_ = std::vector<uint8_t>(kElements);
  std::vector<uint8_t> index_escapes_;
  std::vector<uint8_t> low_bits_;
  std::vector<uint8_t> head_symbols_ = std::vector<uint8_t>(kElements);
  std::vector<uint8_t> head_escapes_;
  std::vector<uint8_t> mantissas_;
  std::vector<uint16_t> prefixes_ = std::vector<uint16_t>(kElements);
  std::vector<uint16_t> last_prefixes_;
  std::vector<uint16_t> exact_prefixes_;
  std::vector<uint16_t> values_ = std::vector<uint16_t>(kElements);
};

void AddContestants(const char* type, Plane& plane, CpuVariant variant, std::vector<Contestant>* all) {
  const auto add = [&](const char* what, void (Plane::*run)(), double bits = 0) {
    all->push_back({absl::StrCat(type, " ", Absl(CpuVariantName(variant)), " ", what),
                    [&plane, variant, run] {
                      Check(ForceCpu(variant));
                      for (size_t i = 0; i < kTimesARun; ++i) (plane.*run)();
                      Check(ForceCpu(BestCpu()));
                    },
                    bits});
  };
  add("base indices", &Plane::BaseIndices);
  add("first decisions", &Plane::Decisions);
  add("three refinements, encode", &Plane::RefinementEncode);
  add("exact layer, encode", &Plane::ExactEncode, plane.ExactBits());
  add("all four of these", &Plane::Encode);
  add("index symbols, escapes, low bits", &Plane::Symbolize);
  add("heads, escapes, mantissas", &Plane::Heads);
  add("join indices, values", &Plane::Base);
  add("join indices, prefixes, values", &Plane::FirstRefinement);
  add("prefixes, three refinements", &Plane::RefinementDecode);
  add("copy, exact layer, decode", &Plane::ExactDecode, plane.ExactBits());
  add("join heads", &Plane::JoinHeads);
}

void Main(int argc, char** argv) {
  const size_t rounds = argc > 1 ? static_cast<size_t>(std::atol(argv[1])) : 9;
  std::vector<CpuVariant> variants;
  for (int i = 2; i < argc; ++i) {
    const auto variant = ParseCpuVariant(argv[i]);
    Check(variant.status());
    variants.push_back(*variant);
  }
  if (variants.empty()) variants = {BestCpu()};
  Plane bf16(KvElement::kBf16);
  Plane f16(KvElement::kF16);
  std::vector<Contestant> contestants;
  for (const CpuVariant variant : variants) {
    AddContestants("bf16", bf16, variant, &contestants);
    AddContestants("f16", f16, variant, &contestants);
  }
  constexpr double kBytes = kElements * sizeof(uint16_t);
  std::printf("%zu x %zu elements, %zu rounds, one core; GB/s of elements: median (min-max)\n", kRows, kChannels,
              rounds);
  for (const Result& r : Race(contestants, rounds, kTimesARun * kBytes)) {
    const Spread& speed = r.gigabytes_per_second;
    std::printf("%-48s %7.3f b  %6.2f (%5.2f-%5.2f)\n", r.name.c_str(), r.bits_per_element, speed.median, speed.min,
                speed.max);
  }
}

}  // namespace
}  // namespace plait

int main(int argc, char** argv) { plait::Main(argc, argv); }
