// Any payload under a header whose hash is right, loaded for a device: taken if and only if the CPU decodes it, and
// then the image decodes to the same.
#include "gpu/cpu_decoder.h"
#include "gpu/loader/image_loader.h"
#include "tests/fuzz/block_input.h"

namespace plait {
namespace {

// Memory for an image or an output, at a multiple of 16 as operator new gives it.
std::vector<uint8_t> DecodeByTwin(const gpu::DecodePlan& plan, std::span<const uint8_t> image) {
  std::vector<uint8_t> scratch(plan.scratch_bytes());
  std::vector<uint8_t> output(plan.output_bytes(plan.all_blocks()));
  std::vector<uint32_t> status(plan.status_words());
  gpu::CpuDecoder decoder;
  const absl::Status decoded =
      decoder.Decode(plan, plan.all_blocks(), {.image = image, .scratch = scratch, .output = output, .status = status});
  Check(decoded.ok(), "the twin takes what the loader made");
  Check(status[0] == gpu::kTierOk, "a block that was loaded is decoded");
  return output;
}

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> input(data, size);
  Use(TakeVariant(input));
  const BlockInput block = TakeBlock(input);
  static BlockWorkspace workspace;
  std::vector<uint8_t> raw(BlockRawBytes(block.spec));
  const bool decodes = DecodeBlock(block.spec, block.coded, workspace, raw).ok();

  const gpu::CodedTensor tensor{"t", {{block.spec, block.coded}}};
  std::vector<uint8_t> image(gpu::MaxImageBytes({&tensor, 1}));
  const auto loaded = gpu::LoadImage({&tensor, 1}, {}, gpu::SinkTo(image));
  Check(loaded.ok() == decodes, "the loader takes what the CPU decodes, and nothing else");
  CheckRejection(loaded.status());
  if (decodes) Check(DecodeByTwin(loaded->plan, image) == raw, "the image decodes to what the CPU decodes");
  return 0;
}
