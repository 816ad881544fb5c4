#include "examples/runner/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "codec/base/status.h"

namespace plait::runner {
namespace {

absl::Status SystemError(std::string_view what) {
  return absl::UnavailableError(absl::StrCat(Absl(what), ": ", std::strerror(errno)));
}

absl::StatusOr<std::span<const uint8_t>> Map(int fd) {
  struct stat stat;
  if (fstat(fd, &stat) != 0) return SystemError("cannot stat");
  const size_t bytes = static_cast<size_t>(stat.st_size);
  void* map = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return SystemError("cannot map");
  return std::span(static_cast<const uint8_t*>(map), bytes);
}

}  // namespace

absl::StatusOr<std::unique_ptr<MappedFile>> MappedFile::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return SystemError("cannot open");
  absl::StatusOr<std::span<const uint8_t>> bytes = Map(fd);
  close(fd);
  if (!bytes.ok()) return bytes.status();
  return std::unique_ptr<MappedFile>(new MappedFile(*bytes));
}

MappedFile::~MappedFile() { munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size()); }

void MappedFile::DropPages() const { madvise(const_cast<uint8_t*>(bytes_.data()), bytes_.size(), MADV_DONTNEED); }

absl::Status MappedFile::ReadAt(uint64_t offset, std::span<uint8_t> bytes) const {
  return MemorySource(bytes_).ReadAt(offset, bytes);
}

}  // namespace plait::runner
