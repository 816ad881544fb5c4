// What every decoder of images gives, on every target: the elements that went in, for everything in the registry; a
// status word for what is wrong; a Status for what the caller got wrong.
#include "gpu/device_decoder.h"

#include "codec/base/endian.h"
#include "codec/tier/tier.h"
#include "codec/transform/planes.h"
#include "formats/frame/frame_reader.h"
#include "gpu/loader/image_loader.h"
#include "tests/gpu/decode_target.h"
#include "tests/gpu/decoded.h"
#include "tests/registry/golden.h"
#include "tests/registry/registry.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

// An image in the host's memory, what it decodes to, and how it was made.
struct Image {
  DecodePlan plan;
  std::vector<uint8_t> bytes;
  LoadCounts counts;
};

// Tensors of one block each, coded as an entry of the registry says.
class CodedInputs {
 public:
  CodedInputs(const CodecEntry& entry, std::vector<Input> inputs) : inputs_(std::move(inputs)) {
    BlockWorkspace workspace;
    std::erase_if(inputs_, [&](const Input& input) {
      std::vector<uint8_t> coded;
      if (!entry.Encode(input, 5, workspace, &coded).ok()) return true;
      coded_.push_back(std::move(coded));
      return false;
    });
  }

  size_t size() const { return inputs_.size(); }
  const Input& input(size_t i) const { return inputs_[i]; }
  std::vector<uint8_t>& coded(size_t i) { return coded_[i]; }
  std::vector<CodedTensor> tensors() const {
    std::vector<CodedTensor> tensors;
    for (size_t i = 0; i < size(); ++i) tensors.push_back({inputs_[i].name, {{inputs_[i].spec(5), coded_[i]}}});
    return tensors;
  }

 private:
  std::vector<Input> inputs_;
  std::vector<std::vector<uint8_t>> coded_;
};

absl::StatusOr<Image> Load(const std::vector<CodedTensor>& tensors, const LoadOptions& options = {}) {
  std::vector<uint8_t> bytes(MaxImageBytes(tensors));
  absl::StatusOr<LoadedImage> loaded = LoadImage(tensors, options, SinkTo(bytes));
  if (!loaded.ok()) return loaded.status();
  EXPECT_LE(loaded->plan.image_bytes(), bytes.size());
  bytes.resize(loaded->plan.image_bytes());
  return Image{std::move(loaded->plan), std::move(bytes), loaded->counts};
}

// Whether block `block` of a run that begins with block `first` came out as `raw`.
bool Gives(const Decoded& decoded, const DecodePlan& plan, uint32_t block, uint32_t first,
           std::span<const uint8_t> raw) {
  return decoded.status[block] == kTierOk && plan.block_bytes(block) == raw.size() &&
         std::ranges::equal(std::span(decoded.output).subspan(plan.output_offset(block, first), raw.size()), raw);
}

CodedInputs Weights(uint32_t blocks, CodecId codec = CodecId::kTier) {
  for (const CodecEntry& entry : CodecRegistry()) {
    if (entry.id != codec || entry.kind != PlaneKind::kBf16) continue;
    std::vector<Input> inputs;
    for (uint32_t b = 0; b < blocks; ++b) inputs.push_back(entry.generate(b, 5000 + 16 * b));
    for (uint32_t b = 0; b < blocks; ++b) inputs[b].name = absl::StrCat("weights", b);
    return CodedInputs(entry, std::move(inputs));
  }
  ADD_FAILURE();
  return CodedInputs(CodecRegistry()[0], {});
}

class DeviceDecoderTest : public testing::TestWithParam<DecodeTargetEntry> {
 protected:
  std::unique_ptr<DecodeTarget> Make(uint64_t seed = 1) const { return GetParam().make(seed); }
};

INSTANTIATE_TEST_SUITE_P(Targets, DeviceDecoderTest, testing::ValuesIn(DecodeTargets().begin(), DecodeTargets().end()),
                         [](const auto& target) { return target.param.name; });

TEST_P(DeviceDecoderTest, EveryRegistryInputComesOutAsItWentIn) {
  for (const CodecEntry& entry : CodecRegistry()) {
    SCOPED_TRACE(entry.name());
    std::vector<Input> inputs = entry.edge_inputs();
    inputs.push_back(entry.generate(3, 20000));
    const CodedInputs coded(entry, std::move(inputs));
    const auto image = Load(coded.tensors());
    ASSERT_THAT(image, IsOk());
    const auto target = Make();
    const auto decoded = Decode(*target, image->plan, image->bytes, image->plan.all_blocks());
    ASSERT_THAT(decoded, IsOk());
    for (uint32_t b = 0; b < coded.size(); ++b) {
      EXPECT_TRUE(Gives(*decoded, image->plan, b, 0, coded.input(b).raw)) << coded.input(b).name;
    }
  }
}

