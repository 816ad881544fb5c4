// Containers: there and back, the same bytes at any thread count, and every damage found.
#include <zstd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "codec/base/endian.h"
#include "formats/container/container_reader.h"
#include "formats/container/container_writer.h"
#include "tests/registry/draft.h"
#include "tests/registry/files.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"
#include "tools/pipeline/decode.h"
#include "tools/pipeline/encode.h"

namespace plait {
namespace {

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr int kThreadCounts[] = {1, 2, 4};

// Damage may also hide that it is a container at all, or make a length absurd.
MATCHER(IsFound, "is a status of damaged input") {
  *result_listener << "which is " << StatusOf(arg).ToString();
  const absl::StatusCode code = StatusOf(arg).code();
  return code == absl::StatusCode::kOutOfRange || code == absl::StatusCode::kDataLoss ||
         code == absl::StatusCode::kUnimplemented || code == absl::StatusCode::kFailedPrecondition ||
         code == absl::StatusCode::kResourceExhausted;
}

const Original& Named(const std::string& name) {
  static const std::vector<Original> originals = Originals();
  return *std::ranges::find(originals, name, &Original::name);
}

// Several blocks in several tensors, so that threads have something to reorder.
std::vector<uint8_t> LargeOriginal() {
  Random random(31);
  return MakeSafetensors({{"a", Dtype::kBf16, {300, 1000}, WeightLikeBf16(300000, random)},
                          {"b", Dtype::kU8, {150000}, RandomBytes(150000, random)},
                          {"c", Dtype::kF32, {70000}, std::vector<uint8_t>(280000)},
                          {"d", Dtype::kBf16, {200001}, WeightLikeBf16(200001, random)}});
}

TEST(Container, EveryOriginalIsRestored) {
  for (const Original& original : Originals()) {
    EXPECT_EQ(Decompress(Compress(original.bytes)).value(), original.bytes) << original.name;
  }
}

TEST(Container, BytesDoNotDependOnThreadsOrVariants) {
  const std::vector<uint8_t> original = LargeOriginal();
  const std::vector<uint8_t> container = Compress(original);
  ForEachCpu([&] {
    for (int threads : kThreadCounts) {
      EXPECT_EQ(Compress(original, threads), container) << threads;
      EXPECT_EQ(Decompress(container, threads).value(), original) << threads;
    }
  });
}

TEST(Container, IsAValidSafetensorsFileThatNoLoaderClaims) {
  for (const Original& original : Originals()) {
    const std::vector<uint8_t> container = Compress(original.bytes);
    const absl::StatusOr<std::vector<uint8_t>> header = ReadSafetensorsHeader(MemorySource(container));
    ASSERT_THAT(header, IsOk());
    EXPECT_THAT(ParseSafetensorsHeader(*header, container.size()), IsOk()) << original.name;
    EXPECT_THAT(std::string(header->begin(), header->end()), testing::HasSubstr(kContainerMetadata));
  }
}

TEST(Container, PlainTensorsStartAlignedToTheirElements) {
  for (const Original& original : Originals()) {
    const Draft draft = TakeApart(Compress(original.bytes));
    for (const TensorInfo& tensor : draft.stored) {
      EXPECT_EQ(8 * tensor.begin % std::max(8u, GetDtypeInfo(tensor.dtype).bits), 0)
          << original.name << ": " << tensor.name;
    }
  }
}

TEST(Container, IsRecognisedByItsContent) {
  for (const Original& original : Originals()) {
    EXPECT_FALSE(LooksLikeContainer(MemorySource(original.bytes)).value()) << original.name;
    EXPECT_TRUE(LooksLikeContainer(MemorySource(Compress(original.bytes))).value()) << original.name;
    EXPECT_THAT(Decompress(original.bytes), StatusIs(absl::StatusCode::kFailedPrecondition)) << original.name;
  }
}

TEST(Container, AnyFlippedByteIsFound) {
  for (const char* name : {"model", "every_dtype", "bare_json", "empty_file", "noise"}) {
    std::vector<uint8_t> container = Compress(Named(name).bytes);
    for (size_t at = 0; at < container.size(); ++at) {
      for (const int flip : {1 << at % 8, 0xff}) {
        container[at] ^= static_cast<uint8_t>(flip);
        ASSERT_THAT(Decompress(container), IsFound()) << name << ": byte " << at;
        container[at] ^= static_cast<uint8_t>(flip);
      }
    }
  }
}

TEST(Container, TruncatedAtEveryByteIsFound) {
  for (const char* name : {"model", "bare_json", "empty_file", "noise"}) {
    const std::vector<uint8_t> container = Compress(Named(name).bytes);
    for (size_t size = 0; size < container.size(); ++size) {
      ASSERT_THAT(Decompress(std::span(container).first(size)), IsFound()) << name << ": " << size;
    }
  }
}

TEST(Container, BytesBehindTheEndAreFound) {
  for (const Original& original : Originals()) {
    const std::vector<uint8_t> container = Compress(original.bytes);
    EXPECT_THAT(Decompress(Concat({container, FromHex("00")})), IsFound());
    EXPECT_THAT(Decompress(Concat({container, container})), IsFound());
  }
}

TEST(Container, TakenApartAndAssembledIsStillRead) {
  Draft draft = TakeApart(Compress(Named("model").bytes));
  EXPECT_EQ(Decompress(Assemble(draft)).value(), Named("model").bytes);
  draft.manifest.sections = {{.type = 900, .flags = 0, .bytes = {1, 2, 3}}};
  EXPECT_EQ(Decompress(Assemble(draft)).value(), Named("model").bytes) << "an optional section is skipped";
}

TEST(Container, EveryForgeryIsRejectedWithItsStatusAndWithoutMemory) {
  for (const Forgery& forgery : Forgeries()) {
    ResetLargestAllocation();
    EXPECT_THAT(Decompress(forgery.bytes, 1, ~uint64_t{0}), StatusIs(forgery.code))
        << forgery.name << ": " << forgery.reason;
    EXPECT_LT(LargestAllocation(), size_t{2} << 20) << forgery.name;
  }
}

const Forgery& ForgeryNamed(const std::string& name) {
  static const std::vector<Forgery> forgeries = Forgeries();
  return *std::ranges::find(forgeries, name, &Forgery::name);
}

// `list` and `cat` never see the end of a full decode.
TEST(ContainerReader, WhatTheManifestForbidsIsRejectedWhenOpened) {
  for (const char* name : {"opaque_with_original_header", "original_of_reserved_name", "start_mark_missing"}) {
    const MemorySource source(ForgeryNamed(name).bytes);
    EXPECT_THAT(ContainerReader::Open(&source).status(), StatusIs(kDataLoss)) << name;
  }
}

TEST(ContainerReader, AFrameThatIsNotTheTensorsIsRejectedWhenOpened) {
  for (const char* name : {"framed_hash", "frames_swapped", "frame_of_another_dtype", "frame_of_another_shape"}) {
    const MemorySource source(ForgeryNamed(name).bytes);
    const absl::StatusOr<ContainerReader> reader = ContainerReader::Open(&source);
    ASSERT_THAT(reader.status(), IsOk()) << name;
    EXPECT_THAT(reader->OpenFrame(0).status(), StatusIs(kDataLoss)) << name;
  }
}

// A zstd frame may ask for a window of 128 MiB before it has shown a byte.
TEST(ParseManifest, ASmallHeaderCannotAskForALargeWindow) {
  const std::string text(100, ' ');
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 27);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::vector<uint8_t> frame(200);
  // Streaming with an unknown size keeps the window of the header as it was asked for.
  ZSTD_inBuffer in = {text.data(), text.size(), 0};
  ZSTD_outBuffer out = {frame.data(), frame.size(), 0};
  ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush);
  ASSERT_EQ(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end), 0);
  ZSTD_freeCCtx(context);
  frame.resize(out.pos);

  BlockWorkspace workspace;
  Manifest manifest;
  std::vector<uint8_t> bytes = SerializeManifest(manifest, workspace);
  const std::vector<uint8_t> tail(bytes.end() - kManifestTailBytes, bytes.end());
  bytes.resize(kManifestFixedBytes);
  StoreLe(uint64_t{text.size()}, bytes.data() + 64);
  StoreLe(uint64_t{frame.size()}, bytes.data() + 72);
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  bytes.resize((bytes.size() + 7) / 8 * 8);
  bytes.insert(bytes.end(), tail.begin(), tail.end());
  StoreLe(uint64_t{bytes.size()}, bytes.data() + 16);
  PatchManifestHeaderHash(0, bytes);
  BlockWorkspace reader;
  (void)ParseManifest(bytes, reader);
  EXPECT_LT(ZSTD_sizeof_DCtx(reader.DecompressContext()), size_t{16} << 20);
}

