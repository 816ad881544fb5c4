// The matrix product on a CUDA device beside the CPU twin: close, as a device adds up in an order of its own
// (gpu/simt/README.md).
#include "gpu/launch/cuda_gemv.h"

#include <cuda_runtime_api.h>

#include <bit>
#include <cmath>

#include "gpu/cpu_gemv.h"
#include "tests/registry/registry.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

constexpr double kTolerance = 0x1p-16;  // of the sum of the products' sizes

float FloatOf(uint16_t bf16) { return std::bit_cast<float>(uint32_t{bf16} << 16); }

std::vector<uint16_t> MakeBf16(size_t n, Random& random) {
  std::vector<uint16_t> made(n);
  for (uint16_t& one : made) one = static_cast<uint16_t>(0x3c00 + (random() >> 48) % 0x400 + ((random() >> 63) << 15));
  return made;
}

// Device memory with what `data` holds.
template <class T>
std::span<T> Upload(const std::vector<T>& data) {
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, data.size() * sizeof(T) + 1), cudaSuccess);
  EXPECT_EQ(cudaMemcpy(memory, data.data(), data.size() * sizeof(T), cudaMemcpyHostToDevice), cudaSuccess);
  return {static_cast<T*>(memory), data.size()};
}

template <class T>
std::vector<T> Download(std::span<const T> on_device) {
  std::vector<T> data(on_device.size());
  EXPECT_EQ(cudaMemcpy(data.data(), on_device.data(), on_device.size_bytes(), cudaMemcpyDeviceToHost), cudaSuccess);
  return data;
}

TEST(CudaGemv, ProductsAreCloseToTheTwins) {
  const auto gemv = CudaGemv::Create();
  ASSERT_THAT(gemv, IsOk());
  Random random(1);
  for (const auto& [rows, in_features] : {std::pair(64u, 512u), std::pair(33u, 300u), std::pair(16u, 5000u)}) {
    const std::vector<uint16_t> weights = MakeBf16(size_t{rows} * in_features, random);
    std::vector<uint8_t> image;
    GemvImageBuilder builder(GemvLayout(rows, in_features), [&](uint64_t, std::span<const uint8_t> piece) {
      image.insert(image.end(), piece.begin(), piece.end());
      return absl::OkStatus();
    });
    ASSERT_THAT(builder.Add(weights), IsOk());
    const auto plan = builder.Finish();
    ASSERT_THAT(plan, IsOk());
    for (const uint32_t batch : {1u, 3u, 4u}) {
      SCOPED_TRACE(absl::StrCat(rows, " x ", in_features, ", batch ", batch));
      const std::vector<uint16_t> x = MakeBf16(size_t{in_features} * batch, random);
      std::vector<float> expected(size_t{rows} * batch);
      std::vector<uint8_t> scratch(plan->scratch_bytes(batch));
      std::vector<uint32_t> status(plan->status_words());
      const GemvBuffers on_device{.image = Upload(image),
                                  .x = Upload(x),
                                  .scratch = Upload(scratch),
                                  .y = Upload(expected),
                                  .status = Upload(status)};
      ASSERT_THAT(CpuGemv().Multiply(*plan, batch, {image, x, scratch, expected, status}), IsOk());
      ASSERT_THAT((*gemv)->Multiply(*plan, batch, on_device), IsOk());
      EXPECT_EQ(Download<uint32_t>(on_device.status), status);
      const std::vector<float> y = Download<float>(on_device.y);
      for (size_t i = 0; i < y.size(); ++i) {
        double size = 0;
        for (uint32_t c = 0; c < in_features; ++c) {
          size +=
              std::abs(double{FloatOf(weights[i % rows * in_features + c])} * FloatOf(x[i / rows * in_features + c]));
        }
        EXPECT_NEAR(y[i], expected[i], kTolerance * size) << i;
      }
      for (const void* memory :
           {static_cast<const void*>(on_device.image.data()), static_cast<const void*>(on_device.x.data()),
            static_cast<const void*>(on_device.scratch.data()), static_cast<const void*>(on_device.y.data()),
            static_cast<const void*>(on_device.status.data())}) {
        cudaFree(const_cast<void*>(memory));
      }
    }
  }
}

}  // namespace
}  // namespace plait::gpu