TEST_P(DeviceDecoderTest, AnyRunOfBlocksIsDecodedAloneAndToTheBeginOfTheOutput) {
  const CodedInputs coded = Weights(4);
  const auto image = Load(coded.tensors());
  ASSERT_THAT(image, IsOk());
  for (uint32_t first = 0; first < 4; ++first) {
    for (uint32_t count = 0; count <= 4 - first; ++count) {
      const auto target = Make(first);
      const auto decoded = Decode(*target, image->plan, image->bytes, {first, count});
      ASSERT_THAT(decoded, IsOk());
      for (uint32_t b = 0; b < 4; ++b) {
        if (b >= first && b < first + count) {
          EXPECT_TRUE(Gives(*decoded, image->plan, b, first, coded.input(b).raw));
        } else {
          EXPECT_EQ(decoded->status[b], kUntouched * 0x01010101u);
        }
      }
    }
  }
}

TEST_P(DeviceDecoderTest, BlocksOfATensorFollowEachOtherWithoutGaps) {
  Random random(21);
  const std::vector<uint8_t> raw = WeightLikeBf16(10000, random);
  std::vector<uint8_t> image_bytes;
  ImageBuilder builder([&](uint64_t offset, std::span<const uint8_t> piece) {
    EXPECT_EQ(offset, image_bytes.size());
    image_bytes.insert(image_bytes.end(), piece.begin(), piece.end());
    return absl::OkStatus();
  });
  builder.BeginTensor("plain");
  ASSERT_THAT(builder.AddPlain(std::span(raw).first(8192)), IsOk());
  ASSERT_THAT(builder.AddPlain(std::span(raw).subspan(8192)), IsOk());
  const auto plan = builder.Finish();
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->image_bytes(), image_bytes.size());
  const auto target = Make();
  EXPECT_EQ(Decode(*target, *plan, image_bytes, plan->all_blocks())->output, raw);
}

TEST_P(DeviceDecoderTest, BuffersThatAreTooSmallOrMisalignedAreNamed) {
  const CodedInputs coded = Weights(2);
  const auto image = Load(coded.tensors());
  ASSERT_THAT(image, IsOk());
  const DecodePlan& plan = image->plan;
  const auto target = Make();
  const std::span<uint8_t> status = target->Allocate(plan.status_words() * 4);
  const DecodeBuffers right{.image = target->Upload(image->bytes),
                            .scratch = target->Allocate(plan.scratch_bytes() + 16),
                            .output = target->Allocate(plan.output_bytes(plan.all_blocks()) + 16),
                            .status = {reinterpret_cast<uint32_t*>(status.data()), plan.status_words()}};
  const auto expect = [&](const DecodeBuffers& buffers, BlockRun run, std::string_view field) {
    const absl::Status status_of_decode = target->decoder().Decode(plan, run, buffers);
    EXPECT_THAT(status_of_decode, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(status_of_decode.message()), testing::StartsWith(std::string(field)));
  };
  DecodeBuffers wrong = right;
  wrong.image = right.image.first(plan.image_bytes() - 1);
  expect(wrong, plan.all_blocks(), "image bytes");
  wrong = right;
  wrong.scratch = right.scratch.first(plan.scratch_bytes() - 1);
  expect(wrong, plan.all_blocks(), "scratch bytes");
  wrong.scratch = right.scratch.subspan(8);
  expect(wrong, plan.all_blocks(), "scratch address");
  wrong = right;
  wrong.output = right.output.first(plan.output_bytes(plan.all_blocks()) - 1);
  expect(wrong, plan.all_blocks(), "output bytes");
  wrong.output = right.output.subspan(2);
  expect(wrong, plan.all_blocks(), "output address");
  wrong = right;
  wrong.status = right.status.first(1);
  expect(wrong, plan.all_blocks(), "status bytes");
  expect(right, {1, 2}, "end of the run of blocks");
  expect(right, {3, 0}, "end of the run of blocks");
  EXPECT_THAT(target->decoder().Decode(plan, plan.all_blocks(), right), IsOk());
}