TEST(ParseManifest, RoundTripsAndTruncatedAtEveryByteIsRejected) {
  BlockWorkspace workspace;
  Manifest manifest{.kind = ContainerKind::kSafetensors,
                    .original_bytes = 1000,
                    .header_bytes = 256,
                    .header_hash = 7,
                    .original_header = FromHex("01 02 03"),
                    .entries = {{TensorState::kFramed, CodecId::kTier, {1, 2}}, {TensorState::kPlain, {}, {3, 4}}},
                    .sections = {{.type = 900, .flags = 0, .bytes = {9}}}};
  const std::vector<uint8_t> bytes = SerializeManifest(manifest, workspace);
  const absl::StatusOr<Manifest> parsed = ParseManifest(bytes, workspace);
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->kind, manifest.kind);
  EXPECT_EQ(parsed->original_bytes, 1000);
  EXPECT_EQ(parsed->original_header, manifest.original_header);
  ASSERT_EQ(parsed->entries.size(), 2);
  EXPECT_EQ(parsed->entries[0].main_codec, CodecId::kTier);
  EXPECT_EQ(parsed->entries[1].decoded_hash, (Hash128{3, 4}));
  EXPECT_EQ(parsed->sections.size(), 1);
  EXPECT_EQ(OriginalIdentity(*parsed), OriginalIdentity(manifest));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(ParseManifest(GuardedBytes(std::span(bytes).first(size)).span(), workspace), IsRejected()) << size;
  }
}

