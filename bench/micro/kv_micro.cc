// plait_kv_micro [ROUNDS [VARIANT...]]: the kernels of the KV coder on one core, on symbols made from a seed, in one
// process, taking turns. Prints a table of symbols per second. See README.md.
#include <sched.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "bench/micro/race.h"
#include "codec/base/cpu.h"
#include "codec/base/status.h"
#include "codec/kv/kv_rans.h"
#include "tests/registry/kv_inputs.h"

namespace plait {
namespace {

constexpr size_t kRows = 256;
constexpr size_t kPlanes = 48;
constexpr size_t kClasses = 32;
constexpr size_t kContexts = 10;

void Check(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "plait_kv_micro: " << what << "\n";
  std::exit(1);
}

double BitsOf(std::span<const std::vector<uint8_t>> streams) {
  size_t bytes = 0;
  for (const auto& stream : streams) bytes += stream.size();
  return 8.0 * static_cast<double>(bytes);
}

// Symbols of some planes, their streams of two planes each as a model layer has them, and memory to decode to.
class SymbolBench {
 public:
  SymbolBench(size_t channels, double width, unsigned lanes_log2)
      : lanes_log2_(lanes_log2), tables_(MakeKvTables(kClasses, kContexts, width, random_)) {
    for (size_t i = 0; i < kPlanes; ++i) planes_.push_back(MakeKvSymbols(tables_, kRows, channels, random_));
    out_.resize(kPlanes * kRows * channels);
    Encode();
    Decode();
    size_t at = 0;
    for (const KvSymbols& plane : planes_) {
      Check(std::equal(plane.symbols.begin(), plane.symbols.end(), out_.begin() + static_cast<ptrdiff_t>(at)),
            "the decoder is wrong");
      at += plane.symbols.size();
    }
  }

  double num_symbols() const { return static_cast<double>(out_.size()); }
  double BitsPerSymbol() const { return BitsOf(streams_) / num_symbols(); }

  void Encode() {
    streams_.assign(kPlanes / 2, {});
    for (size_t i = 0; i < kPlanes; i += 2) {
      const KvSymbolPlane<const uint8_t> pair[] = {planes_[i].plane(), planes_[i + 1].plane()};
      KvRansEncode(encode_tables_, lanes_log2_, pair, &streams_[i / 2]);
    }
  }

  void Decode() {
    const size_t bytes = planes_[0].symbols.size();
    for (size_t i = 0; i < kPlanes; i += 2) {
      const std::span<uint8_t> to = std::span(out_).subspan(i * bytes, 2 * bytes);
      const KvSymbolPlane<uint8_t> pair[] = {{to.first(bytes), planes_[i].class_of},
                                             {to.subspan(bytes), planes_[i + 1].class_of}};
      Check(KvRansDecode(decode_tables_, lanes_log2_, streams_[i / 2], pair).ok(), "a stream does not decode");
    }
  }

  void EscapeUnknown() {
    const size_t bytes = planes_[0].symbols.size();
    for (size_t i = 0; i < kPlanes; ++i) {
      KvEscapeUnknown(encode_tables_, {std::span(out_).subspan(i * bytes, bytes), planes_[i].class_of});
    }
  }

 private:
  Random random_{7};
  unsigned lanes_log2_;
  KvTables tables_;
  KvEncodeTables encode_tables_{tables_};
  KvDecodeTables decode_tables_{tables_};
  std::vector<KvSymbols> planes_;
  std::vector<std::vector<uint8_t>> streams_;
  std::vector<uint8_t> out_;
};

// Decisions alike.
class DecisionBench {
 public:
  explicit DecisionBench(size_t channels) {
    for (size_t i = 0; i < kPlanes; ++i) planes_.push_back(MakeKvDecisions(tables_, kRows, channels, random_));
    out_.resize(kPlanes * kRows * channels);
    Encode();
    Decode();
    Check(std::ranges::equal(std::span(out_).first(kRows * channels), planes_[0].bits),
          "the decoder of decisions is wrong");
  }

  double num_symbols() const { return static_cast<double>(out_.size()); }
  double BitsPerSymbol() const { return BitsOf(streams_) / num_symbols(); }

  void Encode() {
    streams_.assign(kPlanes / 2, {});
    for (size_t i = 0; i < kPlanes; i += 2) {
      const KvBitPlane<const uint8_t> pair[] = {planes_[i].plane(), planes_[i + 1].plane()};
      KvBitsEncode(tables_, kKvMaxLanesLog2, pair, &streams_[i / 2]);
    }
  }
  void Decode() {
    const size_t bytes = planes_[0].bits.size();
    for (size_t i = 0; i < kPlanes; i += 2) {
      const std::span<uint8_t> to = std::span(out_).subspan(i * bytes, 2 * bytes);
      const KvBitPlane<uint8_t> pair[] = {{planes_[i].states, to.first(bytes), planes_[i].class_of},
                                          {planes_[i + 1].states, to.subspan(bytes), planes_[i + 1].class_of}};
      Check(KvBitsDecode(tables_, kKvMaxLanesLog2, streams_[i / 2], pair).ok(), "a stream does not decode");
    }
  }

