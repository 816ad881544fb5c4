// Any payload under a header whose hash is right, loaded for a device: taken if and only if the CPU decodes it, and
// then the image decodes to the same.
#include "gpu/cpu_decoder.h"
#include "gpu/loader/image_loader.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/registry/files.h"

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
  BlockSpec spec{.dtype = TakeDtype(input), .seed = 7};
  spec.elements = 8 * TakeBelow(input, 2000);
  const uint32_t codec_and_plane = TakeBelow(input, 65536);
  const std::vector<uint8_t> coded = SealedBlock({.codec = static_cast<uint8_t>(codec_and_plane),
                                                  .plane = static_cast<uint8_t>(codec_and_plane >> 8),
                                                  .elements = spec.elements,
                                                  .payload_bytes = static_cast<uint32_t>(input.size())},
                                                 input, spec.seed);
  static BlockWorkspace workspace;
  std::vector<uint8_t> raw(BlockRawBytes(spec));
  const bool decodes = DecodeBlock(spec, coded, workspace, raw).ok();

  const gpu::CodedTensor tensor{"t", {{spec, coded}}};
  std::vector<uint8_t> image(gpu::MaxImageBytes({&tensor, 1}));
  const auto loaded = gpu::LoadImage({&tensor, 1}, {}, gpu::SinkTo(image));
  Check(loaded.ok() == decodes, "the loader takes what the CPU decodes, and nothing else");
  CheckRejection(loaded.status());
  if (decodes) Check(DecodeByTwin(loaded->plan, image) == raw, "the image decodes to what the CPU decodes");
  return 0;
}