TEST(ContainerReader, FindsTensorsByName) {
  const std::vector<uint8_t> container = Compress(Named("model").bytes);
  const MemorySource source(container);
  const absl::StatusOr<ContainerReader> reader = ContainerReader::Open(&source);
  ASSERT_THAT(reader, IsOk());
  ASSERT_TRUE(reader->Find("ids"));
  EXPECT_EQ(reader->tensors()[*reader->Find("ids")].original.dtype, Dtype::kI64);
  EXPECT_TRUE(reader->tensors()[*reader->Find("ids")].framed());
  EXPECT_FALSE(reader->tensors()[*reader->Find("noise")].framed());
  for (const char* name : {"", "id", "__plait__"}) EXPECT_FALSE(reader->Find(name)) << name;
}

TEST(PlanContainer, StrictRefusesWhatIsNotSafetensors) {
  for (const Original& original : Originals()) {
    const MemorySource source(original.bytes);
    const absl::StatusOr<ContainerPlan> plan = PlanContainer(source, /*strict=*/false);
    ASSERT_THAT(plan, IsOk());
    const bool odd = plan->kind == ContainerKind::kOpaque;
    EXPECT_THAT(PlanContainer(source, /*strict=*/true),
                StatusIs(odd ? absl::StatusCode::kUnimplemented : absl::StatusCode::kOk))
        << original.name;
  }
}

TEST(PlanContainer, ANameThatIsTooLongMakesTheFileOpaque) {
  for (const size_t name_bytes : {size_t{1} << 16, (size_t{1} << 16) + 1}) {
    const std::vector<uint8_t> original =
        MakeSafetensors({{std::string(name_bytes, 'n'), Dtype::kU8, {3}, FromHex("01 02 03")}});
    const MemorySource source(original);
    const absl::StatusOr<ContainerPlan> plan = PlanContainer(source, /*strict=*/false);
    ASSERT_THAT(plan, IsOk());
    EXPECT_EQ(plan->kind == ContainerKind::kOpaque, name_bytes > size_t{1} << 16) << name_bytes;
  }
}