 private:
  Random random_{8};
  KvBitTables tables_ = MakeKvBitTables(kClasses, random_);
  std::vector<KvDecisions> planes_;
  std::vector<std::vector<uint8_t>> streams_;
  std::vector<uint8_t> out_;
};

// One plane, again and again: it is in the cache, as it is when it is coded.
class OrderBench {
 public:
  static constexpr size_t kTimes = 32;

  explicit OrderBench(size_t channels)
      : order_(MakeKvOrder(channels, random_)), from_(RandomBytes(channels * kRows, random_)), to_(from_.size()) {}

  double num_symbols() const { return static_cast<double>(kTimes * from_.size()); }
  void To() {
    for (size_t i = 0; i < kTimes; ++i) KvToCodedOrder(order_, from_, to_);
  }
  void From() {
    for (size_t i = 0; i < kTimes; ++i) KvFromCodedOrder(order_, from_, to_);
  }

 private:
  Random random_{9};
  std::vector<uint16_t> order_;
  std::vector<uint8_t> from_;
  std::vector<uint8_t> to_;
};

// Races them for every variant; prints symbols per second.
class Races {
 public:
  Races(size_t rounds, std::vector<CpuVariant> variants) : rounds_(rounds), variants_(std::move(variants)) {}

  void Add(const char* name, double bits, std::function<void()> run) {
    for (const CpuVariant variant : variants_) {
      contestants_.push_back({absl::StrCat(Absl(CpuVariantName(variant)), " ", name),
                              [variant, run] {
                                Check(ForceCpu(variant).ok(), "no such variant");
                                run();
                              },
                              bits});
    }
  }

  void Run(const char* title, double num_symbols) {
    std::printf("%s; %zu rounds, one core; 10^9 a second: median (min-max)\n", title, rounds_);
    for (const Result& r : Race(contestants_, rounds_, num_symbols)) {
      const Spread& speed = r.gigabytes_per_second;
      std::printf("  %-40s %6.3f b  %6.2f (%5.2f-%5.2f)\n", r.name.c_str(), r.bits_per_element, speed.median, speed.min,
                  speed.max);
    }
    contestants_.clear();
    Check(ForceCpu(BestCpu()).ok(), "the best variant can be forced");
  }

 private:
  size_t rounds_;
  std::vector<CpuVariant> variants_;
  std::vector<Contestant> contestants_;
};

void RaceSymbols(size_t channels, double width, Races& races) {
  SymbolBench wide(channels, width, 6);
  SymbolBench narrow(channels, width, 5);
  races.Add("decode, 64 lanes", wide.BitsPerSymbol(), [&] { wide.Decode(); });
  races.Add("decode, 32 lanes", narrow.BitsPerSymbol(), [&] { narrow.Decode(); });
  races.Add("encode, 64 lanes", wide.BitsPerSymbol(), [&] { wide.Encode(); });
  races.Add("encode, 32 lanes", narrow.BitsPerSymbol(), [&] { narrow.Encode(); });
  races.Add("escape unknown", wide.BitsPerSymbol(), [&] { wide.EscapeUnknown(); });
  races.Run(absl::StrCat("symbols, ", channels, " channels").c_str(), wide.num_symbols());
}

void RaceDecisions(size_t channels, Races& races) {
  DecisionBench bench(channels);
  races.Add("decode decisions, 64 lanes", bench.BitsPerSymbol(), [&] { bench.Decode(); });
  races.Add("encode decisions, 64 lanes", bench.BitsPerSymbol(), [&] { bench.Encode(); });
  races.Run(absl::StrCat("decisions, ", channels, " channels").c_str(), bench.num_symbols());
}

void RaceOrders(size_t channels, Races& races) {
  OrderBench bench(channels);
  races.Add("to coded order", 8, [&] { bench.To(); });
  races.Add("from coded order", 8, [&] { bench.From(); });
  races.Run(absl::StrCat("orders, ", channels, " channels").c_str(), bench.num_symbols());
}

// The core that this runs on anyway.
void StayOnThisCore() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(sched_getcpu()), &set);
  sched_setaffinity(0, sizeof(set), &set);
}

void Main(int argc, char** argv) {
  StayOnThisCore();
  const size_t rounds = argc > 1 ? static_cast<size_t>(std::atol(argv[1])) : 15;
  std::vector<CpuVariant> variants;
  for (int i = 2; i < argc; ++i) {
    const auto variant = ParseCpuVariant(argv[i]);
    Check(variant.ok(), "variants are scalar, avx2, avx512");
    variants.push_back(*variant);
  }
  if (variants.empty()) variants = {BestCpu()};
  Races races(rounds, variants);
  RaceSymbols(192, 1.2, races);
  RaceSymbols(192, 0.6, races);
  RaceSymbols(256, 1.2, races);
  RaceDecisions(192, races);
  for (const size_t channels : {192, 256, 1024}) RaceOrders(channels, races);
}

}  // namespace
}  // namespace plait

int main(int argc, char** argv) { plait::Main(argc, argv); }
