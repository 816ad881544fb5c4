#include "formats/kv/kv_header.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "codec/base/endian.h"
#include "codec/base/hash.h"
#include "codec/base/status.h"

namespace plait {
namespace {

// The hash stands between the two parts that it covers: that of the second one seeds it.
uint64_t HashOf(std::span<const uint8_t> head) {
  return Hash64(head.first(kKvHashedHeaderBytes), Hash64(head.subspan(kKvHeaderBytes)));
}

}  // namespace

void SealKvHeader(std::span<const char, 8> magic, uint64_t bytes, std::span<uint8_t> head) {
  std::memcpy(head.data(), magic.data(), magic.size());
  StoreLe(kKvVersion, head.data() + 8);
  StoreLe(uint16_t{0}, head.data() + 10);
  StoreLe(static_cast<uint32_t>(head.size()), head.data() + 12);
  StoreLe(bytes, head.data() + 16);
  StoreLe(HashOf(head), head.data() + kKvHashedHeaderBytes);
}

absl::StatusOr<KvHeader> ParseKvHeader(std::span<const char, 8> magic, std::string_view what,
                                       std::span<const uint8_t> bytes) {
  const std::string name(what);
  const size_t there = std::min(magic.size(), bytes.size());
  if (there == 0 || std::memcmp(bytes.data(), magic.data(), there) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("no KV ", name));
  }
  if (bytes.size() < kKvHeaderBytes) {
    return absl::OutOfRangeError(FoundExpected(name + " header bytes", bytes.size(), kKvHeaderBytes));
  }
  if (const auto version = LoadLe<uint16_t>(bytes.data() + 8); version != kKvVersion) {
    return absl::UnimplementedError(FoundExpected(name + " version", version, kKvVersion));
  }
  if (const auto reserved = LoadLe<uint16_t>(bytes.data() + 10); reserved != 0) {
    return absl::DataLossError(FoundExpected("reserved bytes of the " + name + " header", reserved, 0));
  }
  const KvHeader header = {.head_bytes = LoadLe<uint32_t>(bytes.data() + 12),
                           .bytes = LoadLe<uint64_t>(bytes.data() + 16),
                           .hash = LoadLe<uint64_t>(bytes.data() + kKvHashedHeaderBytes)};
  if (header.head_bytes < kKvHeaderBytes) {
    return absl::DataLossError(
        FoundExpected(name + " head bytes", header.head_bytes, absl::StrCat("at least ", kKvHeaderBytes)));
  }
  return header;
}

absl::Status CheckKvHeaderHash(const KvHeader& header, std::string_view what, std::span<const uint8_t> bytes) {
  const std::string name(what);
  if (bytes.size() < header.head_bytes) {
    return absl::OutOfRangeError(FoundExpected(name + " head bytes", bytes.size(), header.head_bytes));
  }
  const uint64_t hash = HashOf(bytes.first(header.head_bytes));
  if (hash == header.hash) return absl::OkStatus();
  return absl::DataLossError(FoundExpected(name + " hash", HexDigits(hash), HexDigits(header.hash)));
}

}  // namespace plait