// In the container, offsets are longer, and the manifest has an entry.
TEST(PlanContainer, AHeaderThatWouldGrowBeyondTheLimitMakesTheFileOpaque) {
  constexpr size_t kNameBytes = 6000;
  std::string json = "{";
  while (json.size() < kMaxSafetensorsHeaderBytes - 50'000) {
    const std::string number = std::to_string(json.size());
    json += absl::StrCat(json.size() == 1 ? "" : ",", "\"", number, std::string(kNameBytes - number.size(), 'n'),
                         R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})");
  }
  json += "}";
  std::vector<uint8_t> original(8);
  StoreLe(uint64_t{json.size()}, original.data());
  original.insert(original.end(), json.begin(), json.end());
  const MemorySource source(original);
  ASSERT_THAT(ReadSafetensorsHeader(source), IsOk());
  const absl::StatusOr<ContainerPlan> plan = PlanContainer(source, /*strict=*/false);
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->kind, ContainerKind::kOpaque);
}

// An original that another program writes to, or whose disk fails, from the second read of a byte on.
class UnsteadySource : public ByteSource {
 public:
  UnsteadySource(std::vector<uint8_t> bytes, absl::Status second_read)
      : bytes_(std::move(bytes)), second_read_(std::move(second_read)) {}
  uint64_t size() const override { return bytes_.size(); }
  absl::Status ReadAt(uint64_t offset, std::span<uint8_t> bytes) const override {
    const absl::Status status = MemorySource(bytes_).ReadAt(offset, bytes);
    if (offset + bytes.size() != bytes_.size() || reads_++ == 0) return status;
    bytes.back() ^= 1;
    return second_read_;
  }

 private:
  std::vector<uint8_t> bytes_;
  absl::Status second_read_;
  mutable int reads_ = 0;
};

TEST(EncodeContainer, AnOriginalThatChangesOrFailsIsReported) {
  Random random(32);
  const std::vector<uint8_t> original = MakeSafetensors({{"noise", Dtype::kU8, {9999}, RandomBytes(9999, random)}});
  for (const absl::Status& second_read : {absl::OkStatus(), absl::UnavailableError("disk")}) {
    const UnsteadySource source(original, second_read);
    const absl::StatusOr<ContainerPlan> plan = PlanContainer(source, /*strict=*/true);
    ASSERT_THAT(plan, IsOk());
    MemorySink sink;
    Progress progress("", 0);
    const absl::Status status = EncodeContainer(source, *plan, {}, sink, progress);
    const auto expected = second_read.ok() ? absl::StatusCode::kDataLoss : absl::StatusCode::kUnavailable;
    EXPECT_THAT(status, StatusIs(expected));
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("tensor noise"));
  }
}

TEST(DecodeContainer, ADamagedTensorDoesNotHideTheOthers) {
  const std::vector<uint8_t> original = LargeOriginal();
  std::vector<uint8_t> container = Compress(original);
  const MemorySource source(container);
  const absl::StatusOr<ContainerReader> reader = ContainerReader::Open(&source);
  ASSERT_THAT(reader, IsOk());
  container[reader->tensors()[*reader->Find("c")].offset + 100] ^= 1;  // in the first block
  for (int threads : kThreadCounts) {
    std::vector<std::string> damaged;
    uint64_t good_bytes = 0;
    ASSERT_THAT(DecodeContainer(*reader, threads,
                                [&](const DecodedPiece& piece) {
                                  if (piece.status.ok()) good_bytes += piece.bytes.size();
                                  if (!piece.status.ok()) damaged.push_back(piece.tensor);
                                  return absl::OkStatus();
                                }),
                IsOk());
    EXPECT_THAT(damaged, testing::ElementsAre("c"));
    EXPECT_EQ(good_bytes, reader->original_bytes() - 280000);
  }
}

}  // namespace
}  // namespace plait
