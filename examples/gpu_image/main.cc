// plait_gpu_image CONTAINER [BLOCKS]
//
// Loads the bf16 tensors of a container for a device, decodes them by the CPU twin, a tensor at a time into one buffer,
// and compares their hashes with those of the original; decodes BLOCKS (default 2) of their blocks by the kernels on
// the host executor and compares them with the CPU's. Prints what the image takes, as JSON.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "absl/strings/str_format.h"
#include "codec/base/status.h"
#include "examples/gpu_image/container_image.h"
#include "gpu/cpu_decoder.h"
#include "gpu/executor_decoder.h"

namespace plait {
namespace {

constexpr uint64_t kMinElements = 65536;  // of tensors that sizes are counted of (bench/lib/corpus_sizes.py)

// Mapped until the program ends.
absl::StatusOr<std::span<const uint8_t>> MapFile(const char* path) {
  const int file = open(path, O_RDONLY);
  struct stat status = {};
  if (file < 0 || fstat(file, &status) != 0) return absl::UnavailableError(absl::StrCat(path, ": cannot be opened"));
  void* const bytes = mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (bytes == MAP_FAILED) return absl::UnavailableError(absl::StrCat(path, ": cannot be mapped"));
  return std::span(static_cast<const uint8_t*>(bytes), status.st_size);
}

// Memory for images and what they decode to.
class AlignedBytes {
 public:
  explicit AlignedBytes(size_t size)
      : bytes_(static_cast<uint8_t*>(::operator new(size, std::align_val_t(gpu::kTensorAlignment)))), size_(size) {}
  ~AlignedBytes() { ::operator delete(bytes_, std::align_val_t(gpu::kTensorAlignment)); }
  AlignedBytes(const AlignedBytes&) = delete;
  AlignedBytes& operator=(const AlignedBytes&) = delete;
  std::span<uint8_t> span() const { return {bytes_, size_}; }

