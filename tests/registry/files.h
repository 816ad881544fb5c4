// Whole frames, .safetensors files and containers in memory: made the way the tools make them, read back with every
// check that the tools make. For tests, golden files and fuzzers.
#ifndef PLAIT_TESTS_REGISTRY_FILES_H_
#define PLAIT_TESTS_REGISTRY_FILES_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/frame/frame_header.h"
#include "formats/safetensors/safetensors_header.h"

namespace plait {

// The frame of `raw`; `header` says dtype, shape, block_log2 and sections.
std::vector<uint8_t> MakeFrame(FrameHeader header, std::span<const uint8_t> raw, const EncodeSettings& settings = {});

// A block with these fields and payload, whose hash is right.
std::vector<uint8_t> SealedBlock(const BlockHeader& fields, std::span<const uint8_t> payload, uint64_t seed);

// The frame of `raw` with `payload` (of these fields) as its only block, whether or not that decodes to `raw`.
std::vector<uint8_t> MakeFrameOfPayload(FrameHeader header, const BlockHeader& fields, std::span<const uint8_t> payload,
                                        std::span<const uint8_t> raw);

// The tensor in `frame`, which is a frame and nothing else, with its decoded hash checked.
absl::StatusOr<std::vector<uint8_t>> DecodeFrame(std::span<const uint8_t> frame);

// A tensor of a .safetensors file that is to be made.
struct FileTensor {
  std::string name;
  Dtype dtype = Dtype::kU8;
  std::vector<uint64_t> shape;
  std::vector<uint8_t> data;
};

// `json` behind its length, in front of `data`.
std::vector<uint8_t> SafetensorsFile(std::string_view json, std::span<const uint8_t> data);
std::vector<uint8_t> MakeSafetensors(const std::vector<FileTensor>& tensors);

// The container of `original`, as `plait compress` writes it.
std::vector<uint8_t> Compress(std::span<const uint8_t> original, int threads = 1);

// The original, as `plait decompress` writes it. Returns: kResourceExhausted if it claims more than `max_bytes`.
absl::StatusOr<std::vector<uint8_t>> Decompress(std::span<const uint8_t> container, int threads = 1,
                                                uint64_t max_bytes = uint64_t{1} << 30);

// The frame stream of `original`, as `plait compress -c` writes it.
std::vector<uint8_t> CompressStream(std::span<const uint8_t> original, int threads = 1);

// The original, as `plait decompress` writes it. Returns: kResourceExhausted if it is longer than `max_bytes`.
absl::StatusOr<std::vector<uint8_t>> DecompressStream(std::span<const uint8_t> stream, int threads = 1,
                                                      uint64_t max_bytes = uint64_t{1} << 30);

// Small originals that between them use every feature of the container: framed and plain tensors, every dtype,
// scalars, empty tensors, metadata, files that are no .safetensors.
struct Original {
  std::string name;
  std::vector<uint8_t> bytes;
};
std::vector<Original> Originals();

}  // namespace plait

#endif  // PLAIT_TESTS_REGISTRY_FILES_H_
