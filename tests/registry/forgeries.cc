#include <algorithm>
#include <cstdlib>
#include <utility>

#include "codec/base/endian.h"
#include "codec/base/hash.h"
#include "formats/frame/frame_header.h"
#include "tests/registry/draft.h"
#include "tests/registry/files.h"
#include "tests/registry/inputs.h"

namespace plait {
namespace {

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr absl::StatusCode kOutOfRange = absl::StatusCode::kOutOfRange;
constexpr absl::StatusCode kUnimplemented = absl::StatusCode::kUnimplemented;
constexpr absl::StatusCode kResourceExhausted = absl::StatusCode::kResourceExhausted;

// Two framed tensors of the same dtype and shape, and a plain one.
std::vector<uint8_t> SmallOriginal() {
  Random random(21);
  return MakeSafetensors({{"k", Dtype::kI8, {3000}, std::vector<uint8_t>(3000, 1)},
                          {"v", Dtype::kI8, {3000}, std::vector<uint8_t>(3000, 2)},
                          {"p", Dtype::kU8, {100}, RandomBytes(100, random)}});
}

Draft SmallDraft() {
  Draft draft = TakeApart(Compress(SmallOriginal()));
  if (draft.manifest.entries[1].state != TensorState::kFramed) std::abort();  // the forgeries below rely on it
  if (draft.manifest.entries[2].state != TensorState::kPlain) std::abort();
  return draft;
}

// One overwritten field of the manifest (formats/container/FORMAT.md has its offsets).
struct FieldForgery {
  const char* name;
  size_t at;
  uint64_t value;
  size_t bytes;
  absl::StatusCode code;
};

const FieldForgery kFields[] = {
    {"manifest_magic", 0, 'X', 1, kDataLoss},
    {"manifest_version", 8, 1, 2, kUnimplemented},
    {"manifest_kind", 10, 2, 2, kUnimplemented},
    {"manifest_kind_opaque", 10, 0, 2, kDataLoss},
    {"tensor_count_none", 12, 0, 4, kDataLoss},
    {"tensor_count_most", 12, 0xffffffff, 4, kOutOfRange},
    {"manifest_bytes_first_field", 16, 1000, 8, kDataLoss},
    {"original_bytes_none", 24, 0, 8, kOutOfRange},
    {"original_bytes_huge", 24, uint64_t{1} << 60, 8, kDataLoss},
    {"container_header_bytes", 32, 24, 8, kDataLoss},
    {"container_header_hash", 40, 0, 8, kDataLoss},
    {"identity", 48, 0, 8, kDataLoss},
    {"original_header_bytes_less", 64, 10, 8, kDataLoss},
    {"original_header_bytes_more", 64, 1000, 8, kDataLoss},
    {"original_header_bytes_above_the_limit", 64, 100'000'009, 8, kResourceExhausted},
    {"original_header_bytes_huge", 64, ~uint64_t{0}, 8, kResourceExhausted},
    {"coded_header_bytes_none", 72, 0, 8, kDataLoss},
    {"coded_header_bytes_huge", 72, ~uint64_t{0}, 8, kOutOfRange},
    {"entry_state", 80, 2, 1, kUnimplemented},
    {"entry_codec", 81, 200, 1, kUnimplemented},
    {"entry_reserved_bytes", 82, 1, 1, kDataLoss},
};

Forgery ForgeField(const FieldForgery& field) {
  const auto original = MakeSafetensors({{"k", Dtype::kI8, {3000}, std::vector<uint8_t>(3000, 1)}});
  const auto edit = [&field](std::span<uint8_t> manifest) {
    for (size_t i = 0; i < field.bytes; ++i) manifest[field.at + i] = static_cast<uint8_t>(field.value >> 8 * i);
  };
  return {field.name, Assemble(TakeApart(Compress(original)), edit), field.code,
          "the manifest's field at byte " + std::to_string(field.at)};
}

void ReplaceFirstFrame(Draft& draft, Dtype dtype, std::vector<uint64_t> shape) {
  const std::vector<uint8_t> raw(300, 1);
  const std::vector<uint8_t> frame = MakeFrame({.dtype = dtype, .shape = std::move(shape), .sections = {}}, raw);
  if (frame.size() != draft.stored[0].bytes()) std::abort();
  std::ranges::copy(frame, draft.data.begin());
}

// A change of the parts; hashes and lengths are made after it.
struct PartForgery {
  const char* name;
  void (*change)(Draft&);
  absl::StatusCode code;
  const char* reason;
};

const PartForgery kParts[] = {
    {"entry_missing", [](Draft& draft) { draft.manifest.entries.pop_back(); }, kDataLoss, "a tensor without its entry"},
    {"entry_extra", [](Draft& draft) { draft.manifest.entries.emplace_back(); }, kDataLoss,
     "an entry without a tensor"},
    {"framed_called_plain", [](Draft& draft) { draft.manifest.entries[0].state = TensorState::kPlain; }, kDataLoss,
     "the stored dtype and shape are a frame's"},
    {"plain_called_framed", [](Draft& draft) { draft.manifest.entries[2].state = TensorState::kFramed; }, kDataLoss,
     "100 bytes are no frame"},
    {"plain_hash", [](Draft& draft) { draft.manifest.entries[2].decoded_hash.low ^= 1; }, kDataLoss,
     "the bytes of a plain tensor are not the entry's"},
    {"framed_hash", [](Draft& draft) { draft.manifest.entries[0].decoded_hash.high ^= 1; }, kDataLoss,
     "the frame's decoded hash is not the entry's"},
    {"plain_bytes", [](Draft& draft) { draft.data.back() ^= 1; }, kDataLoss, "a plain tensor's byte"},
    {"frames_swapped", [](Draft& draft) { std::swap(draft.stored[0].name, draft.stored[1].name); }, kDataLoss,
     "each tensor has the other's frame"},
    {"stored_name", [](Draft& draft) { draft.stored[0].name[0] = 'q'; }, kDataLoss, "a name that the original lacks"},
    {"stored_dtype", [](Draft& draft) { draft.stored[2].dtype = Dtype::kI8; }, kDataLoss,
     "a plain tensor of another dtype"},
    {"stored_shape",
     [](Draft& draft) {
       draft.stored[2].shape = {10, 10};
     },
     kDataLoss, "a plain tensor of another shape"},
    {"frame_dtype", [](Draft& draft) { draft.stored[0].dtype = Dtype::kI8; }, kDataLoss, "a frame that is not U8"},
    {"stored_hole", [](Draft& draft) { draft.stored[2].begin += 1; }, kDataLoss, "a byte that no tensor covers"},
    {"frame_of_another_dtype", [](Draft& draft) { ReplaceFirstFrame(draft, Dtype::kU8, {300}); }, kDataLoss,
     "the same bytes, but not the original's dtype"},
    {"frame_of_another_shape",
     [](Draft& draft) {
       ReplaceFirstFrame(draft, Dtype::kI8, {3, 100});
     },
     kDataLoss, "the same bytes, but not the original's shape"},
    {"start_mark_missing", [](Draft& draft) { draft.manifest_first = false; }, kDataLoss,
     "an end mark without the start mark"},
    {"must_understand_section",
     [](Draft& draft) { draft.manifest.sections = {{.type = 900, .flags = kSectionMustUnderstand, .bytes = {1}}}; },
     kUnimplemented, "a section of a later version"},
    {"unknown_section_flag", [](Draft& draft) { draft.manifest.sections = {{.type = 900, .flags = 2, .bytes = {1}}}; },
     kDataLoss, "a flag that is always zero"},
    {"original_one_byte_more", [](Draft& draft) { ++draft.manifest.original_bytes; }, kDataLoss,
     "the original's header does not cover its last byte"},
    {"original_one_byte_less", [](Draft& draft) { --draft.manifest.original_bytes; }, kOutOfRange,
     "the original's header needs one byte more"},
    {"original_header_is_no_json", [](Draft& draft) { draft.manifest.original_header.back() = ']'; }, kDataLoss,
     "the original's header does not parse"},
};

Forgery ForgeParts(const PartForgery& part) {
  Draft draft = SmallDraft();
  part.change(draft);
  return {part.name, Assemble(draft), part.code, part.reason};
}

// 4 MB of spaces behind a field that promises 100 bytes.
Forgery HeaderBomb() {
  Draft draft = SmallDraft();
  draft.manifest.original_header.resize(size_t{4} << 20, ' ');
  const auto edit = [](std::span<uint8_t> manifest) { StoreLe(uint64_t{100}, manifest.data() + 64); };
  return {"original_header_bomb", Assemble(draft, edit), kDataLoss, "the zstd frame decodes to more than it may"};
}

// An original of one U8 tensor of `elements`, whose frame has a right header and nothing else.
Forgery FrameClaiming(const char* name, uint64_t elements, absl::StatusCode code, const char* reason) {
  FrameHeader header{.dtype = Dtype::kU8, .shape = {elements}, .sections = {}};
  Draft draft;
  if (!MakeFrameHeader(&header, &draft.data).ok()) std::abort();
  draft.data.resize(2 * kFrameAlignment);
  draft.stored = {{"huge", Dtype::kU8, {draft.data.size()}, 0, draft.data.size()}};
  const std::vector<TensorInfo> original = {{"huge", Dtype::kU8, {elements}, 0, elements}};
  draft.manifest.kind = ContainerKind::kSafetensors;
  draft.manifest.original_header = SafetensorsFile(SafetensorsJson("", original), {});
  draft.manifest.original_bytes = draft.manifest.original_header.size() + elements;
  draft.manifest.entries = {{TensorState::kFramed, CodecId::kStore, {}}};
  return {name, Assemble(draft), code, reason};
}

Forgery OpaqueOfAnotherSize() {
  Random random(22);
  Draft draft = TakeApart(Compress(RandomBytes(50, random)));
  draft.manifest.original_bytes = uint64_t{1} << 50;
  return {"opaque_original_bytes", Assemble(draft), kDataLoss, "more bytes than the plain tensor has"};
}

Forgery OpaqueWithHeader() {
  Random random(23);
  Draft draft = TakeApart(Compress(RandomBytes(50, random)));
  draft.manifest.original_header = {1, 2, 3};
  return {"opaque_with_original_header", Assemble(draft), kDataLoss, "an opaque original has no header"};
}

// What a writer carries as an opaque file.
Forgery ReservedName() {
  constexpr std::string_view kUsual = "abcdefghij";
  constexpr std::string_view kReserved = "__plait__x";
  Draft draft = TakeApart(Compress(MakeSafetensors({{std::string(kUsual), Dtype::kU8, {2}, {1, 2}}})));
  draft.stored[0].name = kReserved;
  std::vector<uint8_t>& header = draft.manifest.original_header;
  std::ranges::copy(kReserved, std::search(header.begin(), header.end(), kUsual.begin(), kUsual.end()));
  return {"original_of_reserved_name", Assemble(draft), kDataLoss, "a tensor of the original has a reserved name"};
}

Forgery ManifestOfWrongTail() {
  std::vector<uint8_t> bytes = Assemble(SmallDraft());
  bytes[bytes.size() - kManifestTailBytes] += 8;
  return {"manifest_bytes_last_field", std::move(bytes), kDataLoss, "the two lengths of the manifest differ"};
}

}  // namespace

std::vector<Forgery> Forgeries() {
  std::vector<Forgery> forgeries;
  for (const FieldForgery& field : kFields) forgeries.push_back(ForgeField(field));
  for (const PartForgery& part : kParts) forgeries.push_back(ForgeParts(part));
  forgeries.push_back(HeaderBomb());
  forgeries.push_back(FrameClaiming("frame_of_an_exbibyte", uint64_t{1} << 60, kDataLoss, "more blocks than fit"));
  forgeries.push_back(FrameClaiming("frame_of_nothing", 0, kDataLoss, "a frame has at least one block"));
  forgeries.push_back(OpaqueOfAnotherSize());
  forgeries.push_back(OpaqueWithHeader());
  forgeries.push_back(ReservedName());
  forgeries.push_back(ManifestOfWrongTail());
  return forgeries;
}

}  // namespace plait
