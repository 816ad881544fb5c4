// zstd and lz4 on the bytes as they are, a frame for each tensor.
#include <zstd.h>

#include <algorithm>
#include <memory>

#include "bench/peers/sample_codec.h"
#include "codec/base/status.h"

#ifdef PLAIT_WITH_LZ4
#include <lz4.h>
#endif

namespace plait {
namespace {

// Coder: size_t Bound(size_t raw_bytes); size_t Encode(raw, coded) and size_t Decode(coded, raw) return the bytes
// written, 0 for failure.
template <class Coder>
class TensorCodec : public SampleCodec {
 public:
  TensorCodec(const Sample* sample, Coder coder) : sample_(sample), coder_(std::move(coder)), room_(RoomBytes()) {}

  absl::Status Encode() override {
    coded_.clear();
    coded_bytes_ = 0;
    for (size_t i = 0; i < sample_->tensors.size(); ++i) {
      const auto raw = sample_->tensor(i);
      const auto room = room_.span().subspan(coded_bytes_);
      const size_t bytes = coder_.Encode(raw, room);
      if (bytes == 0) return absl::InternalError("encoding failed");
      coded_.push_back(room.first(bytes));
      coded_bytes_ += bytes;
    }
    return absl::OkStatus();
  }

  size_t coded_bytes() const override { return coded_bytes_; }

  absl::Status Decode(std::span<uint8_t> out) override {
    for (size_t i = 0; i < coded_.size(); ++i) {
      const auto raw = out.subspan(sample_->tensors[i].begin, sample_->tensor(i).size());
      if (coder_.Decode(coded_[i], raw) != raw.size()) return absl::InternalError("decoding failed");
    }
    return absl::OkStatus();
  }

 private:
  size_t RoomBytes() const {
    size_t bytes = 0;
    for (size_t i = 0; i < sample_->tensors.size(); ++i) bytes += Coder::Bound(sample_->tensor(i).size());
    return bytes;
  }

  const Sample* sample_;
  Coder coder_;
  Buffer room_;
  std::vector<std::span<const uint8_t>> coded_;
  size_t coded_bytes_ = 0;
};

class ZstdCoder {
 public:
  explicit ZstdCoder(int level) : level_(level), encoder_(ZSTD_createCCtx()), decoder_(ZSTD_createDCtx()) {}

  static size_t Bound(size_t raw_bytes) { return ZSTD_compressBound(raw_bytes); }
  size_t Encode(std::span<const uint8_t> raw, std::span<uint8_t> coded) {
    return Written(ZSTD_compressCCtx(encoder_.get(), coded.data(), coded.size(), raw.data(), raw.size(), level_));
  }
  size_t Decode(std::span<const uint8_t> coded, std::span<uint8_t> raw) {
    return Written(ZSTD_decompressDCtx(decoder_.get(), raw.data(), raw.size(), coded.data(), coded.size()));
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  static size_t Written(size_t result) { return ZSTD_isError(result) ? 0 : result; }

  int level_;
  std::unique_ptr<ZSTD_CCtx, Free> encoder_;
  std::unique_ptr<ZSTD_DCtx, Free> decoder_;
};

CodecEntry ZstdEntry(int level) {
  return {absl::StrCat("zstd -", level), [level](const Sample* sample) -> absl::StatusOr<std::unique_ptr<SampleCodec>> {
            return std::make_unique<TensorCodec<ZstdCoder>>(sample, ZstdCoder(level));
          }};
}

#ifdef PLAIT_WITH_LZ4
struct Lz4Coder {
  static size_t Bound(size_t raw_bytes) { return static_cast<size_t>(LZ4_compressBound(static_cast<int>(raw_bytes))); }
  static size_t Encode(std::span<const uint8_t> raw, std::span<uint8_t> coded) {
    return Written(LZ4_compress_default(Chars(raw), reinterpret_cast<char*>(coded.data()), Int(raw), Int(coded)));
  }
  static size_t Decode(std::span<const uint8_t> coded, std::span<uint8_t> raw) {
    return Written(LZ4_decompress_safe(Chars(coded), reinterpret_cast<char*>(raw.data()), Int(coded), Int(raw)));
  }

  static const char* Chars(std::span<const uint8_t> bytes) { return reinterpret_cast<const char*>(bytes.data()); }
  static int Int(std::span<const uint8_t> bytes) {
    return static_cast<int>(std::min<size_t>(bytes.size(), LZ4_MAX_INPUT_SIZE));
  }
  static size_t Written(int result) { return result > 0 ? static_cast<size_t>(result) : 0; }
};

absl::StatusOr<std::unique_ptr<SampleCodec>> MakeLz4(const Sample* sample) {
  return std::make_unique<TensorCodec<Lz4Coder>>(sample, Lz4Coder());
}
#else
absl::StatusOr<std::unique_ptr<SampleCodec>> MakeLz4(const Sample*) {
  return absl::UnimplementedError("built without liblz4 (Debian: liblz4-dev)");
}
#endif

}  // namespace

std::vector<CodecEntry> LzCodecs() { return {ZstdEntry(1), ZstdEntry(3), {"lz4", MakeLz4}}; }

}  // namespace plait
