// Global memory on the host: named buffers as a device would hold them, each with exact bounds, and for every byte
// whether it was written and whether by the launch that runs.
//
// The rules are stricter than the hardware's: what a launch stores it may not load, and each byte is stored at most
// once (atomics excepted). So no order of warps or thread blocks can matter.
#ifndef PLAIT_GPU_SIMT_GLOBAL_MEMORY_H_
#define PLAIT_GPU_SIMT_GLOBAL_MEMORY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gpu/simt/access.h"

namespace plait::simt {

class GlobalMemory {
 public:
  GlobalMemory() = default;
  GlobalMemory(const GlobalMemory&) = delete;
  GlobalMemory& operator=(const GlobalMemory&) = delete;

  // A read-only buffer with a copy of `values`, at an address that is a multiple of 256. `slack_bytes` behind them can
  // be read and hold noise. The pointer is valid as long as this object.
  template <class T>
  const T* Upload(const std::string& name, std::span<const T> values, size_t slack_bytes = 0) {
    return reinterpret_cast<const T*>(
        UploadBytes(name, {reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes()}, slack_bytes));
  }

  // A buffer that a launch may store to. Its bytes are not initialised.
  template <class T>
  T* Allocate(const std::string& name, size_t count) {
    return reinterpret_cast<T*>(AllocateBytes(name, count * sizeof(T)));
  }
  // The same, all zero.
  template <class T>
  T* AllocateZeroed(const std::string& name, size_t count) {
    return reinterpret_cast<T*>(AllocateZeroedBytes(name, count * sizeof(T)));
  }

  // Whether every byte of the buffer that begins at `begin` has been written.
  bool Written(const void* begin) const;

  // Bytes of the 32-byte sectors that the launches so far have loaded from `begin`'s buffer, each counted once: what
  // comes from memory if caches are large enough.
  uint64_t LoadedBytes(const void* begin) const;

  // What a launch stored may be loaded by the next one.
  void BeginLaunch();

  // These check a request of which `addresses` are host addresses.
  void CheckLoad(const Access& access);
  void CheckStore(const Access& access);
  void CheckAtomic(const Access& access);

 private:
  enum class ByteState : uint8_t { kUnwritten, kWritten, kWrittenNow };

  struct Buffer {
    std::string name;
    std::unique_ptr<uint8_t[]> memory;
    uint64_t begin = 0;
    size_t bytes = 0;
    bool read_only = true;
    std::vector<ByteState> state;
    std::vector<bool> loaded;  // of each sector
  };

  Buffer& Add(const std::string& name, size_t bytes, ByteState state);
  const uint8_t* UploadBytes(const std::string& name, std::span<const uint8_t> bytes, size_t slack_bytes);
  uint8_t* AllocateBytes(const std::string& name, size_t bytes);
  uint8_t* AllocateZeroedBytes(const std::string& name, size_t bytes);
  // The buffer that holds what `lane` asks for, and the offset in it.
  Buffer& Find(const Access& access, uint32_t lane, uint64_t* offset);

  std::map<uint64_t, Buffer> buffers_;  // by begin
  Buffer* last_ = nullptr;
};

}  // namespace plait::simt

#endif  // PLAIT_GPU_SIMT_GLOBAL_MEMORY_H_
