// plait_micro FILE [DTYPE [MIB [ROUNDS [VARIANT...]]]]: kernels of one core on real weights, beside copies and huff0,
// in one process, taking turns. Prints a table; the last line is the same as JSON. See README.md.
#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bench/micro/copies.h"
#include "bench/micro/huff0.h"
#include "bench/micro/race.h"
#include "bench/micro/weights.h"
#include "codec/base/bits.h"
#include "codec/base/cpu.h"
#include "codec/base/hash.h"
#include "codec/base/status.h"
#include "codec/block/block_codec.h"
#include "codec/block/plane_payload.h"
#include "codec/transform/planes.h"

namespace plait {
namespace {

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "plait_micro: " << status.ToString() << "\n";
  std::exit(1);
}

PlaneKind KindOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF32: return PlaneKind::kF32;
    case Dtype::kF16: return PlaneKind::kF16;
    case Dtype::kF8E4m3: return PlaneKind::kE4m3;
    case Dtype::kF8E5m2: return PlaneKind::kE5m2;
    default: return PlaneKind::kBf16;
  }
}

// Everything that the contestants share: the weights, what they are coded to, and memory to decode to.
class Bench {
 public:
  explicit Bench(Weights weights)
      : weights_(std::move(weights)),
        kind_(KindOf(weights_.dtype)),
        out_(weights_.bytes.span().size()),
        planes_(weights_.num_blocks * PlaneBytesOfBlock()),
        coded_(weights_.num_blocks * CodedSlot()),
        huff0_coded_(weights_.num_blocks * CodedSlot()) {
    Split();
    Encode();
    EncodeHuff0();
    CheckDecoders();
  }

  double bytes() const { return static_cast<double>(weights_.bytes.span().size()); }

  std::vector<Contestant> Contestants(std::span<const CpuVariant> variants) {
    std::vector<Contestant> all = {
        {"streaming copy", [this] { StreamingCopy(weights_.bytes.span(), out_.span()); }},
        {"memcpy", [this] { std::memcpy(out_.span().data(), weights_.bytes.span().data(), out_.span().size()); }},
        {"hash of coded bytes", [this] { HashCoded(); }},
        {"huff0 4X2 decode", [this] { DecodeHuff0(); }, BitsPerElement(huff0_bytes_)},
        {"huff0 encode", [this] { EncodeHuff0(); }, BitsPerElement(huff0_bytes_)},
    };
    for (const CpuVariant variant : variants) AddVariant(variant, &all);
    return all;
  }

 private:
  void AddVariant(CpuVariant variant, std::vector<Contestant>* all) {
    const auto add = [&](const char* what, double bits, std::function<void()> run) {
      all->push_back({absl::StrCat(Absl(CpuVariantName(variant)), " ", what),
                      [variant, run = std::move(run)] {
                        Check(ForceCpu(variant));
                        run();
                        Check(ForceCpu(BestCpu()));
                      },
                      bits});
    };
    const double bits = BitsPerElement(coded_bytes_);
    add("split", 0, [this] { Split(); });
    add("join, streaming", 0, [this] { Join(); });
    add("decode, streaming", bits, [this] { Decode(StoreMode::kStreaming); });
    add("decode", bits, [this] { Decode(StoreMode::kCached); });
    add("decode, one block", bits, [this] { DecodeOneBlock(); });
    add("decode, checked, streaming", bits, [this] { DecodeChecked(StoreMode::kStreaming); });
    add("decode, checked", bits, [this] { DecodeChecked(StoreMode::kCached); });
    add("encode", bits, [this] { Encode(); });
  }

  BlockSpec SpecOf(size_t i) const {
    return {.dtype = weights_.dtype, .elements = static_cast<uint32_t>(weights_.block_elements), .seed = i};
  }
  std::span<uint8_t> OutOf(size_t i) const {
    return out_.span().subspan(i * weights_.block_bytes(), weights_.block_bytes());
  }
  double BitsPerElement(size_t bytes) const {
    return 8.0 * static_cast<double>(bytes) / static_cast<double>(weights_.num_blocks * weights_.block_elements);
  }

  // ---- Blocks, one after the other as in a frame ----

  size_t CodedSlot() const { return AlignUp(weights_.block_bytes() + kBlockHeaderBytes, kBlockAlignment); }

  void Encode() {
    blocks_.clear();
    coded_bytes_ = 0;
    for (size_t i = 0; i < weights_.num_blocks; ++i) {
      EncodeBlock(SpecOf(i), weights_.block(i), workspace_, &block_);
      blocks_.push_back(coded_.span().subspan(coded_bytes_, block_.size()));
      std::ranges::copy(block_, blocks_.back().begin());
      coded_bytes_ += AlignUp(block_.size(), kBlockAlignment);
    }
  }

