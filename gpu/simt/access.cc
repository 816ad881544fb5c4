#include "gpu/simt/access.h"

#include <algorithm>

namespace plait::simt {
namespace {

constexpr uint32_t kBanks = 32;
constexpr uint32_t kWordBytes = 4;
constexpr uint32_t kLineBytes = 128;
constexpr uint32_t kSectorBytes = 32;

// The distinct values among a few.
class SmallSet {
 public:
  void Add(uint64_t value) {
    if (std::find(values_.begin(), values_.begin() + size_, value) == values_.begin() + size_) values_[size_++] = value;
  }
  uint32_t size() const { return size_; }
  uint64_t operator[](uint32_t i) const { return values_[i]; }

 private:
  std::array<uint64_t, 2 * kWarpLanes> values_;
  uint32_t size_ = 0;
};

// Calls part(first lane, end) for each part of the warp that the machine serves at once.
template <class Function>
void ForEachPart(const Access& access, const Function& part) {
  const uint32_t parts = std::max(access.bytes / kWordBytes, 1u);
  const uint32_t lanes = kWarpLanes / parts;
  for (uint32_t p = 0; p < parts; ++p) part(p * lanes, (p + 1) * lanes);
}

// The distinct `unit_bytes`-sized pieces that lanes begin to end touch.
SmallSet Pieces(const Access& access, uint32_t begin, uint32_t end, uint32_t unit_bytes) {
  SmallSet pieces;
  for (uint32_t lane = begin; lane < end; ++lane) {
    if (!access.executes(lane)) continue;
    const uint64_t last = (access.addresses[lane] + access.bytes - 1) / unit_bytes;
    for (uint64_t piece = access.addresses[lane] / unit_bytes; piece <= last; ++piece) pieces.Add(piece);
  }
  return pieces;
}

}  // namespace

uint32_t SharedWavefronts(const Access& access) {
  uint32_t wavefronts = 0;
  ForEachPart(access, [&](uint32_t begin, uint32_t end) {
    const SmallSet words = Pieces(access, begin, end, kWordBytes);
    std::array<uint32_t, kBanks> asked{};
    for (uint32_t i = 0; i < words.size(); ++i) ++asked[words[i] % kBanks];
    wavefronts += *std::max_element(asked.begin(), asked.end());
  });
  return wavefronts;
}

uint32_t GlobalWavefronts(const Access& access) {
  uint32_t wavefronts = 0;
  ForEachPart(access,
              [&](uint32_t begin, uint32_t end) { wavefronts += Pieces(access, begin, end, kLineBytes).size(); });
  return wavefronts;
}

uint32_t Sectors(const Access& access) { return Pieces(access, 0, kWarpLanes, kSectorBytes).size(); }

}  // namespace plait::simt
