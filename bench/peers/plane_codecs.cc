// Entropy coders that know nothing of floats, on exponents alone: Plait's split and join around them, as good as they
// can get. The other planes are carried as they are.
#include <algorithm>

#include "bench/micro/huff0.h"
#include "bench/peers/sample_codec.h"
#include "codec/base/bits.h"
#include "codec/base/status.h"
#include "codec/transform/planes.h"

#ifdef PLAIT_WITH_HTSCODECS
#include <htscodecs/rANS_static4x16.h>
#endif

namespace plait {
namespace {

constexpr size_t kBlockElements = kHuff0MaxBytes;
constexpr size_t kNoiseAlignment = 64;
constexpr size_t kSlotMargin = 4096;  // what a coder may need beyond the plane's size

// Coder: size_t Encode(plane, coded) returns the coded bytes, less than two if it gives up; bool Decode(coded, plane).
template <class Coder>
class ExponentCodec : public SampleCodec {
 public:
  explicit ExponentCodec(const Sample* sample)
      : sample_(sample),
        kind_(PlanesOf(sample->dtype)),
        blocks_(CutBlocks(*sample, kBlockElements)),
        planes_(blocks_.size() * PlaneRoom()),
        slots_(blocks_.size() * SlotRoom()),
        exponents_(kBlockElements) {}

  absl::Status Encode() override {
    coded_.clear();
    coded_bytes_ = 0;
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const std::span<const uint8_t> symbols = Split(i);
      const auto slot = slots_.span().subspan(i * SlotRoom(), SlotRoom());
      const size_t bytes = coder_.Encode(symbols, slot);
      const bool shrinks = bytes > 1 && bytes < symbols.size();
      if (!shrinks) std::ranges::copy(symbols, slot.begin());
      coded_.push_back(slot.first(shrinks ? bytes : symbols.size()));
      coded_bytes_ += coded_.back().size() + NoiseBytes(i);
    }
    return absl::OkStatus();
  }

  size_t coded_bytes() const override { return coded_bytes_; }

  absl::Status Decode(std::span<uint8_t> out) override {
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const auto raw = out.subspan(blocks_[i].begin, RawBytes(i));
      const std::span<uint8_t> symbols = on_bytes() ? raw : std::span(exponents_).first(blocks_[i].elements);
      if (coded_[i].size() == symbols.size()) {
        std::ranges::copy(coded_[i], symbols.begin());
      } else if (!coder_.Decode(coded_[i], symbols)) {
        return absl::InternalError("decoding failed");
      }
      if (on_bytes()) continue;
      ConstPlaneSpans planes = Planes<ConstPlaneSpans>(i);
      planes[0] = symbols;
      JoinPlanes(kind_, planes, raw, StoreMode::kStreaming);
    }
    FinishStreaming();
    return absl::OkStatus();
  }

 private:
  bool on_bytes() const { return kind_ == PlaneKind::kBytes; }
  size_t RawBytes(size_t i) const { return blocks_[i].elements * sample_->element_bytes(); }
  size_t NoiseBytes(size_t i) const {
    size_t bytes = 0;
    for (size_t p = 1; p < GetPlaneLayout(kind_).num_planes; ++p) bytes += PlaneBytes(kind_, p, blocks_[i].elements);
    return bytes;
  }
  size_t PlaneRoom() const { return kBlockElements * (sample_->element_bytes() + 1); }
  static size_t SlotRoom() { return kBlockElements + kBlockElements / 16 + kSlotMargin; }

  template <class Spans>
  Spans Planes(size_t i) const {
    Spans spans;
    size_t at = i * PlaneRoom();
    for (size_t p = 0; p < GetPlaneLayout(kind_).num_planes; ++p) {
      spans[p] = planes_.span().subspan(at, PlaneBytes(kind_, p, blocks_[i].elements));
      at += AlignUp(spans[p].size(), kNoiseAlignment);
    }
    return spans;
  }

  // The symbols to code; the other planes stay where Planes() finds them.
  std::span<const uint8_t> Split(size_t i) {
    const auto raw = sample_->bytes().subspan(blocks_[i].begin, RawBytes(i));
    if (on_bytes()) return raw;
    const auto planes = Planes<PlaneSpans>(i);
    SplitPlanes(kind_, raw, planes);
    return planes[0];
  }

  const Sample* sample_;
  PlaneKind kind_;
  std::vector<SampleBlock> blocks_;
  Buffer planes_;
  Buffer slots_;
  std::vector<std::span<const uint8_t>> coded_;
  size_t coded_bytes_ = 0;
  std::vector<uint8_t> exponents_;
  Coder coder_;
};

absl::StatusOr<std::unique_ptr<SampleCodec>> MakeHuff0(const Sample* sample) {
  return std::make_unique<ExponentCodec<Huff0>>(sample);
}

#ifdef PLAIT_WITH_HTSCODECS
struct Rans32x16 {
  static size_t Encode(std::span<const uint8_t> plane, std::span<uint8_t> coded) {
    auto bytes = static_cast<unsigned>(coded.size());
    const auto* done = rans_compress_to_4x16(const_cast<uint8_t*>(plane.data()), static_cast<unsigned>(plane.size()),
                                             coded.data(), &bytes, RANS_ORDER_X32);
    return done == nullptr ? 0 : bytes;
  }
  static bool Decode(std::span<const uint8_t> coded, std::span<uint8_t> plane) {
    auto bytes = static_cast<unsigned>(plane.size());
    const auto* done = rans_uncompress_to_4x16(const_cast<uint8_t*>(coded.data()), static_cast<unsigned>(coded.size()),
                                               plane.data(), &bytes);
    return done != nullptr && bytes == plane.size();
  }
};

absl::StatusOr<std::unique_ptr<SampleCodec>> MakeRans32x16(const Sample* sample) {
  return std::make_unique<ExponentCodec<Rans32x16>>(sample);
}
#else
absl::StatusOr<std::unique_ptr<SampleCodec>> MakeRans32x16(const Sample*) {
  return absl::UnimplementedError("built without libhtscodecs (Debian: libhtscodecs-dev)");
}
#endif

}  // namespace

std::vector<CodecEntry> PlaneCodecs() { return {{"huff0 4X2", MakeHuff0}, {"htscodecs rANS 32x16", MakeRans32x16}}; }

}  // namespace plait
