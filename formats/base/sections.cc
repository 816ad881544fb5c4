#include "formats/base/sections.h"

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "formats/base/byte_io.h"

namespace plait {
namespace {

// Takes the section at the front of `bytes`.
absl::StatusOr<Section> TakeSection(std::span<const uint8_t>& bytes) {
  if (bytes.size() < kSectionHeaderBytes) {
    return absl::OutOfRangeError(FoundExpected("section header bytes", bytes.size(), kSectionHeaderBytes));
  }
  Section section{.type = LoadLe<uint16_t>(bytes.data()), .flags = LoadLe<uint16_t>(bytes.data() + 2), .bytes = {}};
  const size_t length = LoadLe<uint32_t>(bytes.data() + 4);
  const size_t padded = AlignUp(length, kSectionAlignment);
  bytes = bytes.subspan(kSectionHeaderBytes);
  if (padded > bytes.size()) return absl::OutOfRangeError(FoundExpected("section bytes", bytes.size(), padded));
  if ((section.flags & ~kSectionMustUnderstand) != 0) {
    return absl::DataLossError(FoundExpected("section flags", section.flags, "0 or 1"));
  }
  if (section.flags & kSectionMustUnderstand) {
    return absl::UnimplementedError(FoundExpected("section type", section.type, "one that this version understands"));
  }
  PLAIT_RETURN_IF_ERROR(CheckZeros(bytes.subspan(length, padded - length), "section padding"));
  section.bytes.assign(bytes.begin(), bytes.begin() + length);
  bytes = bytes.subspan(padded);
  return section;
}

}  // namespace

void AppendSections(std::span<const Section> sections, std::vector<uint8_t>* out) {
  for (const Section& section : sections) {
    const size_t begin = out->size();
    out->resize(begin + kSectionHeaderBytes);
    StoreLe(section.type, out->data() + begin);
    StoreLe(section.flags, out->data() + begin + 2);
    StoreLe(static_cast<uint32_t>(section.bytes.size()), out->data() + begin + 4);
    out->insert(out->end(), section.bytes.begin(), section.bytes.end());
    out->resize(begin + kSectionHeaderBytes + AlignUp(section.bytes.size(), kSectionAlignment));
  }
}

absl::StatusOr<std::vector<Section>> ParseSections(std::span<const uint8_t> bytes) {
  std::vector<Section> sections;
  while (!bytes.empty()) {
    PLAIT_ASSIGN_OR_RETURN(Section section, TakeSection(bytes));
    sections.push_back(std::move(section));
  }
  return sections;
}

}  // namespace plait