 private:
  uint8_t* bytes_;
  size_t size_;
};

// kDataLoss unless every block of the run has the status kTierOk.
absl::Status CheckStatusWords(std::span<const uint32_t> status, gpu::BlockRun run) {
  for (uint32_t b = run.first; b < run.first + run.count; ++b) {
    if (status[b] != gpu::kTierOk) {
      return absl::DataLossError(FoundExpected(absl::StrCat("status of block ", b), status[b], gpu::kTierOk));
    }
  }
  return absl::OkStatus();
}

// Decodes every tensor by the twin and compares it with the hash of the original.
absl::Status DecodeByTwin(const gpu::DecodePlan& plan, std::span<const uint8_t> image,
                          std::span<const Hash128> hashes) {
  uint64_t most_bytes = 0;
  for (const gpu::PlannedTensor& tensor : plan.tensors()) {
    most_bytes = std::max(most_bytes, plan.output_bytes(tensor.blocks));
  }
  const AlignedBytes scratch(plan.scratch_bytes());
  const AlignedBytes output(most_bytes);
  std::vector<uint32_t> status(plan.status_words());
  gpu::CpuDecoder decoder;
  for (size_t t = 0; t < hashes.size(); ++t) {
    const gpu::PlannedTensor& tensor = plan.tensors()[t];
    PLAIT_RETURN_IF_ERROR(decoder.Decode(
        plan, tensor.blocks, {.image = image, .scratch = scratch.span(), .output = output.span(), .status = status}));
    PLAIT_RETURN_IF_ERROR(Annotate(CheckStatusWords(status, tensor.blocks), tensor.name));
    const Hash128 hash = Hash128Of(output.span().first(plan.output_bytes(tensor.blocks)));
    if (hash != hashes[t]) {
      return absl::DataLossError(
          FoundExpected(absl::StrCat(tensor.name, ": decoded hash"), HexDigits(hash), HexDigits(hashes[t])));
    }
  }
  return absl::OkStatus();
}

// `count` blocks from all over the tensors, each as a tensor of its own.
std::vector<gpu::CodedTensor> PickBlocks(std::span<const gpu::CodedTensor> tensors, size_t count) {
  std::vector<gpu::CodedTensor> picked;
  count = std::min(count, tensors.size());
  for (size_t i = 0; i < count; ++i) {
    const gpu::CodedTensor& tensor = tensors[i * tensors.size() / count];
    picked.push_back({tensor.name, {tensor.blocks[tensor.blocks.size() / 2]}});
  }
  return picked;
}

// Decodes blocks by the kernels and compares them with what the CPU's decoder makes of them.
absl::Status DecodeByExecutor(std::span<const gpu::CodedTensor> tensors) {
  const AlignedBytes staging(gpu::MaxImageBytes(tensors));
  PLAIT_ASSIGN_OR_RETURN(const gpu::LoadedImage loaded, gpu::LoadImage(tensors, {}, gpu::SinkTo(staging.span())));
  const gpu::DecodePlan& plan = loaded.plan;
  const uint64_t output_bytes = plan.output_bytes(plan.all_blocks());
  simt::GlobalMemory memory;
  const gpu::DecodeBuffers buffers{
      .image = {memory.Upload<uint8_t>("image", staging.span()), staging.span().size()},
      .scratch = {memory.Allocate<uint8_t>("scratch", plan.scratch_bytes()), plan.scratch_bytes()},
      .output = {memory.Allocate<uint8_t>("output", output_bytes), output_bytes},
      .status = {memory.Allocate<uint32_t>("status", plan.status_words()), plan.status_words()}};
  gpu::ExecutorDecoder decoder(&memory);
  PLAIT_RETURN_IF_ERROR(decoder.Decode(plan, plan.all_blocks(), buffers));
  PLAIT_RETURN_IF_ERROR(CheckStatusWords(buffers.status, plan.all_blocks()));
  BlockWorkspace workspace;
  std::vector<uint8_t> raw;
  for (uint32_t b = 0; b < plan.num_blocks(); ++b) {
    const gpu::CodedBlock& block = tensors[b].blocks[0];
    raw.resize(BlockRawBytes(block.spec));
    PLAIT_RETURN_IF_ERROR(DecodeBlock(block.spec, block.bytes, workspace, raw));
    if (!std::ranges::equal(raw, buffers.output.subspan(plan.output_offset(b), raw.size()))) {
      return absl::DataLossError(absl::StrCat(tensors[b].name, ": elements: found others than the CPU's"));
    }
  }
  return absl::OkStatus();
}

absl::Status Run(const char* path, size_t executor_blocks) {
  PLAIT_ASSIGN_OR_RETURN(const std::span<const uint8_t> file, MapFile(path));
  const MemorySource source(file);
  PLAIT_ASSIGN_OR_RETURN(const ContainerReader container, ContainerReader::Open(&source));
  PLAIT_ASSIGN_OR_RETURN(const ContainerTensors tensors, FindBf16Tensors(container, file, kMinElements));
  const AlignedBytes image(gpu::MaxImageBytes(tensors.coded));
  PLAIT_ASSIGN_OR_RETURN(const gpu::LoadedImage loaded, gpu::LoadImage(tensors.coded, {}, gpu::SinkTo(image.span())));
  const gpu::DecodePlan& plan = loaded.plan;
  PLAIT_RETURN_IF_ERROR(DecodeByTwin(plan, image.span(), tensors.decoded_hashes));
  const std::vector<gpu::CodedTensor> picked = PickBlocks(tensors.coded, executor_blocks);
  PLAIT_RETURN_IF_ERROR(DecodeByExecutor(picked));
  absl::PrintF(
      "{\"weights\": %d, \"image_bytes\": %d, \"index_bytes\": %d, \"plain_bytes\": %d, \"blocks\": %d, "
      "\"as_coded\": %d, \"recoded\": %d, \"plain\": %d, \"twin_tensors\": %d, \"executor_blocks\": %d}\n",
      tensors.weights, plan.image_bytes(), plan.index_bytes(), tensors.plain_bytes, plan.num_blocks(),
      loaded.counts.as_coded, loaded.counts.recoded, loaded.counts.plain, plan.tensors().size(), picked.size());
  return absl::OkStatus();
}

}  // namespace
}  // namespace plait

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: plait_gpu_image CONTAINER [BLOCKS]\n");
    return 2;
  }
  const absl::Status status = plait::Run(argv[1], argc == 3 ? std::strtoul(argv[2], nullptr, 10) : 2);
  if (status.ok()) return 0;
  std::fprintf(stderr, "plait_gpu_image: %s\n", std::string(status.message()).c_str());
  return 1;
}