  DecodeHints HintsOf(size_t i, StoreMode mode) const {
    return {.store = mode, .next = i + 1 < blocks_.size() ? blocks_[i + 1] : std::span<const uint8_t>()};
  }

  // Without the hash.
  void DecodePayload(size_t i, const DecodeHints& hints) {
    const std::span<const uint8_t> coded = blocks_[i];
    const BlockHeader header = ParseBlockHeader(coded).value();
    const auto payload = coded.subspan(kBlockHeaderBytes);
    const auto kind = static_cast<PlaneKind>(header.plane);
    const auto codec = static_cast<CodecId>(header.codec);
    Check(kind == PlaneKind::kBytes ? DecodeBlock(SpecOf(i), coded, workspace_, OutOf(i), hints)
                                    : DecodePlanePayload(kind, codec, payload, workspace_, OutOf(i), hints));
  }
  void Decode(StoreMode mode) {
    for (size_t i = 0; i < weights_.num_blocks; ++i) DecodePayload(i, HintsOf(i, mode));
    FinishStreaming();
  }
  void DecodeOneBlock() {
    for (size_t i = 0; i < weights_.num_blocks; ++i) DecodePayload(0, {});
  }
  void DecodeChecked(StoreMode mode) {
    for (size_t i = 0; i < weights_.num_blocks; ++i) {
      Check(DecodeBlock(SpecOf(i), blocks_[i], workspace_, OutOf(i), HintsOf(i, mode)));
    }
    FinishStreaming();
  }
  void HashCoded() {
    for (const auto& block : blocks_) hash_sum_ += Hash64(block);
  }

  // ---- Planes ----

  size_t PlaneBytesOfBlock() const {
    size_t bytes = 0;
    for (size_t p = 0; p < GetPlaneLayout(kind_).num_planes; ++p)
      bytes += PlaneBytes(kind_, p, weights_.block_elements);
    return bytes;
  }
  // Of block i: `Span` may be of constant bytes.
  template <class Spans>
  Spans PlanesOf(size_t i) const {
    Spans spans;
    size_t at = i * PlaneBytesOfBlock();
    for (size_t p = 0; p < GetPlaneLayout(kind_).num_planes; ++p) {
      spans[p] = planes_.span().subspan(at, PlaneBytes(kind_, p, weights_.block_elements));
      at += spans[p].size();
    }
    return spans;
  }
  void Split() {
    for (size_t i = 0; i < weights_.num_blocks; ++i) SplitPlanes(kind_, weights_.block(i), PlanesOf<PlaneSpans>(i));
  }
  void Join() {
    for (size_t i = 0; i < weights_.num_blocks; ++i) {
      JoinPlanes(kind_, PlanesOf<ConstPlaneSpans>(i), OutOf(i), StoreMode::kStreaming);
    }
    FinishStreaming();
  }

  // ---- huff0: on whole bytes of fp8; else on exponents, with our own split and join around it ----

  bool Huff0OnBytes() const { return GetPlaneLayout(kind_).element_bytes == 1; }

  void EncodeHuff0() {
    huff0_blocks_.clear();
    huff0_bytes_ = 0;
    for (size_t i = 0; i < weights_.num_blocks; ++i) {
      std::span<const uint8_t> symbols = weights_.block(i);
      if (!Huff0OnBytes()) {
        const PlaneSpans planes = PlanesOf<PlaneSpans>(i);
        SplitPlanes(kind_, weights_.block(i), planes);
        symbols = planes[0];
        huff0_bytes_ += PlaneBytesOfBlock() - symbols.size();
      }
      const auto slot = huff0_coded_.span().subspan(i * CodedSlot(), CodedSlot());
      const size_t coded_bytes = huff0_.Encode(symbols, slot);
      Check(coded_bytes > 1 ? absl::OkStatus() : absl::InternalError("huff0: a block does not shrink"));
      huff0_blocks_.push_back(slot.first(coded_bytes));
      huff0_bytes_ += coded_bytes;
    }
  }

  void DecodeHuff0() {
    for (size_t i = 0; i < weights_.num_blocks; ++i) {
      const std::span<uint8_t> symbols = Huff0OnBytes() ? OutOf(i) : std::span(symbols_).first(weights_.block_elements);
      Check(huff0_.Decode(huff0_blocks_[i], symbols) ? absl::OkStatus() : absl::InternalError("huff0: corrupt"));
      if (Huff0OnBytes()) continue;
      ConstPlaneSpans planes = PlanesOf<ConstPlaneSpans>(i);
      planes[0] = symbols;
      JoinPlanes(kind_, planes, OutOf(i), StoreMode::kStreaming);
    }
    FinishStreaming();
  }

