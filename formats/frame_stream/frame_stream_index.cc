#include "formats/frame_stream/frame_stream_index.h"

#include <algorithm>
#include <cstring>

#include "codec/base/endian.h"
#include "codec/base/status.h"

namespace plait {
namespace {

constexpr size_t kEntriesAt = 24;

void StoreEntry(const IndexEntry& entry, uint8_t* bytes) {
  StoreLe(entry.frame_bytes, bytes);
  StoreLe(entry.decoded_bytes, bytes + 8);
  StoreLe(entry.decoded_hash.low, bytes + 16);
  StoreLe(entry.decoded_hash.high, bytes + 24);
  StoreLe(uint64_t{entry.cut}, bytes + 32);
}

}  // namespace

std::vector<uint8_t> MakeStreamIndex(std::span<const IndexEntry> entries) {
  std::vector<uint8_t> bytes(kIndexFixedBytes + entries.size() * kIndexEntryBytes);
  std::memcpy(bytes.data(), kIndexMagic, sizeof(kIndexMagic));
  StoreLe(uint64_t{entries.size()}, bytes.data() + 8);
  uint64_t original_bytes = 0;
  uint8_t* at = bytes.data() + kEntriesAt;
  for (const IndexEntry& entry : entries) {
    original_bytes += entry.decoded_bytes;
    StoreEntry(entry, at);
    at += kIndexEntryBytes;
  }
  StoreLe(original_bytes, bytes.data() + 16);
  StoreLe(Hash64(std::span(bytes).first(bytes.size() - 24)), at);
  StoreLe(uint64_t{bytes.size()}, at + 8);
  std::memcpy(at + 16, kStreamEnd, sizeof(kStreamEnd));
  return bytes;
}

absl::Status CheckStreamIndex(std::span<const uint8_t> bytes, std::span<const IndexEntry> entries) {
  const std::vector<uint8_t> expected = MakeStreamIndex(entries);
  const size_t at = std::ranges::mismatch(bytes, expected).in1 - bytes.begin();
  if (at == bytes.size()) return absl::OkStatus();
  if (at < 8) return absl::DataLossError("index magic: found other bytes, expected \"PLTINDEX\"");
  if (at < 16)
    return absl::DataLossError(FoundExpected("index frames", LoadLe<uint64_t>(bytes.data() + 8), entries.size()));
  if (at < kEntriesAt) {
    return absl::DataLossError(FoundExpected("original bytes in the index", LoadLe<uint64_t>(bytes.data() + 16),
                                             LoadLe<uint64_t>(expected.data() + 16)));
  }
  const size_t tail_at = bytes.size() - (kIndexFixedBytes - kEntriesAt);
  if (at < tail_at) {
    return absl::DataLossError(
        FoundExpected(absl::StrCat("index entry of frame ", (at - kEntriesAt) / kIndexEntryBytes), "another frame's",
                      "that of the frame in the stream"));
  }
  return absl::DataLossError(FoundExpected("index hash, length or end magic", "other bytes", "those of its entries"));
}

}  // namespace plait