TEST_P(DeviceDecoderTest, DamagedBlocksThatAreKeptGetAStatusWordAndTheOthersTheirElements) {
  CodedInputs coded = Weights(3);
  coded.coded(1)[200] ^= 4;
  const auto image = Load(coded.tensors(), {.keep_damaged = true});
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->counts.damaged, 1);
  const auto target = Make();
  const auto decoded = Decode(*target, image->plan, image->bytes, image->plan.all_blocks());
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(decoded->status[1], kTierCorrupt);
  EXPECT_EQ(decoded->output[image->plan.output_offset(1)], kUntouched);
  for (uint32_t b : {0, 2}) EXPECT_TRUE(Gives(*decoded, image->plan, b, 0, coded.input(b).raw));
}

// Whether the CPU decodes a block.
bool Decodes(const CodedBlock& block) {
  BlockWorkspace workspace;
  std::vector<uint8_t> raw(BlockRawBytes(block.spec));
  return DecodeBlock(block.spec, block.bytes, workspace, raw).ok();
}

// Frames that no reader may take: what the CPU rejects, the loader refuses, or a status word says.
TEST_P(DeviceDecoderTest, BlocksOfTheRejectCorpusGiveStatusWords) {
  int with_words = 0;
  for (const GoldenFile& file : GoldenReject()) {
    if (!file.name.ends_with(".frame")) continue;
    SCOPED_TRACE(file.name);
    const MemorySource source(file.bytes);
    const auto frame = FrameReader::Open(&source, 0, file.bytes.size());
    if (!frame.ok()) continue;
    CodedTensor tensor{file.name, {}};
    for (uint64_t b = 0; b < frame->header().num_blocks(); ++b) {
      const auto coded = std::span(file.bytes).subspan(frame->coded_offset(b), frame->coded_bytes(b));
      tensor.blocks.push_back({frame->header().block(b), coded});
    }
    EXPECT_EQ(Load({tensor}).ok(), std::ranges::all_of(tensor.blocks, Decodes));
    const auto image = Load({tensor}, {.keep_damaged = true});
    ASSERT_THAT(image, IsOk());
    const auto target = Make();
    const auto decoded = Decode(*target, image->plan, image->bytes, image->plan.all_blocks());
    ASSERT_THAT(decoded, IsOk());
    for (size_t b = 0; b < tensor.blocks.size(); ++b) {
      EXPECT_EQ(decoded->status[b] == kTierOk, Decodes(tensor.blocks[b]));
      with_words += decoded->status[b] != kTierOk;
    }
  }
  EXPECT_GE(with_words, 3);
}

// Flips of digits in the image, as a bad memory would make them: the same word on every target, and where it is zero
// the same elements.
TEST_P(DeviceDecoderTest, FlippedDigitsGiveTheStatusOfEveryOtherTarget) {
  Random random(22);
  Input input{"five_exponents", Dtype::kBf16, RandomBytes(10000, random)};
  for (size_t i = 0; i < input.raw.size(); i += 2) {
    StoreLe(static_cast<uint16_t>((120 + random() % 5) << 7 | (random() & 0x807f)), &input.raw[i]);
  }
  BlockWorkspace workspace;
  std::vector<uint8_t> coded;
  ASSERT_THAT(EncodeBlockWith(PlaneKind::kBf16, CodecId::kTier, input.spec(), input.raw, workspace, &coded), IsOk());
  const auto image = Load({{"t", {{input.spec(), coded}}}});
  ASSERT_THAT(image, IsOk());
  const unsigned digit_bits = TierShape(image->bytes[0]).digit_bits(0);
  const size_t digits_end = kTierHeaderBytes + TierDigitBytes(4992, digit_bits);  // of whole units of level 1
  int wrong = 0;
  for (int i = 0; i < 60; ++i) {
    std::vector<uint8_t> flipped = image->bytes;
    flipped[kTierHeaderBytes + random() % (digits_end - kTierHeaderBytes)] ^= 1 << random() % 8;
    const auto target = Make(i);
    const auto decoded = Decode(*target, image->plan, flipped, image->plan.all_blocks());
    ASSERT_THAT(decoded, IsOk());
    const auto other_target = MakeCpuTarget();
    const auto other = Decode(*other_target, image->plan, flipped, image->plan.all_blocks());
    ASSERT_THAT(other, IsOk());
    EXPECT_EQ(decoded->status, other->status);
    if (decoded->status[0] == kTierOk) {
      EXPECT_EQ(decoded->output, other->output);
    }
    wrong += decoded->status[0] == kTierWrongCounts;
  }
  EXPECT_GT(wrong, 5);
  EXPECT_LT(wrong, 60);
}

}  // namespace
}  // namespace plait::gpu