  // Every decoder must give the weights back before it may race.
  void CheckDecoders() {
    const std::function<void()> decoders[] = {
        [this] { Decode(StoreMode::kStreaming); }, [this] { Decode(StoreMode::kCached); },
        [this] { DecodeChecked(StoreMode::kStreaming); }, [this] { Join(); }, [this] { DecodeHuff0(); }};
    for (const auto& decode : decoders) {
      std::ranges::fill(out_.span(), uint8_t{0});
      decode();
      Check(std::ranges::equal(out_.span(), weights_.bytes.span()) ? absl::OkStatus()
                                                                   : absl::InternalError("a decoder is wrong"));
    }
  }

  Weights weights_;
  PlaneKind kind_;
  Buffer out_;
  Buffer planes_;
  Buffer coded_;
  std::vector<std::span<uint8_t>> blocks_;
  size_t coded_bytes_ = 0;
  Buffer huff0_coded_;
  std::vector<std::span<uint8_t>> huff0_blocks_;
  size_t huff0_bytes_ = 0;
  uint64_t hash_sum_ = 0;
  Huff0 huff0_;
  std::vector<uint8_t> symbols_ = std::vector<uint8_t>(kHuff0MaxBytes);
  BlockWorkspace workspace_;
  std::vector<uint8_t> block_;
};

struct Options {
  std::string path;
  std::string dtype = "BF16";
  size_t mib = 128;
  size_t rounds = 15;
  std::vector<CpuVariant> variants;
};

Options ParseOptions(int argc, char** argv) {
  Options options;
  if (argc < 2) Check(absl::InvalidArgumentError("usage: plait_micro FILE [DTYPE [MIB [ROUNDS [VARIANT...]]]]"));
  options.path = argv[1];
  if (argc > 2) options.dtype = argv[2];
  if (argc > 3) options.mib = static_cast<size_t>(std::atol(argv[3]));
  if (argc > 4) options.rounds = static_cast<size_t>(std::atol(argv[4]));
  for (int i = 5; i < argc; ++i) {
    const auto variant = ParseCpuVariant(argv[i]);
    Check(variant.status());
    options.variants.push_back(*variant);
  }
  if (options.variants.empty()) options.variants = {BestCpu()};
  return options;
}

// FP8 is cast from the file's BF16.
Weights Load(const Options& options) {
  const auto dtype = DtypeFromName(options.dtype);
  if (!dtype.has_value()) Check(absl::InvalidArgumentError("unknown dtype"));
  const bool fp8 = *dtype == Dtype::kF8E4m3 || *dtype == Dtype::kF8E5m2;
  auto weights = LoadWeights(options.path, fp8 ? Dtype::kBf16 : *dtype, options.mib << 20);
  Check(weights.status());
  return fp8 ? CastToFp8(*weights, *dtype) : *std::move(weights);
}

// The core that this runs on anyway; noise from moving between cores is not what is measured.
void StayOnThisCore() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(sched_getcpu()), &set);
  sched_setaffinity(0, sizeof(set), &set);
}

nlohmann::json ToJson(const Spread& spread) {
  return {{"median", spread.median}, {"min", spread.min}, {"max", spread.max}};
}

void Print(const Options& options, double bytes, std::span<const Result> results) {
  std::printf("%s, %s, %.1f MiB, %zu rounds, one core; GB/s of original bytes: median (min-max)\n",
              options.path.c_str(), options.dtype.c_str(), bytes / (1 << 20), options.rounds);
  nlohmann::json rows = nlohmann::json::array();
  for (const Result& r : results) {
    const Spread& speed = r.gigabytes_per_second;
    std::printf("%-36s %7.3f b  %6.2f (%5.2f-%5.2f)  %5.3f of a streaming copy (%5.3f-%5.3f)\n", r.name.c_str(),
                r.bits_per_element, speed.median, speed.min, speed.max, r.of_reference.median, r.of_reference.min,
                r.of_reference.max);
    rows.push_back({{"name", r.name},
                    {"bits_per_element", r.bits_per_element},
                    {"gigabytes_per_second", ToJson(speed)},
                    {"of_streaming_copy", ToJson(r.of_reference)}});
  }
  const nlohmann::json all = {
      {"file", options.path}, {"dtype", options.dtype}, {"bytes", bytes}, {"rounds", options.rounds}, {"rows", rows}};
  std::printf("%s\n", all.dump().c_str());
}

void Main(int argc, char** argv) {
  StayOnThisCore();
  const Options options = ParseOptions(argc, argv);
  Bench bench(Load(options));
  Print(options, bench.bytes(), Race(bench.Contestants(options.variants), options.rounds, bench.bytes()));
}

}  // namespace
}  // namespace plait

int main(int argc, char** argv) { plait::Main(argc, argv); }
