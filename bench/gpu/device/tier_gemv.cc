// The product on coded weights, one vector.
#include <algorithm>
#include <memory>
#include <vector>

#include "bench/gpu/device/contenders.h"
#include "bench/gpu/device/device_memory.h"
#include "codec/base/status.h"

namespace plait::gpu {
namespace {

constexpr uint32_t kColumns = 4096;  // as the product of cuBLAS

struct Product {
  explicit Product(const GemvPlan& of) : plan(of) {}

  GemvPlan plan;
  DeviceBytes image, x, scratch, y, status;

  GemvBuffers buffers() const {
    return {.image = image.span(),
            .x = {x.as<uint16_t>(), kColumns},
            .scratch = scratch.span(),
            .y = {y.as<float>(), plan.layout.rows()},
            .status = {status.as<uint32_t>(), plan.status_words()}};
  }
};

absl::Status CheckStatus(const Product& product) {
  std::vector<uint32_t> status(product.plan.status_words());
  PLAIT_RETURN_IF_ERROR(FromCuda(
      cudaMemcpy(status.data(), product.status.span().data(), status.size() * sizeof(uint32_t), cudaMemcpyDeviceToHost),
      "status words"));
  if (std::ranges::all_of(status, [](uint32_t word) { return word == kTierOk; })) return absl::OkStatus();
  return absl::DataLossError("status words: found errors, expected none");
}

}  // namespace

absl::StatusOr<Contender> MakeTierGemv(const Weights& weights, GemvMultiplier& gemv) {
  const uint64_t n = weights.num_blocks * weights.block_elements;
  const auto* elements = reinterpret_cast<const uint16_t*>(weights.block(0).data());
  std::vector<uint8_t> image;
  const GemvLayout layout(static_cast<uint32_t>(n / kColumns), kColumns);
  GemvImageBuilder builder(layout, [&](uint64_t, std::span<const uint8_t> piece) {
    image.insert(image.end(), piece.begin(), piece.end());
    return absl::OkStatus();
  });
  PLAIT_RETURN_IF_ERROR(builder.Add({elements, n}));
  PLAIT_ASSIGN_OR_RETURN(const GemvPlan plan, builder.Finish());
  const auto product = std::make_shared<Product>(plan);
  const std::vector<uint8_t> zeros(plan.status_words() * sizeof(uint32_t));
  PLAIT_ASSIGN_OR_RETURN(product->image, DeviceBytes::CopyOf(image));
  PLAIT_ASSIGN_OR_RETURN(product->x, DeviceBytes::Make(kColumns * sizeof(uint16_t)));
  PLAIT_ASSIGN_OR_RETURN(product->scratch, DeviceBytes::Make(plan.scratch_bytes(1)));
  PLAIT_ASSIGN_OR_RETURN(product->y, DeviceBytes::Make(layout.rows() * sizeof(float)));
  PLAIT_ASSIGN_OR_RETURN(product->status, DeviceBytes::CopyOf(zeros));
  const auto run = [product, &gemv](cudaStream_t stream) {
    return gemv.Multiply(product->plan, 1, product->buffers(), stream);
  };
  PLAIT_RETURN_IF_ERROR(run(nullptr));
  PLAIT_RETURN_IF_ERROR(CheckStatus(*product));
  return Contender{"tier GEMV", "tier_gemv1", image.size(), image.size(), run};
}

}  // namespace plait::gpu
