#include "tests/registry/files.h"

#include <algorithm>
#include <cstdlib>

#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "formats/container/container_reader.h"
#include "formats/frame/frame_reader.h"
#include "formats/frame/frame_writer.h"
#include "formats/frame_stream/frame_stream_reader.h"
#include "tests/registry/inputs.h"
#include "tools/pipeline/decode.h"
#include "tools/pipeline/encode.h"
#include "tools/pipeline/encode_stream.h"

namespace plait {
namespace {

// For steps that cannot fail on input of our own.
void Must(const absl::Status& status) {
  if (!status.ok()) std::abort();
}

std::vector<FileTensor> OneTensorOfEachDtype() {
  Random random(11);
  std::vector<FileTensor> tensors;
  for (const DtypeInfo& info : DtypeTable()) {
    tensors.push_back({std::string(info.name), info.dtype, {4, 2}, RandomBytes(info.bits, random)});
  }
  return tensors;
}

std::vector<FileTensor> SmallModel() {
  Random random(12);
  return {{"embed.weight", Dtype::kBf16, {40, 32}, WeightLikeBf16(1280, random)},
          {"norm.weight", Dtype::kBf16, {32}, WeightLikeBf16(32, random)},
          {"ids", Dtype::kI64, {300}, std::vector<uint8_t>(2400)},
          {"noise", Dtype::kU8, {333}, RandomBytes(333, random)},
          {"scale", Dtype::kF32, {}, {0, 0, 0x80, 0x3f}},
          {"empty", Dtype::kF16, {0, 7}, {}}};
}

}  // namespace

std::vector<uint8_t> MakeFrame(FrameHeader header, std::span<const uint8_t> raw, const EncodeSettings& settings) {
  std::vector<uint8_t> header_bytes;
  Must(MakeFrameHeader(&header, &header_bytes));
  MemorySink sink;
  FrameWriter writer(&sink);
  Must(writer.Begin(header, header_bytes));
  BlockWorkspace workspace;
  std::vector<uint8_t> coded;
  for (uint64_t i = 0; i < header.num_blocks(); ++i) {
    const auto block = raw.subspan(header.block_raw_offset(i), BlockRawBytes(header.block(i)));
    EncodeBlock(header.block(i), block, workspace, &coded, settings);
    Must(writer.AddBlock(coded, block));
  }
  Must(writer.Finish().status());
  return sink.bytes();
}

std::vector<uint8_t> SealedBlock(const BlockHeader& fields, std::span<const uint8_t> payload, uint64_t seed) {
  std::vector<uint8_t> coded(kBlockHeaderBytes);
  PackBlockHeader(fields, coded.data());
  BlockHeader header = fields;
  header.hash = Hash64(payload, Hash64(std::span(coded).first(kBlockHashedHeaderBytes), seed));
  PackBlockHeader(header, coded.data());
  coded.insert(coded.end(), payload.begin(), payload.end());
  return coded;
}

std::vector<uint8_t> MakeFrameOfPayload(FrameHeader header, const BlockHeader& fields, std::span<const uint8_t> payload,
                                        std::span<const uint8_t> raw) {
  std::vector<uint8_t> header_bytes;
  Must(MakeFrameHeader(&header, &header_bytes));
  MemorySink sink;
  FrameWriter writer(&sink);
  Must(writer.Begin(header, header_bytes));
  Must(writer.AddBlock(SealedBlock(fields, payload, header.block(0).seed), raw));
  Must(writer.Finish().status());
  return sink.bytes();
}

absl::StatusOr<std::vector<uint8_t>> DecodeFrame(std::span<const uint8_t> frame) {
  const MemorySource source(frame);
  PLAIT_ASSIGN_OR_RETURN(const FrameReader reader, FrameReader::Open(&source, 0, frame.size()));
  const FrameHeader& header = reader.header();
  BlockWorkspace workspace;
  std::vector<uint8_t> coded;
  std::vector<uint8_t> raw;
  for (uint64_t i = 0; i < header.num_blocks(); ++i) {
    raw.resize(header.block_raw_offset(i) + BlockRawBytes(header.block(i)));
    PLAIT_RETURN_IF_ERROR(reader.ReadBlock(i, workspace, coded, std::span(raw).subspan(header.block_raw_offset(i))));
  }
  if (const Hash128 hash = Hash128Of(raw); hash != reader.decoded_hash()) {
    return absl::DataLossError(FoundExpected("decoded hash", HexDigits(hash), HexDigits(reader.decoded_hash())));
  }
  return raw;
}

std::vector<uint8_t> SafetensorsFile(std::string_view json, std::span<const uint8_t> data) {
  std::vector<uint8_t> bytes(kSafetensorsLengthBytes + json.size() + data.size());
  StoreLe(uint64_t{json.size()}, bytes.data());
  const auto after_json = std::ranges::copy(json, bytes.begin() + kSafetensorsLengthBytes).out;
  std::ranges::copy(data, after_json);
  return bytes;
}

std::vector<uint8_t> MakeSafetensors(const std::vector<FileTensor>& tensors) {
  std::vector<TensorInfo> infos;
  std::vector<uint8_t> data;
  for (const FileTensor& tensor : tensors) {
    const uint64_t begin = data.size();
    data.insert(data.end(), tensor.data.begin(), tensor.data.end());
    infos.push_back({tensor.name, tensor.dtype, tensor.shape, begin, data.size()});
  }
  return SafetensorsFile(SafetensorsJson(R"("__metadata__":{"format":"pt"})", infos), data);
}

std::vector<uint8_t> Compress(std::span<const uint8_t> original, int threads) {
  const MemorySource source(original);
  const absl::StatusOr<ContainerPlan> plan = PlanContainer(source, /*strict=*/false);
  Must(plan.status());
  MemorySink sink;
  Progress progress("", original.size());
  Must(EncodeContainer(source, *plan, {.threads = threads}, sink, progress));
  return sink.bytes();
}

absl::StatusOr<std::vector<uint8_t>> Decompress(std::span<const uint8_t> container, int threads, uint64_t max_bytes) {
  const MemorySource source(container);
  PLAIT_ASSIGN_OR_RETURN(const ContainerReader reader, ContainerReader::Open(&source));
  if (reader.original_bytes() > max_bytes) {
    return absl::ResourceExhaustedError(FoundExpected("original bytes", reader.original_bytes(), max_bytes));
  }
  std::vector<uint8_t> original;
  PLAIT_RETURN_IF_ERROR(DecodeContainer(reader, threads, [&original](const DecodedPiece& piece) {
    if (piece.status.ok()) original.insert(original.end(), piece.bytes.begin(), piece.bytes.end());
    return piece.status;
  }));
  if (original.size() != reader.original_bytes()) {
    return absl::DataLossError(FoundExpected("original bytes", original.size(), reader.original_bytes()));
  }
  return original;
}

std::vector<uint8_t> CompressStream(std::span<const uint8_t> original, int threads) {
  const MemorySource source(original);
  SourceStream stream(&source);
  MemorySink sink;
  Progress progress("", original.size());
  Must(EncodeStream(stream, /*strict=*/false, {.threads = threads}, sink, progress).status());
  return sink.bytes();
}

absl::StatusOr<std::vector<uint8_t>> DecompressStream(std::span<const uint8_t> bytes, int threads, uint64_t max_bytes) {
  const MemorySource source(bytes);
  SourceStream stream(&source);
  PLAIT_ASSIGN_OR_RETURN(FrameStreamReader reader, FrameStreamReader::Open(&stream));
  std::vector<uint8_t> original;
  PLAIT_RETURN_IF_ERROR(DecodeStream(reader, threads, StreamCheck::kFull, [&](const DecodedPiece& piece) {
    if (!piece.status.ok()) return piece.status;
    if (original.size() + piece.bytes.size() > max_bytes) return absl::ResourceExhaustedError("original bytes");
    original.insert(original.end(), piece.bytes.begin(), piece.bytes.end());
    return absl::OkStatus();
  }));
  return original;
}

std::vector<Original> Originals() {
  Random random(13);
  std::vector<uint8_t> cut_short = MakeSafetensors({{"a", Dtype::kI16, {300}, std::vector<uint8_t>(600)}});
  cut_short.pop_back();
  return {{"model", MakeSafetensors(SmallModel())},
          {"every_dtype", MakeSafetensors(OneTensorOfEachDtype())},
          {"no_tensors", MakeSafetensors({})},
          {"bare_json", SafetensorsFile("{}", {})},
          {"cut_short", std::move(cut_short)},
          {"reserved_name", MakeSafetensors({{"__plait__x", Dtype::kU8, {2}, {1, 2}}})},
          {"empty_file", {}},
          {"one_byte", {7}},
          {"bf16_without_header", WeightLikeBf16(600, random)},
          {"noise", RandomBytes(700, random)}};
}

}  // namespace plait
