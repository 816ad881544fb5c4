// nvCOMP's batched ANS on the same weights, as 16-bit floats in chunks of a block.
#include <nvcomp/ans.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "bench/gpu/device/contenders.h"
#include "bench/gpu/device/device_memory.h"
#include "codec/base/bits.h"

namespace plait::gpu {
namespace {

absl::Status FromNvcomp(nvcompStatus_t status, std::string_view what) {
  if (status == nvcompSuccess) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("nvCOMP: ", Absl(what), ": error ", static_cast<int>(status)));
}

nvcompBatchedANSCompressOpts_t CompressOptions() {
  nvcompBatchedANSCompressOpts_t options = nvcompBatchedANSCompressDefaultOpts;
  options.data_type = NVCOMP_TYPE_FLOAT16;
  return options;
}

template <class T>
absl::StatusOr<DeviceBytes> Upload(const std::vector<T>& values) {
  return DeviceBytes::CopyOf({reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(T)});
}

// Addresses of chunks that stand `step` bytes apart.
std::vector<void*> Addresses(const DeviceBytes& memory, size_t count, size_t step) {
  std::vector<void*> addresses(count);
  for (size_t i = 0; i < count; ++i) addresses[i] = memory.span().data() + i * step;
  return addresses;
}

class Ans {
 public:
  explicit Ans(const Weights& weights) : chunks_(weights.num_blocks), chunk_bytes_(weights.block_bytes()) {}

  absl::Status Compress(std::span<const uint8_t> raw) {
    size_t most_bytes = 0;
    size_t temp_bytes = 0;
    PLAIT_RETURN_IF_ERROR(FromNvcomp(
        nvcompBatchedANSCompressGetMaxOutputChunkSize(chunk_bytes_, CompressOptions(), &most_bytes), "size"));
    most_bytes = AlignUp<size_t>(most_bytes, 256);
    PLAIT_RETURN_IF_ERROR(FromNvcomp(
        nvcompBatchedANSCompressGetTempSize(chunks_, chunk_bytes_, CompressOptions(), &temp_bytes, raw.size(), nullptr),
        "temporary size"));
    PLAIT_ASSIGN_OR_RETURN(const DeviceBytes in, DeviceBytes::CopyOf(raw));
    PLAIT_ASSIGN_OR_RETURN(const DeviceBytes temp, DeviceBytes::Make(temp_bytes));
    PLAIT_ASSIGN_OR_RETURN(const DeviceBytes ins, Upload(Addresses(in, chunks_, chunk_bytes_)));
    PLAIT_ASSIGN_OR_RETURN(raw_bytes_, Upload(std::vector<size_t>(chunks_, chunk_bytes_)));
    PLAIT_ASSIGN_OR_RETURN(coded_, DeviceBytes::Make(chunks_ * most_bytes));
    PLAIT_ASSIGN_OR_RETURN(coded_at_, Upload(Addresses(coded_, chunks_, most_bytes)));
    PLAIT_ASSIGN_OR_RETURN(coded_bytes_, DeviceBytes::Make(chunks_ * sizeof(size_t)));
    PLAIT_ASSIGN_OR_RETURN(chunk_status_, DeviceBytes::Make(chunks_ * sizeof(nvcompStatus_t)));
    PLAIT_RETURN_IF_ERROR(FromNvcomp(
        nvcompBatchedANSCompressAsync(ins.as<const void*>(), raw_bytes_.as<size_t>(), chunk_bytes_, chunks_,
                                      temp.span().data(), temp_bytes, coded_at_.as<void*>(), coded_bytes_.as<size_t>(),
                                      CompressOptions(), chunk_status_.as<nvcompStatus_t>(), nullptr),
        "compression"));
    return FromCuda(cudaDeviceSynchronize(), "nvCOMP: compression");
  }

  absl::Status PrepareToDecode(size_t raw_bytes) {
    PLAIT_RETURN_IF_ERROR(
        FromNvcomp(nvcompBatchedANSDecompressGetTempSize(chunks_, chunk_bytes_, nvcompBatchedANSDecompressDefaultOpts,
                                                         &temp_bytes_, raw_bytes, nullptr),
                   "temporary size"));
    PLAIT_ASSIGN_OR_RETURN(temp_, DeviceBytes::Make(temp_bytes_));
    PLAIT_ASSIGN_OR_RETURN(out_, DeviceBytes::Make(raw_bytes));
    PLAIT_ASSIGN_OR_RETURN(out_at_, Upload(Addresses(out_, chunks_, chunk_bytes_)));
    PLAIT_ASSIGN_OR_RETURN(out_bytes_, DeviceBytes::Make(chunks_ * sizeof(size_t)));
    return absl::OkStatus();
  }

  absl::Status Decode(cudaStream_t stream) const {
    return FromNvcomp(nvcompBatchedANSDecompressAsync(
                          coded_at_.as<const void*>(), coded_bytes_.as<size_t>(), raw_bytes_.as<size_t>(),
                          out_bytes_.as<size_t>(), chunks_, temp_.span().data(), temp_bytes_, out_at_.as<void*>(),
                          nvcompBatchedANSDecompressDefaultOpts, chunk_status_.as<nvcompStatus_t>(), stream),
                      "decompression");
  }

  absl::Status Compare(std::span<const uint8_t> raw) const {
    std::vector<uint8_t> output(raw.size());
    PLAIT_RETURN_IF_ERROR(FromCuda(cudaMemcpy(output.data(), out_.span().data(), output.size(), cudaMemcpyDeviceToHost),
                                   "nvCOMP: elements"));
    if (std::ranges::equal(output, raw)) return absl::OkStatus();
    return absl::DataLossError("nvCOMP: elements: found others than the file's");
  }

  absl::StatusOr<uint64_t> CodedBytes() const {
    std::vector<size_t> bytes(chunks_);
    PLAIT_RETURN_IF_ERROR(
        FromCuda(cudaMemcpy(bytes.data(), coded_bytes_.span().data(), chunks_ * sizeof(size_t), cudaMemcpyDeviceToHost),
                 "nvCOMP: sizes"));
    uint64_t sum = 0;
    for (size_t chunk : bytes) sum += chunk;
    return sum;
  }

 private:
  size_t chunks_, chunk_bytes_;
  size_t temp_bytes_ = 0;
  DeviceBytes raw_bytes_, coded_, coded_at_, coded_bytes_, chunk_status_;
  DeviceBytes temp_, out_, out_at_, out_bytes_;
};

}  // namespace

absl::StatusOr<Contender> MakeNvcompAns(const Weights& weights) {
  const std::span<const uint8_t> raw(weights.block(0).data(), weights.num_blocks * weights.block_bytes());
  const auto ans = std::make_shared<Ans>(weights);
  PLAIT_RETURN_IF_ERROR(ans->Compress(raw));
  PLAIT_RETURN_IF_ERROR(ans->PrepareToDecode(raw.size()));
  PLAIT_RETURN_IF_ERROR(ans->Decode(nullptr));
  PLAIT_RETURN_IF_ERROR(ans->Compare(raw));
  PLAIT_ASSIGN_OR_RETURN(const uint64_t coded_bytes, ans->CodedBytes());
  const auto run = [ans](cudaStream_t stream) { return ans->Decode(stream); };
  return Contender{"nvCOMP ANS", "", coded_bytes, coded_bytes + raw.size(), run};
}

}  // namespace plait::gpu
