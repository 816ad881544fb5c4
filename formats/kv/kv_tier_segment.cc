#include "formats/kv/kv_tier_segment.h"

#include <algorithm>

#include "codec/base/status.h"
#include "codec/block/block_codec.h"
#include "formats/kv/kv_elements.h"
#include "formats/kv/kv_object_layout.h"

namespace plait {
namespace {

constexpr size_t kBlockElements = size_t{1} << kKvTierBlockLog2;

// Binds a block to its place: the plane, and the first element's number in it.
BlockSpec SpecOf(KvElement element, size_t plane, size_t begin, size_t elements) {
  return {.dtype = DtypeOf(element),
          .elements = static_cast<uint32_t>(elements),
          .seed = uint64_t{plane} << 32 | begin >> kKvTierBlockLog2};
}

bool IsWide(KvElement element) { return GetKvElementInfo(element).bytes() == 2; }

// Elements of 16 bits are their bytes already.
std::span<const uint8_t> BytesOf(KvElement element, std::span<const uint16_t> x, KvTierScratch& scratch) {
  if (IsWide(element)) return {reinterpret_cast<const uint8_t*>(x.data()), x.size_bytes()};
  scratch.raw.resize(x.size());
  KvElementsToBytes(element, x, scratch.raw);
  return scratch.raw;
}

absl::Status DecodeElements(const BlockSpec& spec, KvElement element, std::span<const uint8_t> coded,
                            KvTierScratch& scratch, std::span<uint16_t> x) {
  if (IsWide(element)) {
    return DecodeBlock(spec, coded, scratch.workspace, {reinterpret_cast<uint8_t*>(x.data()), x.size_bytes()});
  }
  scratch.raw.resize(x.size());
  PLAIT_RETURN_IF_ERROR(DecodeBlock(spec, coded, scratch.workspace, scratch.raw));
  KvElementsFromBytes(element, scratch.raw, x);
  return absl::OkStatus();
}

// Takes the block at the front of `segment`.
absl::StatusOr<std::span<const uint8_t>> TakeBlock(std::span<const uint8_t>& segment) {
  PLAIT_ASSIGN_OR_RETURN(const BlockHeader header, ParseBlockHeader(segment));
  const uint64_t bytes = kBlockHeaderBytes + uint64_t{header.payload_bytes};
  if (bytes > segment.size()) return absl::OutOfRangeError(FoundExpected("block bytes", segment.size(), bytes));
  const auto block = segment.first(bytes);
  segment = segment.subspan(bytes);
  return block;
}

}  // namespace

void EncodeKvTierSegment(KvElement element, size_t first_plane, std::span<const std::span<const uint16_t>> planes,
                         KvTierScratch& scratch, std::vector<uint8_t>* segment) {
  for (size_t i = 0; i < planes.size(); ++i) {
    for (size_t begin = 0; begin < planes[i].size(); begin += kBlockElements) {
      const auto x = planes[i].subspan(begin, std::min(kBlockElements, planes[i].size() - begin));
      EncodeBlock(SpecOf(element, first_plane + i, begin, x.size()), BytesOf(element, x, scratch), scratch.workspace,
                  &scratch.coded);
      segment->insert(segment->end(), scratch.coded.begin(), scratch.coded.end());
    }
  }
}

absl::Status DecodeKvTierSegment(KvElement element, size_t first_plane, std::span<const uint8_t> segment,
                                 KvTierScratch& scratch, std::span<const std::span<uint16_t>> planes) {
  for (size_t i = 0; i < planes.size(); ++i) {
    for (size_t begin = 0; begin < planes[i].size(); begin += kBlockElements) {
      const auto x = planes[i].subspan(begin, std::min(kBlockElements, planes[i].size() - begin));
      PLAIT_ASSIGN_OR_RETURN(const std::span<const uint8_t> block, TakeBlock(segment));
      const BlockSpec spec = SpecOf(element, first_plane + i, begin, x.size());
      PLAIT_RETURN_IF_ERROR(Annotate(DecodeElements(spec, element, block, scratch, x),
                                     absl::StrCat("block ", begin >> kKvTierBlockLog2)));
    }
  }
  if (segment.empty()) return absl::OkStatus();
  return absl::DataLossError(FoundExpected("bytes behind the last block", segment.size(), 0));
}

}  // namespace plait
