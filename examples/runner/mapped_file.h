// A file in memory that the kernel may take back: its pages count as the file's, not as the program's own.
#ifndef PLAIT_EXAMPLES_RUNNER_MAPPED_FILE_H_
#define PLAIT_EXAMPLES_RUNNER_MAPPED_FILE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "formats/base/byte_io.h"

namespace plait::runner {

class MappedFile : public ByteSource {
 public:
  // Returns: kUnavailable if the file cannot be opened or mapped; an empty one cannot.
  static absl::StatusOr<std::unique_ptr<MappedFile>> Open(const std::string& path);
  ~MappedFile() override;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  uint64_t size() const override { return bytes_.size(); }
  absl::Status ReadAt(uint64_t offset, std::span<uint8_t> bytes) const override;
  std::span<const uint8_t> bytes() const { return bytes_; }
  // Gives back the pages that have been read so far; they are read again if they are asked for.
  void DropPages() const;

 private:
  explicit MappedFile(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  std::span<const uint8_t> bytes_;
};

}  // namespace plait::runner

#endif  // PLAIT_EXAMPLES_RUNNER_MAPPED_FILE_H_
