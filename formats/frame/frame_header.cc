#include "formats/frame/frame_header.h"

#include <algorithm>
#include <cstring>

#include "codec/base/bits.h"
#include "codec/base/checked.h"
#include "codec/base/endian.h"
#include "codec/base/hash.h"
#include "codec/base/status.h"

namespace plait {
namespace {

absl::Status CheckFixedFields(std::span<const uint8_t> bytes) {
  if (std::memcmp(bytes.data(), kFrameMagic, sizeof(kFrameMagic)) != 0) {
    return absl::DataLossError("frame magic: found other bytes, expected \"PLTFRM\"");
  }
  if (const auto version = LoadLe<uint16_t>(bytes.data() + 6); version != kFrameVersion) {
    return absl::UnimplementedError(FoundExpected("frame version", version, kFrameVersion));
  }
  if (!DtypeFromId(bytes[8])) return absl::UnimplementedError(FoundExpected("frame dtype", bytes[8], "a known one"));
  if (bytes[9] > kMaxRank) return absl::DataLossError(FoundExpected("frame rank", bytes[9], kMaxRank));
  if (bytes[10] < kMinBlockLog2 || bytes[10] > kMaxBlockLog2) {
    return absl::DataLossError(
        FoundExpected("log2 of elements per block", bytes[10], absl::StrCat(kMinBlockLog2, " to ", kMaxBlockLog2)));
  }
  if (bytes[11] != 0) return absl::DataLossError(FoundExpected("reserved frame byte", bytes[11], 0));
  return absl::OkStatus();
}

// Length of the header, checked against what is there.
absl::StatusOr<size_t> HeaderBytes(std::span<const uint8_t> bytes) {
  const size_t header_bytes = LoadLe<uint32_t>(bytes.data() + 12);
  const size_t least = kFrameFixedHeaderBytes + 8 * size_t{bytes[9]} + kFrameHashBytes;
  if (header_bytes < least || header_bytes > kMaxFrameHeaderBytes || header_bytes % 8 != 0) {
    return absl::DataLossError(FoundExpected("frame header bytes", header_bytes, absl::StrCat("at least ", least)));
  }
  if (header_bytes > bytes.size()) {
    return absl::OutOfRangeError(FoundExpected("frame header bytes", bytes.size(), header_bytes));
  }
  return header_bytes;
}

}  // namespace

uint64_t FrameHeader::num_blocks() const { return CeilDiv(num_elements, uint64_t{1} << block_log2); }

BlockSpec FrameHeader::block(uint64_t index) const {
  const uint64_t begin = index << block_log2;
  const uint64_t elements = std::min(num_elements - begin, uint64_t{1} << block_log2);
  return {.dtype = dtype, .elements = static_cast<uint32_t>(elements), .seed = hash + index};
}

uint64_t FrameHeader::block_raw_offset(uint64_t index) const {
  // A block holds a multiple of 1024 elements, so the product is whole bytes for every dtype.
  return (index << block_log2) / 8 * GetDtypeInfo(dtype).bits;
}

absl::StatusOr<uint64_t> TensorBytes(Dtype dtype, std::span<const uint64_t> shape) {
  uint64_t bits = GetDtypeInfo(dtype).bits;
  for (uint64_t dimension : shape) {
    if (!CheckedMul(bits, dimension, &bits)) return absl::InvalidArgumentError("tensor bits overflow 64 bits");
  }
  if (bits % 8 != 0) return absl::InvalidArgumentError(FoundExpected("tensor bits", bits, "whole bytes"));
  return bits / 8;
}

absl::Status MakeFrameHeader(FrameHeader* header, std::vector<uint8_t>* out) {
  if (header->shape.size() > kMaxRank) {
    return absl::InvalidArgumentError(FoundExpected("rank", header->shape.size(), absl::StrCat("at most ", kMaxRank)));
  }
  if (header->block_log2 < kMinBlockLog2 || header->block_log2 > kMaxBlockLog2) {
    return absl::InvalidArgumentError(FoundExpected("log2 of elements per block", header->block_log2,
                                                    absl::StrCat(kMinBlockLog2, " to ", kMaxBlockLog2)));
  }
  PLAIT_ASSIGN_OR_RETURN(header->decoded_bytes, TensorBytes(header->dtype, header->shape));
  header->num_elements = 1;
  for (uint64_t dimension : header->shape) header->num_elements *= dimension;

  const size_t begin = out->size();
  out->resize(begin + kFrameFixedHeaderBytes + 8 * header->shape.size());
  uint8_t* bytes = out->data() + begin;
  std::memcpy(bytes, kFrameMagic, sizeof(kFrameMagic));
  StoreLe(kFrameVersion, bytes + 6);
  bytes[8] = static_cast<uint8_t>(header->dtype);
  bytes[9] = static_cast<uint8_t>(header->shape.size());
  bytes[10] = static_cast<uint8_t>(header->block_log2);
  StoreLe(header->num_elements, bytes + 16);
  for (size_t i = 0; i < header->shape.size(); ++i) {
    StoreLe(header->shape[i], bytes + kFrameFixedHeaderBytes + 8 * i);
  }
  AppendSections(header->sections, out);
  header->header_bytes = out->size() - begin + kFrameHashBytes;
  StoreLe(static_cast<uint32_t>(header->header_bytes), out->data() + begin + 12);
  header->hash = Hash64(std::span(*out).subspan(begin));
  out->resize(out->size() + kFrameHashBytes);
  StoreLe(header->hash, out->data() + out->size() - kFrameHashBytes);
  return absl::OkStatus();
}

absl::StatusOr<FrameHeader> ParseFrameHeader(std::span<const uint8_t> bytes) {
  if (bytes.size() < kFrameFixedHeaderBytes) {
    return absl::OutOfRangeError(FoundExpected("frame header bytes", bytes.size(), kFrameFixedHeaderBytes));
  }
  PLAIT_RETURN_IF_ERROR(CheckFixedFields(bytes));
  PLAIT_ASSIGN_OR_RETURN(const size_t header_bytes, HeaderBytes(bytes));
  FrameHeader header{.dtype = *DtypeFromId(bytes[8]), .shape = {}, .block_log2 = bytes[10], .sections = {}};
  header.header_bytes = header_bytes;
  header.hash = LoadLe<uint64_t>(bytes.data() + header_bytes - kFrameHashBytes);
  const uint64_t hash = Hash64(bytes.first(header_bytes - kFrameHashBytes));
  if (hash != header.hash) {
    return absl::DataLossError(FoundExpected("frame header hash", HexDigits(hash), HexDigits(header.hash)));
  }
  const size_t rank = bytes[9];
  for (size_t i = 0; i < rank; ++i) {
    header.shape.push_back(LoadLe<uint64_t>(bytes.data() + kFrameFixedHeaderBytes + 8 * i));
  }
  const absl::StatusOr<uint64_t> decoded_bytes = TensorBytes(header.dtype, header.shape);
  if (!decoded_bytes.ok()) return absl::DataLossError(decoded_bytes.status().message());
  header.decoded_bytes = *decoded_bytes;
  header.num_elements = LoadLe<uint64_t>(bytes.data() + 16);
  uint64_t product = 1;
  for (uint64_t dimension : header.shape) product *= dimension;
  if (product != header.num_elements) {
    return absl::DataLossError(FoundExpected("frame elements", header.num_elements, product));
  }
  const size_t sections_begin = kFrameFixedHeaderBytes + 8 * rank;
  PLAIT_ASSIGN_OR_RETURN(header.sections,
                         ParseSections(bytes.subspan(sections_begin, header_bytes - kFrameHashBytes - sections_begin)));
  return header;
}

}  // namespace plait
