// From coded blocks to an image: what is taken as it is, what is recoded, what is refused, and that nothing is
// believed.
#include "gpu/loader/image_loader.h"

#include "tests/registry/registry.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

absl::Status Ignore(uint64_t, std::span<const uint8_t>) { return absl::OkStatus(); }

// Weights of a type, coded as `codec` would.
struct Coded {
  Input input;
  std::vector<uint8_t> bytes;
  std::vector<CodedTensor> tensors() const { return {{"model.weight", {{input.spec(9), bytes}}}}; }
};

Coded MakeCoded(CodecId codec, PlaneKind kind, uint32_t elements = 9000) {
  BlockWorkspace workspace;
  for (const CodecEntry& entry : CodecRegistry()) {
    if (entry.id != codec || entry.kind != kind) continue;
    Coded coded{entry.generate(4, elements), {}};
    EXPECT_THAT(entry.Encode(coded.input, 9, workspace, &coded.bytes), IsOk());
    return coded;
  }
  ADD_FAILURE();
  return {};
}

TEST(ImageLoader, TierBlocksOfKnownKindsAreTakenAsCoded) {
  for (PlaneKind kind : kTierKinds) {
    const Coded coded = MakeCoded(CodecId::kTier, kind);
    const auto image = LoadImage(coded.tensors(), {.recode = false}, Ignore);
    ASSERT_THAT(image, IsOk());
    EXPECT_EQ(image->counts.as_coded, 1);
    EXPECT_TRUE(DecodesAsCoded(coded.tensors()[0].blocks[0]));
    EXPECT_LE(image->plan.image_bytes(), MaxImageBytes(coded.tensors()));
    EXPECT_GE(image->plan.image_bytes() + 400, MaxImageBytes(coded.tensors()));
  }
}

TEST(ImageLoader, OtherCodersAreRecodedAndStaySmall) {
  for (PlaneKind kind : {PlaneKind::kBf16, PlaneKind::kE4m3}) {
    const Coded coded = MakeCoded(CodecId::kRans, kind, 60000);
    const auto image = LoadImage(coded.tensors(), {}, Ignore);
    ASSERT_THAT(image, IsOk());
    EXPECT_EQ(image->counts.recoded, 1);
    EXPECT_LT(image->plan.image_bytes(), coded.input.raw.size() * 8 / 10);
    EXPECT_LE(image->plan.image_bytes(), MaxImageBytes(coded.tensors()));
  }
}

TEST(ImageLoader, KindsWithoutAKernelArePlain) {
  const Coded coded = MakeCoded(CodecId::kTier, PlaneKind::kF32);
  const auto image = LoadImage(coded.tensors(), {}, Ignore);
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->counts.plain, 1);
  EXPECT_LE(image->plan.image_bytes(), MaxImageBytes(coded.tensors()));
}

TEST(ImageLoader, WhatKernelsCannotDecodeIsRefusedByNameIfItMayNotBeRecoded) {
  const Coded coded = MakeCoded(CodecId::kRans, PlaneKind::kBf16);
  const auto image = LoadImage(coded.tensors(), {.recode = false}, Ignore);
  EXPECT_THAT(image, StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(std::string(image.status().message()), testing::StartsWith("tensor model.weight: block 0: "));
}

TEST(ImageLoader, AFlipOfAnyByteIsFoundWhileLoading) {
  for (CodecId codec : {CodecId::kTier, CodecId::kRans}) {
    Coded coded = MakeCoded(codec, PlaneKind::kBf16, 300);
    for (size_t at = 0; at < coded.bytes.size(); ++at) {
      coded.bytes[at] ^= 0x10;
      EXPECT_THAT(LoadImage(coded.tensors(), {}, Ignore), IsRejected()) << at;
      coded.bytes[at] ^= 0x10;
    }
    EXPECT_THAT(LoadImage(coded.tensors(), {}, Ignore), IsOk());
  }
}

TEST(ImageLoader, ATruncationAtAnyByteIsFoundWhileLoading) {
  Coded coded = MakeCoded(CodecId::kTier, PlaneKind::kBf16, 300);
  while (!coded.bytes.empty()) {
    coded.bytes.pop_back();
    EXPECT_THAT(LoadImage(coded.tensors(), {}, Ignore), StatusIs(absl::StatusCode::kOutOfRange));
    EXPECT_GE(MaxImageBytes(coded.tensors()), 600);  // and nothing is read that is not there
  }
}

TEST(ImageLoader, PiecesFollowEachOtherAndAreNoLongerThanABlock) {
  const Coded coded = MakeCoded(CodecId::kTier, PlaneKind::kBf16, 60000);
  uint64_t end = 0;
  const auto image = LoadImage(coded.tensors(), {}, [&](uint64_t offset, std::span<const uint8_t> piece) {
    EXPECT_EQ(offset, end);
    EXPECT_LE(piece.size(), coded.bytes.size());
    end += piece.size();
    return absl::OkStatus();
  });
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(end, image->plan.image_bytes());
}

TEST(ImageLoader, WhatTheSinkReturnsEndsTheLoadEvenWhereDamageWouldNot) {
  const Coded coded = MakeCoded(CodecId::kTier, PlaneKind::kBf16);
  std::vector<uint8_t> small(100);
  EXPECT_THAT(LoadImage(coded.tensors(), {}, SinkTo(small)), StatusIs(absl::StatusCode::kResourceExhausted));
  const auto fails = [](uint64_t, std::span<const uint8_t>) { return absl::DataLossError("upload"); };
  EXPECT_THAT(LoadImage(coded.tensors(), {.keep_damaged = true}, fails), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(ImageLoader, ProgressIsToldForEveryTensor) {
  const Coded coded = MakeCoded(CodecId::kTier, PlaneKind::kBf16);
  std::vector<CodedTensor> tensors = {coded.tensors()[0], coded.tensors()[0]};
  tensors[1].name = "second";
  std::vector<std::string> seen;
  const LoadOptions options{.progress = [&](const LoadProgress& progress) {
    seen.push_back(absl::StrCat(progress.tensor, " ", progress.tensors_done, "/", progress.num_tensors));
  }};
  ASSERT_THAT(LoadImage(tensors, options, Ignore), IsOk());
  EXPECT_THAT(seen, testing::ElementsAre("model.weight 1/2", "second 2/2"));
}

TEST(ImageBuilder, BlocksThatDoNotFollowAMultipleOfSixteenBytesAreRefused) {
  ImageBuilder builder(Ignore);
  const std::vector<uint8_t> bytes(24);
  EXPECT_THAT(builder.AddPlain(bytes), StatusIs(absl::StatusCode::kInvalidArgument));
  builder.BeginTensor("t");
  EXPECT_THAT(builder.AddPlain(bytes), IsOk());
  EXPECT_THAT(builder.AddPlain(bytes), StatusIs(absl::StatusCode::kInvalidArgument));
  builder.BeginTensor("u");
  EXPECT_THAT(builder.AddPlain(bytes), IsOk());
}

TEST(ImageBuilder, PlanesThatAreWrongAreNotAdded) {
  ImageBuilder builder(Ignore);
  builder.BeginTensor("t");
  const std::vector<uint8_t> bytes(100);
  EXPECT_THAT(builder.AddTier(PlaneKind::kF32, bytes, bytes, 100), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(builder.AddTier(PlaneKind::kBf16, bytes, bytes, 99), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(builder.AddTier(PlaneKind::kBf16, bytes, bytes, 100), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(builder.Finish()->num_blocks(), 0);
}

}  // namespace
}  // namespace plait::gpu
