#include "gpu/simt/global_memory.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gpu/simt/fault.h"

namespace plait::simt {
namespace {

constexpr uint64_t kBufferAlignment = 256;
constexpr uint64_t kSectorBytes = 32;
constexpr uint8_t kNoise = 0xc3;

}  // namespace

GlobalMemory::Buffer& GlobalMemory::Add(const std::string& name, size_t bytes, ByteState state) {
  Buffer buffer;
  buffer.name = name;
  buffer.bytes = bytes;
  buffer.memory = std::make_unique<uint8_t[]>(bytes + 2 * kBufferAlignment);  // one more byte than the last one's end
  std::fill_n(buffer.memory.get(), bytes + 2 * kBufferAlignment, kNoise);
  const auto address = reinterpret_cast<uint64_t>(buffer.memory.get());
  buffer.begin = (address + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
  buffer.state.assign(bytes, state);
  buffer.loaded.assign(bytes / kSectorBytes + 1, false);
  last_ = nullptr;
  return buffers_[buffer.begin] = std::move(buffer);
}

const uint8_t* GlobalMemory::UploadBytes(const std::string& name, std::span<const uint8_t> bytes, size_t slack_bytes) {
  const Buffer& buffer = Add(name, bytes.size() + slack_bytes, ByteState::kWritten);
  auto* begin = reinterpret_cast<uint8_t*>(buffer.begin);
  std::copy(bytes.begin(), bytes.end(), begin);
  return begin;
}

uint8_t* GlobalMemory::AllocateBytes(const std::string& name, size_t bytes) {
  Buffer& buffer = Add(name, bytes, ByteState::kUnwritten);
  buffer.read_only = false;
  return reinterpret_cast<uint8_t*>(buffer.begin);
}

uint8_t* GlobalMemory::AllocateZeroedBytes(const std::string& name, size_t bytes) {
  uint8_t* begin = AllocateBytes(name, bytes);
  std::memset(begin, 0, bytes);
  std::ranges::fill(buffers_.at(reinterpret_cast<uint64_t>(begin)).state, ByteState::kWritten);
  return begin;
}

bool GlobalMemory::Written(const void* begin) const {
  const auto& state = buffers_.at(reinterpret_cast<uint64_t>(begin)).state;
  return std::ranges::find(state, ByteState::kUnwritten) == state.end();
}

uint64_t GlobalMemory::LoadedBytes(const void* begin) const {
  const auto& loaded = buffers_.at(reinterpret_cast<uint64_t>(begin)).loaded;
  return kSectorBytes * static_cast<uint64_t>(std::ranges::count(loaded, true));
}

void GlobalMemory::BeginLaunch() {
  for (auto& [begin, buffer] : buffers_) {
    if (buffer.read_only) continue;
    std::ranges::replace(buffer.state, ByteState::kWrittenNow, ByteState::kWritten);
  }
}

GlobalMemory::Buffer& GlobalMemory::Find(const Access& access, uint32_t lane, uint64_t* offset) {
  const uint64_t address = access.addresses[lane];
  if (last_ == nullptr || address < last_->begin || address - last_->begin >= last_->bytes) {
    auto above = buffers_.upper_bound(address);
    if (above == buffers_.begin()) {
      Report(FaultKind::kGlobalBounds, access.where, absl::StrCat("lane ", lane, " in no buffer"));
    }
    last_ = &std::prev(above)->second;
  }
  *offset = address - last_->begin;
  if (*offset > last_->bytes || last_->bytes - *offset < access.bytes) {
    Report(FaultKind::kGlobalBounds, access.where,
           absl::StrCat("lane ", lane, " at byte ", *offset, " of ", last_->bytes, " of '", last_->name, "'"));
  }
  if (address % access.bytes != 0) {
    Report(FaultKind::kMisaligned, access.where,
           absl::StrCat("lane ", lane, " at byte ", *offset, " of '", last_->name, "' for ", access.bytes, " bytes"));
  }
  return *last_;
}

void GlobalMemory::CheckLoad(const Access& access) {
  for (uint32_t lane = 0; lane < kWarpLanes; ++lane) {
    if (!access.executes(lane)) continue;
    uint64_t offset = 0;
    Buffer& buffer = Find(access, lane, &offset);
    buffer.loaded[offset / kSectorBytes] = true;  // aligned as it is, an access stays inside a sector
    for (uint32_t i = 0; i < access.bytes; ++i) {
      const ByteState state = buffer.state[offset + i];
      if (state == ByteState::kWritten) continue;
      Report(state == ByteState::kUnwritten ? FaultKind::kGlobalUninitialised : FaultKind::kGlobalRace, access.where,
             absl::StrCat("lane ", lane, " loads byte ", offset + i, " of '", buffer.name, "'"));
    }
  }
}

void GlobalMemory::CheckStore(const Access& access) {
  for (uint32_t lane = 0; lane < kWarpLanes; ++lane) {
    if (!access.executes(lane)) continue;
    uint64_t offset = 0;
    Buffer& buffer = Find(access, lane, &offset);
    if (buffer.read_only) {
      Report(FaultKind::kReadOnly, access.where, absl::StrCat("lane ", lane, " stores to '", buffer.name, "'"));
    }
    for (uint32_t i = 0; i < access.bytes; ++i) {
      if (buffer.state[offset + i] == ByteState::kWrittenNow) {
        Report(FaultKind::kGlobalRace, access.where,
               absl::StrCat("lane ", lane, " stores byte ", offset + i, " of '", buffer.name, "' again"));
      }
      buffer.state[offset + i] = ByteState::kWrittenNow;
    }
  }
}

void GlobalMemory::CheckAtomic(const Access& access) {
  for (uint32_t lane = 0; lane < kWarpLanes; ++lane) {
    if (!access.executes(lane)) continue;
    uint64_t offset = 0;
    const Buffer& buffer = Find(access, lane, &offset);
    if (buffer.read_only) {
      Report(FaultKind::kReadOnly, access.where, absl::StrCat("lane ", lane, " changes '", buffer.name, "'"));
    }
    for (uint32_t i = 0; i < access.bytes; ++i) {
      if (buffer.state[offset + i] == ByteState::kWritten) continue;
      Report(FaultKind::kGlobalUninitialised, access.where,
             absl::StrCat("lane ", lane, " changes byte ", offset + i, " of '", buffer.name, "'"));
    }
  }
}

}  // namespace plait::simt
