#include "tests/unit/testing.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <new>

#include "codec/base/bits.h"

namespace {

std::atomic<size_t> g_largest_allocation = 0;

void* CountedAllocation(size_t bytes) noexcept {
  size_t largest = g_largest_allocation.load(std::memory_order_relaxed);
  while (bytes > largest && !g_largest_allocation.compare_exchange_weak(largest, bytes)) {
  }
  return std::malloc(bytes == 0 ? 1 : bytes);
}

}  // namespace

void* operator new(size_t bytes) {
  void* memory = CountedAllocation(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new[](size_t bytes) { return operator new(bytes); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return CountedAllocation(bytes); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return CountedAllocation(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace plait {

size_t LargestAllocation() { return g_largest_allocation.load(); }
void ResetLargestAllocation() { g_largest_allocation = 0; }

std::vector<CpuVariant> CpuVariants() {
  std::vector<CpuVariant> variants;
  for (CpuVariant variant : {CpuVariant::kScalar, CpuVariant::kAvx2, CpuVariant::kAvx512}) {
    if (variant <= BestCpu()) variants.push_back(variant);
  }
  return variants;
}

void ForEachCpu(const std::function<void()>& body) {
  const CpuVariant before = ActiveCpu();
  for (CpuVariant variant : CpuVariants()) {
    SCOPED_TRACE(CpuVariantName(variant));
    ASSERT_THAT(ForceCpu(variant), IsOk());
    body();
  }
  ASSERT_THAT(ForceCpu(before), IsOk());
}

GuardedBytes::GuardedBytes(size_t size) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t usable = AlignUp(size, page);
  mapped_bytes_ = usable + page;
  pages_ = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages_ == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<uint8_t*>(pages_);
  if (mprotect(begin + usable, page, PROT_NONE) != 0) throw std::bad_alloc();
  span_ = {begin + usable - size, size};
}

GuardedBytes::GuardedBytes(std::span<const uint8_t> bytes) : GuardedBytes(bytes.size()) {
  std::ranges::copy(bytes, span_.begin());
}

GuardedBytes::~GuardedBytes() { munmap(pages_, mapped_bytes_); }

std::vector<uint8_t> FromHex(std::string_view hex) {
  std::vector<uint8_t> bytes;
  std::string digits;
  for (char c : hex) {
    if (std::isxdigit(static_cast<unsigned char>(c))) digits.push_back(c);
  }
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::vector<uint8_t> Concat(std::initializer_list<std::span<const uint8_t>> parts) {
  std::vector<uint8_t> bytes;
  for (const auto part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
  return bytes;
}

}  // namespace plait
