#include "tests/registry/golden.h"

#include <utility>

#include "codec/base/hash.h"
#include "formats/frame/frame_header.h"
#include "tests/registry/draft.h"
#include "tests/registry/files.h"
#include "tests/registry/inputs.h"

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

}  // namespace

std::string GoldenOutcome(const absl::StatusOr<std::vector<uint8_t>>& decoded) {
  if (!decoded.ok()) return absl::StatusCodeToString(decoded.status().code());
  return "OK " + HexDigits(Hash128Of(*decoded));
}

std::vector<GoldenFile> GoldenAccept() {
  std::vector<GoldenFile> files = {WeightsFrame(), StoredFrame(), SectionFrame()};
  for (const Original& original : Originals()) {
    files.push_back({original.name + ".plait", Compress(original.bytes), GoldenOutcome(original.bytes),
                     "of Originals() in tests/registry/files.cc"});
  }
  return files;
}

std::vector<GoldenFile> GoldenReject() {
  std::vector<GoldenFile> files = {
      Flipped("header_flip.frame", 24, absl::StatusCode::kDataLoss, "a dimension under a wrong hash"),
      Flipped("version_1.frame", 6, absl::StatusCode::kUnimplemented, "a later version"),
      Flipped("header_padding.frame", 60, absl::StatusCode::kDataLoss, "a gap that is not zero"),
      Flipped("payload_flip.frame", 104, absl::StatusCode::kDataLoss, "a byte of a block"),
      CutShort(),
  };
  for (Forgery& forgery : Forgeries()) {
    files.push_back({forgery.name + ".plait", std::move(forgery.bytes), absl::StatusCodeToString(forgery.code),
                     std::move(forgery.reason)});
  }
  return files;
}

}  // namespace plait
