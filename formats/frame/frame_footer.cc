#include "formats/frame/frame_footer.h"

#include <algorithm>
#include <cstring>

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "formats/base/byte_io.h"
#include "formats/frame/frame_layout.h"

namespace plait {

uint64_t FrameFooterBytes(uint64_t num_blocks) { return kFooterFixedBytes + num_blocks * kBlockTableEntryBytes; }

uint64_t FrameBytes(uint64_t blocks_end, uint64_t num_blocks) {
  return AlignUp<uint64_t>(blocks_end + FrameFooterBytes(num_blocks), kFrameAlignment);
}

void AppendBlockTableEntry(const BlockHeader& block, std::vector<uint8_t>* block_table) {
  const size_t entry = block_table->size();
  block_table->resize(entry + kBlockTableEntryBytes);
  StoreLe(block.payload_bytes, block_table->data() + entry);
  (*block_table)[entry + 4] = block.codec;
  (*block_table)[entry + 5] = block.plane;
}

std::vector<uint8_t> MakeFrameFooter(const FrameFooter& footer, uint64_t header_hash) {
  const uint64_t num_blocks = footer.block_table.size() / kBlockTableEntryBytes;
  std::vector<uint8_t> bytes(FrameFooterBytes(num_blocks));
  std::memcpy(bytes.data(), kFooterMagic, sizeof(kFooterMagic));
  StoreLe(static_cast<uint32_t>(num_blocks), bytes.data() + 4);
  std::ranges::copy(footer.block_table, bytes.begin() + 8);
  uint8_t* tail = bytes.data() + 8 + footer.block_table.size();
  StoreLe(footer.decoded_hash.low, tail);
  StoreLe(footer.decoded_hash.high, tail + 8);
  StoreLe(footer.frame_bytes, tail + 16);
  StoreLe(Hash64(std::span(bytes).first(bytes.size() - 16), header_hash), tail + 24);
  StoreLe(uint64_t{bytes.size()}, tail + 32);
  return bytes;
}

absl::StatusOr<FrameFooter> ParseFrameFooter(std::span<const uint8_t> bytes, uint64_t header_hash,
                                             uint64_t num_blocks) {
  const uint8_t* tail = bytes.data() + bytes.size() - (kFooterFixedBytes - 8);
  if (const auto found = LoadLe<uint64_t>(tail + 32); found != bytes.size()) {
    return absl::DataLossError(FoundExpected("frame footer bytes", found, bytes.size()));
  }
  const uint64_t hash = Hash64(bytes.first(bytes.size() - 16), header_hash);
  if (const auto expected = LoadLe<uint64_t>(tail + 24); hash != expected) {
    return absl::DataLossError(FoundExpected("frame footer hash", HexDigits(hash), HexDigits(expected)));
  }
  if (std::memcmp(bytes.data(), kFooterMagic, sizeof(kFooterMagic)) != 0) {
    return absl::DataLossError("frame footer magic: found other bytes, expected \"PLTE\"");
  }
  if (const auto found = LoadLe<uint32_t>(bytes.data() + 4); found != num_blocks) {
    return absl::DataLossError(FoundExpected("frame blocks", found, num_blocks));
  }
  return FrameFooter{.block_table = bytes.subspan(8, num_blocks * kBlockTableEntryBytes),
                     .decoded_hash = {.low = LoadLe<uint64_t>(tail), .high = LoadLe<uint64_t>(tail + 8)},
                     .frame_bytes = LoadLe<uint64_t>(tail + 16)};
}

bool IsCutMark(std::span<const uint8_t> bytes) { return std::memcmp(bytes.data(), kCutMagic, sizeof(kCutMagic)) == 0; }

std::vector<uint8_t> MakeCutMark(const FrameCut& cut, uint64_t header_hash) {
  std::vector<uint8_t> bytes(kCutMarkBytes);
  std::memcpy(bytes.data(), kCutMagic, sizeof(kCutMagic));
  StoreLe(cut.decoded_bytes, bytes.data() + 8);
  StoreLe(cut.decoded_hash.low, bytes.data() + 16);
  StoreLe(cut.decoded_hash.high, bytes.data() + 24);
  StoreLe(Hash64(std::span(bytes).first(kCutMarkBytes - 8), header_hash), bytes.data() + kCutMarkBytes - 8);
  return bytes;
}

absl::StatusOr<FrameCut> ParseCutMark(std::span<const uint8_t> bytes, uint64_t header_hash) {
  const uint64_t hash = Hash64(bytes.first(kCutMarkBytes - 8), header_hash);
  if (const auto expected = LoadLe<uint64_t>(bytes.data() + kCutMarkBytes - 8); hash != expected) {
    return absl::DataLossError(FoundExpected("cut mark hash", HexDigits(hash), HexDigits(expected)));
  }
  if (!IsCutMark(bytes)) return absl::DataLossError("cut mark: found other bytes, expected \"PLTCUTFR\"");
  PLAIT_RETURN_IF_ERROR(CheckZeros(bytes.subspan(32, 24), "reserved bytes of a cut mark"));
  return FrameCut{.decoded_bytes = LoadLe<uint64_t>(bytes.data() + 8),
                  .decoded_hash = {LoadLe<uint64_t>(bytes.data() + 16), LoadLe<uint64_t>(bytes.data() + 24)}};
}

}  // namespace plait
