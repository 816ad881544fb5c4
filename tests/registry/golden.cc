#include "tests/registry/golden.h"

#include <utility>

#include "codec/base/hash.h"
#include "codec/rans/rans.h"
#include "formats/frame/frame_header.h"
#include "tests/registry/draft.h"
#include "tests/registry/files.h"
#include "tests/registry/inputs.h"
#include "tests/registry/kv_golden.h"

namespace plait {
namespace {

FrameHeader HeaderOf(Dtype dtype, std::vector<uint64_t> shape) {
  return {.dtype = dtype, .shape = std::move(shape), .block_log2 = kMinBlockLog2, .sections = {}};
}

GoldenFile Frame(std::string name, const FrameHeader& header, const std::vector<uint8_t>& raw, std::string reason) {
  return {std::move(name), MakeFrame(header, raw), GoldenOutcome(raw), std::move(reason)};
}

// A full block and a short one.
GoldenFile WeightsFrame() {
  Random random(41);
  return Frame("weights.frame", HeaderOf(Dtype::kBf16, {5, 220}), WeightLikeBf16(1100, random), "tier, two blocks");
}

// A full block of rans and a short one.
GoldenFile RansFrame() {
  Random random(43);
  const std::vector<uint8_t> raw = WeightLikeBf16(11000, random);
  const FrameHeader header = {.dtype = Dtype::kBf16, .shape = {11000}, .block_log2 = 13, .sections = {}};
  return {"rans.frame", MakeFrame(header, raw, {.rans = RansSettings{}}), GoldenOutcome(raw), "rans, two blocks"};
}

// The same with the first mantissa bits among the symbols, and nothing but zeros in the plane of top exponent bits.
GoldenFile WideFrame() {
  Random random(45);
  const std::vector<uint8_t> raw = ThinningFloats(Dtype::kBf16, 16384, 0, random);
  const FrameHeader header = {.dtype = Dtype::kBf16, .shape = {16384}, .block_log2 = 14, .sections = {}};
  return {"wide.frame", MakeFrame(header, raw, {.rans = RansSettings{}, .wide_symbols = true}), GoldenOutcome(raw),
          "wide symbols in rans"};
}

// A block whose rans stream has one byte changed under right hashes.
GoldenFile BrokenRans(std::string name, size_t at, uint8_t flip, absl::StatusCode code, std::string reason) {
  Random random(44);
  const std::vector<uint8_t> raw = GeometricBytes(1024, random);
  RansScratch scratch;
  std::vector<uint8_t> stream;
  RansEncode(raw, PlanRans(CountBytes(raw), raw.size(), {}), scratch, &stream);
  stream.at(at) ^= flip;
  const BlockHeader fields = {.codec = static_cast<uint8_t>(CodecId::kRans),
                              .plane = static_cast<uint8_t>(PlaneKind::kBytes),
                              .elements = 1024,
                              .payload_bytes = static_cast<uint32_t>(stream.size())};
  return {std::move(name), MakeFrameOfPayload(HeaderOf(Dtype::kU8, {1024}), fields, stream, raw),
          absl::StatusCodeToString(code), std::move(reason)};
}

GoldenFile StoredFrame() {
  Random random(42);
  return Frame("four_bits.frame", HeaderOf(Dtype::kF4, {2504}), RandomBytes(1252, random), "elements of half a byte");
}

GoldenFile SectionFrame() {
  FrameHeader header = HeaderOf(Dtype::kF32, {});
  header.sections = {{.type = 900, .flags = 0, .bytes = {1, 2, 3}}};
  return Frame("section.frame", header, {0, 0, 0x80, 0x3f}, "a scalar behind an optional section");
}

// Three blocks that zstd codes in a few bytes: 512 in all.
std::vector<uint8_t> SmallFrame() { return MakeFrame(HeaderOf(Dtype::kI8, {5, 500}), std::vector<uint8_t>(2500, 7)); }

// The same with bit 0 of one byte flipped.
GoldenFile Flipped(std::string name, size_t at, absl::StatusCode code, std::string reason) {
  std::vector<uint8_t> bytes = SmallFrame();
  bytes[at] ^= 1;
  return {std::move(name), std::move(bytes), absl::StatusCodeToString(code), std::move(reason)};
}

GoldenFile CutShort() {
  std::vector<uint8_t> bytes = SmallFrame();
  bytes.resize(bytes.size() - kFrameAlignment);
  return {"cut_short.frame", std::move(bytes), "DATA_LOSS", "no footer at the end"};
}

// A model that breaks off in the second block of its first tensor.
std::vector<uint8_t> CutOriginal() {
  std::vector<uint8_t> bytes = MakeSafetensors({{"a", Dtype::kU8, {140000}, std::vector<uint8_t>(140000, 9)}});
  bytes.resize(bytes.size() - 5000);
  return bytes;
}

GoldenFile Stream(std::string name, const std::vector<uint8_t>& original, std::string reason) {
  return {name + ".stream", CompressStream(original), GoldenOutcome(original), std::move(reason)};
}

// The stream of CutOriginal() with bit 0 of the byte `at` before its end flipped.
GoldenFile FlippedStream(std::string name, size_t at, std::string reason) {
  std::vector<uint8_t> bytes = CompressStream(CutOriginal());
  bytes[bytes.size() - at] ^= 1;
  return {std::move(name), std::move(bytes), "DATA_LOSS", std::move(reason)};
}

std::vector<GoldenFile> RejectedStreams() {
  std::vector<uint8_t> longer = CompressStream({});
  longer.push_back(0);
  std::vector<uint8_t> later = CompressStream({});
  later[8] = 1;
  return {FlippedStream("index_end.stream", 1, "the end magic"),
          FlippedStream("index_entry.stream", 64, "an entry of the index"),
          {"bytes_behind_the_index.stream", std::move(longer), "DATA_LOSS", "a byte that nothing covers"},
          {"version_1.stream", std::move(later), "UNIMPLEMENTED", "a later version"}};
}

}  // namespace

std::string GoldenOutcome(const absl::StatusOr<std::vector<uint8_t>>& decoded) {
  if (!decoded.ok()) return absl::StatusCodeToString(decoded.status().code());
  return "OK " + HexDigits(Hash128Of(*decoded));
}

std::vector<GoldenFile> GoldenAccept() {
  std::vector<GoldenFile> files = {WeightsFrame(), RansFrame(), WideFrame(), StoredFrame(), SectionFrame()};
  for (const Original& original : Originals()) {
    files.push_back({original.name + ".plait", Compress(original.bytes), GoldenOutcome(original.bytes),
                     "of Originals() in tests/registry/files.cc"});
    if (original.name == "model" || original.name == "empty_file" || original.name == "noise") {
      files.push_back(Stream(original.name, original.bytes, "the same as a frame stream"));
    }
  }
  files.push_back(Stream("cut", CutOriginal(), "a tensor that breaks off"));
  for (GoldenFile& file : KvGoldenAccept()) files.push_back(std::move(file));
  return files;
}

std::vector<GoldenFile> GoldenReject() {
  std::vector<GoldenFile> files = {
      Flipped("header_flip.frame", 24, absl::StatusCode::kDataLoss, "a dimension under a wrong hash"),
      Flipped("version_1.frame", 6, absl::StatusCode::kUnimplemented, "a later version"),
      Flipped("header_padding.frame", 60, absl::StatusCode::kDataLoss, "a gap that is not zero"),
      Flipped("payload_flip.frame", 104, absl::StatusCode::kDataLoss, "a byte of a block"),
      CutShort(),
      BrokenRans("rans_levels.frame", 0, 0x80, absl::StatusCode::kDataLoss, "129 or more rans levels"),
      BrokenRans("rans_lanes.frame", 1, 0x08, absl::StatusCode::kDataLoss, "2^14 rans lanes"),
      BrokenRans("rans_escapes.frame", 6, 0x01, absl::StatusCode::kDataLoss, "more escapes than symbols"),
      BrokenRans("rans_frequency.frame", 17, 0x01, absl::StatusCode::kDataLoss, "frequencies that do not add up"),
      BrokenRans("rans_unit.frame", 300, 0x01, absl::StatusCode::kDataLoss, "a unit of another stream"),
  };
  for (GoldenFile& stream : RejectedStreams()) files.push_back(std::move(stream));
  for (Forgery& forgery : Forgeries()) {
    files.push_back({forgery.name + ".plait", std::move(forgery.bytes), absl::StatusCodeToString(forgery.code),
                     std::move(forgery.reason)});
  }
  for (GoldenFile& file : KvGoldenReject()) files.push_back(std::move(file));
  return files;
}

}  // namespace plait
