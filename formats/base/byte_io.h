// Where formats read from and write to. Files, pipes and memory stand behind these two interfaces, so that a format
// never opens anything.
#ifndef PLAIT_FORMATS_BASE_BYTE_IO_H_
#define PLAIT_FORMATS_BASE_BYTE_IO_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "codec/base/status.h"

namespace plait {

// Bytes of known number that can be read at any place. ReadAt is thread-safe.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual uint64_t size() const = 0;
  // Fills `bytes` from `offset` on. Returns: kOutOfRange if the source ends before that; kUnavailable if reading fails.
  virtual absl::Status ReadAt(uint64_t offset, std::span<uint8_t> bytes) const = 0;
};

// Bytes written in order, with the two repairs a container needs. Not thread-safe.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual uint64_t size() const = 0;
  virtual absl::Status Append(std::span<const uint8_t> bytes) = 0;
  // Forgets everything from `size` on. Requires: size <= size().
  virtual absl::Status Truncate(uint64_t size) = 0;
  // Overwrites bytes that were appended. Requires: offset + bytes.size() <= size().
  virtual absl::Status WriteAt(uint64_t offset, std::span<const uint8_t> bytes) = 0;
};

// Bytes that come once, in order: a pipe, or a file that is read like one. Not thread-safe.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Fills `bytes` and returns how many there were: fewer than asked for only at the end, where the call may be
  // repeated. Returns: kUnavailable if reading fails.
  virtual absl::StatusOr<size_t> Read(std::span<uint8_t> bytes) = 0;
};

// A source over memory of the caller's.
class MemorySource : public ByteSource {
 public:
  explicit MemorySource(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  uint64_t size() const override { return bytes_.size(); }
  absl::Status ReadAt(uint64_t offset, std::span<uint8_t> bytes) const override {
    if (offset > bytes_.size() || bytes_.size() - offset < bytes.size()) {
      return absl::OutOfRangeError(
          FoundExpected("source bytes", bytes_.size(), absl::StrCat("at least ", offset, " + ", bytes.size())));
    }
    std::copy_n(bytes_.begin() + offset, bytes.size(), bytes.begin());
    return absl::OkStatus();
  }

 private:
  std::span<const uint8_t> bytes_;
};

// The bytes of a source, from the first to the last. `source` outlives the stream.
class SourceStream : public ByteStream {
 public:
  explicit SourceStream(const ByteSource* source) : source_(source) {}
  absl::StatusOr<size_t> Read(std::span<uint8_t> bytes) override {
    const size_t count = std::min<uint64_t>(bytes.size(), source_->size() - offset_);
    PLAIT_RETURN_IF_ERROR(source_->ReadAt(offset_, bytes.first(count)));
    offset_ += count;
    return count;
  }

 private:
  const ByteSource* source_;
  uint64_t offset_ = 0;
};

// A sink into memory of its own.
class MemorySink : public ByteSink {
 public:
  // Makes room for so many bytes at once.
  void Reserve(uint64_t bytes) { bytes_.reserve(bytes); }
  uint64_t size() const override { return bytes_.size(); }
  absl::Status Append(std::span<const uint8_t> bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return absl::OkStatus();
  }
  absl::Status Truncate(uint64_t size) override {
    bytes_.resize(size);
    return absl::OkStatus();
  }
  absl::Status WriteAt(uint64_t offset, std::span<const uint8_t> bytes) override {
    std::ranges::copy(bytes, bytes_.begin() + offset);
    return absl::OkStatus();
  }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

// Appends zeros until the sink's size is `size`.
inline absl::Status AppendZerosUpTo(uint64_t size, ByteSink& sink) {
  static constexpr uint8_t kZeros[256] = {};
  while (sink.size() < size) {
    const uint64_t gap = std::min<uint64_t>(size - sink.size(), sizeof(kZeros));
    PLAIT_RETURN_IF_ERROR(sink.Append(std::span(kZeros).first(gap)));
  }
  return absl::OkStatus();
}

// kDataLoss unless every byte is zero; `what` names the place.
inline absl::Status CheckZeros(std::span<const uint8_t> bytes, std::string_view what) {
  const auto found = std::ranges::find_if(bytes, [](uint8_t byte) { return byte != 0; });
  if (found == bytes.end()) return absl::OkStatus();
  return absl::DataLossError(FoundExpected(what, absl::StrCat("byte ", *found), "zeros"));
}

}  // namespace plait

#endif  // PLAIT_FORMATS_BASE_BYTE_IO_H_
