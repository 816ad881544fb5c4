// The code of gpu/README.md, as it stands there, compiled and run.
#include <deque>

#include "codec/base/status.h"
#include "gpu/cpu_decoder.h"
#include "gpu/loader/image_loader.h"
#include "tests/registry/registry.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

#include "readme_example.inc"

TEST(Readme, ItsHostDecodesEveryTensor) {
  Random random(51);
  const std::vector<Input> inputs = {{"a", Dtype::kBf16, WeightLikeBf16(7000, random)},
                                     {"b", Dtype::kBf16, WeightLikeBf16(900, random)},
                                     {"c", Dtype::kF32, RandomBytes(4000, random)}};
  BlockWorkspace workspace;
  std::vector<std::vector<uint8_t>> coded(inputs.size());
  std::vector<CodedTensor> tensors;
  for (size_t i = 0; i < inputs.size(); ++i) {
    EncodeBlock(inputs[i].spec(), inputs[i].raw, workspace, &coded[i]);
    tensors.push_back({inputs[i].name, {{inputs[i].spec(), coded[i]}}});
  }
  std::deque<GuardedBytes> memory;
  const auto allocate = [&](uint64_t bytes) { return memory.emplace_back((bytes + 255) / 256 * 256).span(); };
  CpuDecoder decoder;
  size_t seen = 0;
  const auto use = [&](const PlannedTensor& tensor, const DecodeBuffers& buffers) {
    EXPECT_EQ(tensor.name, inputs[seen].name);
    EXPECT_EQ(buffers.status[tensor.blocks.first], kTierOk);
    EXPECT_TRUE(std::ranges::equal(buffers.output.first(inputs[seen].raw.size()), inputs[seen].raw));
    ++seen;
  };
  ASSERT_THAT(ForEachTensor(tensors, decoder, allocate, SinkTo, use), IsOk());
  EXPECT_EQ(seen, inputs.size());
}

}  // namespace
}  // namespace plait::gpu
