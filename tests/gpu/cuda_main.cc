// The tests of decoders on a CUDA device: ./dev gpu. Without one, says so and why, and is no failure.
#include <cuda_runtime_api.h>

#include <cstdio>
#include <deque>

#include "gpu/launch/cuda_decoder.h"
#include "tests/gpu/decode_target.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

class CudaTarget : public DecodeTarget {
 public:
  CudaTarget() : decoder_(CudaDecoder::Create().value()) {}
  ~CudaTarget() override {
    for (void* memory : memory_) cudaFree(memory);
  }
  std::span<const uint8_t> Upload(std::span<const uint8_t> bytes) override {
    const std::span<uint8_t> copy = Allocate(bytes.size());
    EXPECT_EQ(cudaMemcpy(copy.data(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice), cudaSuccess);
    return copy;
  }
  std::span<uint8_t> Allocate(size_t bytes) override {
    void* memory = nullptr;
    EXPECT_EQ(cudaMalloc(&memory, bytes + 1), cudaSuccess);  // of none, there is no address
    EXPECT_EQ(cudaMemset(memory, kUntouched, bytes), cudaSuccess);
    memory_.push_back(memory);
    return {static_cast<uint8_t*>(memory), bytes};
  }
  std::vector<uint8_t> Download(std::span<const uint8_t> bytes) override {
    std::vector<uint8_t> copy(bytes.size());
    EXPECT_EQ(cudaMemcpy(copy.data(), bytes.data(), bytes.size(), cudaMemcpyDeviceToHost), cudaSuccess);
    return copy;
  }
  DeviceDecoder& decoder() override { return *decoder_; }

 private:
  std::deque<void*> memory_;
  std::unique_ptr<CudaDecoder> decoder_;
};

}  // namespace

std::span<const DecodeTargetEntry> DecodeTargets() {
  static const DecodeTargetEntry kTargets[] = {
      {"Cuda", [](uint64_t) -> std::unique_ptr<DecodeTarget> { return std::make_unique<CudaTarget>(); }}};
  return kTargets;
}

// A graph captures a decode, which therefore neither allocates nor waits, and gives the same when it is launched.
TEST(CudaDecoder, AGraphCapturesADecode) {
  const std::vector<uint8_t> raw(5000, 7);
  std::vector<uint8_t> image;
  ImageBuilder builder([&](uint64_t, std::span<const uint8_t> piece) {
    image.insert(image.end(), piece.begin(), piece.end());
    return absl::OkStatus();
  });
  builder.BeginTensor("plain");
  ASSERT_THAT(builder.AddPlain(raw), IsOk());
  const auto plan = builder.Finish();
  ASSERT_THAT(plan, IsOk());
  CudaTarget target;
  const std::span<uint8_t> status = target.Allocate(plan->status_words() * 4);
  const DecodeBuffers buffers{.image = target.Upload(image),
                              .scratch = target.Allocate(plan->scratch_bytes()),
                              .output = target.Allocate(raw.size()),
                              .status = {reinterpret_cast<uint32_t*>(status.data()), plan->status_words()}};
  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t launchable = nullptr;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
  ASSERT_THAT(target.decoder().Decode(*plan, plan->all_blocks(), buffers, stream), IsOk());
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  EXPECT_EQ(target.Download(buffers.output)[0], kUntouched);
  ASSERT_EQ(cudaGraphInstantiate(&launchable, graph, 0), cudaSuccess);
  ASSERT_EQ(cudaGraphLaunch(launchable, stream), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(target.Download(buffers.output), raw);
  cudaGraphExecDestroy(launchable);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
}

}  // namespace plait::gpu

int main(int argc, char** argv) {
  if (const auto decoder = plait::gpu::CudaDecoder::Create(); !decoder.ok()) {
    std::printf("SKIP tests on a device: %s\n", std::string(decoder.status().message()).c_str());
    return 0;
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
