#include "bench/gpu/device/contenders.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "bench/gpu/device/device_memory.h"
#include "codec/block/block_codec.h"
#include "codec/huffman/huffman.h"
#include "codec/transform/planes.h"
#include "gpu/loader/dfloat11_loader.h"
#include "gpu/loader/image_loader.h"

namespace plait::gpu {
namespace {

// An image on the device, and what it is decoded to.
struct Decoding {
  DecodePlan plan;
  DeviceBytes image, scratch, output, status;

  DecodeBuffers buffers() const {
    return {.image = image.span(),
            .scratch = scratch.span(),
            .output = output.span(),
            .status = {status.as<uint32_t>(), plan.status_words()}};
  }
};

ImageSink SinkToDevice(const DeviceBytes& image) {
  return [&image](uint64_t offset, std::span<const uint8_t> piece) {
    return FromCuda(cudaMemcpy(image.span().data() + offset, piece.data(), piece.size(), cudaMemcpyHostToDevice),
                    "upload of an image");
  };
}

absl::Status Allocate(Decoding* decoding) {
  const DecodePlan& plan = decoding->plan;
  PLAIT_ASSIGN_OR_RETURN(decoding->scratch, DeviceBytes::Make(plan.scratch_bytes()));
  PLAIT_ASSIGN_OR_RETURN(decoding->output, DeviceBytes::Make(plan.output_bytes(plan.all_blocks())));
  PLAIT_ASSIGN_OR_RETURN(decoding->status, DeviceBytes::Make(plan.status_words() * sizeof(uint32_t)));
  return absl::OkStatus();
}

// Whether status words are all zero, and elements are `raw`.
absl::Status Compare(const Decoding& decoding, std::span<const uint8_t> raw) {
  std::vector<uint32_t> status(decoding.plan.status_words());
  PLAIT_RETURN_IF_ERROR(FromCuda(cudaMemcpy(status.data(), decoding.status.span().data(),
                                            status.size() * sizeof(uint32_t), cudaMemcpyDeviceToHost),
                                 "status words"));
  for (uint32_t b = 0; b < status.size(); ++b) {
    if (status[b] != kTierOk) {
      return absl::DataLossError(FoundExpected(absl::StrCat("status of block ", b), status[b], uint32_t{kTierOk}));
    }
  }
  std::vector<uint8_t> output(decoding.output.span().size());
  PLAIT_RETURN_IF_ERROR(FromCuda(
      cudaMemcpy(output.data(), decoding.output.span().data(), output.size(), cudaMemcpyDeviceToHost), "elements"));
  if (std::ranges::equal(output, raw)) return absl::OkStatus();
  return absl::DataLossError("elements: found others than the file's");
}

// Decodes once, compares, and makes a contender of it.
absl::StatusOr<Contender> Finish(std::string name, std::string kernel, std::shared_ptr<Decoding> decoding,
                                 std::span<const uint8_t> raw, DeviceDecoder& decoder) {
  PLAIT_RETURN_IF_ERROR(Allocate(decoding.get()));
  const auto run = [decoding, &decoder](cudaStream_t stream) {
    return decoder.Decode(decoding->plan, decoding->plan.all_blocks(), decoding->buffers(), stream);
  };
  PLAIT_RETURN_IF_ERROR(run(nullptr));
  PLAIT_RETURN_IF_ERROR(Annotate(Compare(*decoding, raw), name));
  const uint64_t coded_bytes = decoding->plan.image_bytes();
  return Contender{std::move(name), std::move(kernel), coded_bytes, coded_bytes + raw.size(), run};
}

// The whole weights, which stand one block behind the other.
std::span<const uint8_t> AllBytes(const Weights& weights) {
  return {weights.block(0).data(), weights.num_blocks * weights.block_bytes()};
}

}  // namespace

absl::StatusOr<Contender> MakeCopy(const Weights& weights) {
  const auto raw = AllBytes(weights);
  PLAIT_ASSIGN_OR_RETURN(DeviceBytes from, DeviceBytes::CopyOf(raw));
  PLAIT_ASSIGN_OR_RETURN(DeviceBytes to, DeviceBytes::Make(raw.size()));
  const auto memory = std::make_shared<std::pair<DeviceBytes, DeviceBytes>>(std::move(from), std::move(to));
  const auto run = [memory](cudaStream_t stream) {
    return FromCuda(cudaMemcpyAsync(memory->second.span().data(), memory->first.span().data(),
                                    memory->first.span().size(), cudaMemcpyDeviceToDevice, stream),
                    "copy");
  };
  return Contender{"copy, device to device", "", raw.size(), 2 * raw.size(), run};
}

absl::StatusOr<Contender> MakeTier(const Weights& weights, DeviceDecoder& decoder) {
  const BlockSpec spec{weights.dtype, static_cast<uint32_t>(weights.block_elements), 0};
  BlockWorkspace workspace;
  std::vector<std::vector<uint8_t>> coded(weights.num_blocks);
  std::vector<CodedTensor> tensors = {{"weights", {}}};
  for (size_t b = 0; b < weights.num_blocks; ++b) {
    PLAIT_RETURN_IF_ERROR(
        EncodeBlockWith(PlaneKind::kBf16, CodecId::kTier, spec, weights.block(b), workspace, &coded[b]));
    tensors[0].blocks.push_back({spec, coded[b]});
  }
  const auto decoding = std::make_shared<Decoding>();
  PLAIT_ASSIGN_OR_RETURN(decoding->image, DeviceBytes::Make(MaxImageBytes(tensors)));
  PLAIT_ASSIGN_OR_RETURN(LoadedImage loaded, LoadImage(tensors, {}, SinkToDevice(decoding->image)));
  decoding->plan = std::move(loaded.plan);
  return Finish("tier decode", "tier_bf16", decoding, AllBytes(weights), decoder);
}

absl::StatusOr<Contender> MakeHuffman(const Weights& weights, DeviceDecoder& decoder) {
  const auto raw = AllBytes(weights);
  const size_t n = raw.size() / sizeof(uint16_t);
  std::vector<uint8_t> exponents(n);
  std::vector<uint8_t> sign_mantissas(n);
  SplitPlanes(PlaneKind::kBf16, raw, {exponents, sign_mantissas});
  PLAIT_ASSIGN_OR_RETURN(const HuffmanStream stream, EncodeHuffman(exponents));
  const std::vector<DFloat11Weights> modules = {{.name = "weights",
                                                 .parts = {.luts = stream.luts,
                                                           .codes = stream.codes,
                                                           .gaps = stream.gaps,
                                                           .output_positions = stream.output_positions,
                                                           .sign_mantissas = sign_mantissas}}};
  const auto decoding = std::make_shared<Decoding>();
  PLAIT_ASSIGN_OR_RETURN(decoding->image, DeviceBytes::Make(MaxDFloat11ImageBytes(modules)));
  PLAIT_ASSIGN_OR_RETURN(decoding->plan, LoadDFloat11Image(modules, {}, SinkToDevice(decoding->image)));
  return Finish("DFloat11 decode", "huffman_bf16", decoding, raw, decoder);
}

}  // namespace plait::gpu
