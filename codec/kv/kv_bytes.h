// The few things that KV segments are put together from: numbers of variable length and runs of bytes.
#ifndef PLAIT_CODEC_KV_KV_BYTES_H_
#define PLAIT_CODEC_KV_KV_BYTES_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "codec/base/status.h"

namespace plait {

// LEB128: seven bits a byte, the lowest first, bit 7 set in all bytes but the last.
inline void AppendKvNumber(uint64_t value, std::vector<uint8_t>* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<uint8_t>(value | 0x80));
  out->push_back(static_cast<uint8_t>(value));
}

// A run of bytes behind its length.
inline void AppendKvRun(std::span<const uint8_t> run, std::vector<uint8_t>* out) {
  AppendKvNumber(run.size(), out);
  out->insert(out->end(), run.begin(), run.end());
}

class KvBytesReader {
 public:
  explicit KvBytesReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  // Returns: kOutOfRange if the bytes end early; kDataLoss if the number is above `most` or longer than it needs.
  absl::Status ReadNumber(std::string_view field, uint64_t most, uint64_t* value) {
    *value = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
      if (bytes_.empty()) return absl::OutOfRangeError(FoundExpected(field, "the end", "a number"));
      const uint8_t byte = bytes_[0];
      bytes_ = bytes_.subspan(1);
      *value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) {
        if (byte == 0 && shift > 0) return absl::DataLossError(FoundExpected(field, "a longer form", "the shortest"));
        if (*value > most) {
          return absl::DataLossError(FoundExpected(field, *value, absl::StrCat("at most ", most)));
        }
        return absl::OkStatus();
      }
    }
    return absl::DataLossError(FoundExpected(field, "more than 9 bytes", "a number"));
  }

  // Returns: kOutOfRange if fewer than `count` bytes are left.
  absl::Status Read(std::string_view field, uint64_t count, std::span<const uint8_t>* bytes) {
    if (count > bytes_.size()) {
      return absl::OutOfRangeError(FoundExpected(field, absl::StrCat(bytes_.size(), " bytes left"), count));
    }
    *bytes = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return absl::OkStatus();
  }

  // What AppendKvRun wrote.
  absl::Status ReadRun(std::string_view field, std::span<const uint8_t>* run) {
    uint64_t count = 0;
    PLAIT_RETURN_IF_ERROR(ReadNumber(field, UINT64_MAX >> 1, &count));
    return Read(field, count, run);
  }

  // kDataLoss if bytes are left.
  absl::Status Finish(std::string_view field) const {
    if (bytes_.empty()) return absl::OkStatus();
    return absl::DataLossError(FoundExpected(field, absl::StrCat(bytes_.size(), " bytes more"), "the end"));
  }

  std::span<const uint8_t> rest() const { return bytes_; }

 private:
  std::span<const uint8_t> bytes_;
};

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_BYTES_H_
