#include "tests/fuzz/seeds.h"

#include <algorithm>

#include "codec/base/endian.h"
#include "codec/histogram/histogram.h"
#include "codec/tier/tier.h"
#include "tests/registry/draft.h"
#include "tests/registry/files.h"
#include "tests/registry/golden.h"
#include "tests/registry/registry.h"

namespace plait {
namespace {

// Larger seeds make a fuzzer slow without showing it more.
constexpr size_t kMaxSeedBytes = 6000;

// The parameters that a fuzzer takes from the front, then the bytes.
std::vector<uint8_t> Seed(std::initializer_list<uint32_t> parameters, std::span<const uint8_t> bytes) {
  std::vector<uint8_t> seed(4 * parameters.size() + bytes.size());
  uint8_t* at = seed.data();
  for (uint32_t parameter : parameters) {
    StoreLe(parameter, at);
    at += 4;
  }
  std::ranges::copy(bytes, at);
  return seed;
}

std::vector<uint8_t> TierSeed(std::span<const uint8_t> symbols) {
  std::vector<uint8_t> stream(TierMaxBytes(symbols.size()));
  stream.resize(TierEncode(symbols, PlanTier(CountBytes(symbols)), stream));
  return Seed({static_cast<uint32_t>(symbols.size())}, stream);
}

std::vector<uint8_t> BlockSeed(const CodecEntry& codec, const Input& input) {
  BlockWorkspace workspace;
  std::vector<uint8_t> coded;
  if (!codec.Encode(input, 0, workspace, &coded).ok()) return {};
  const uint32_t codec_and_plane = coded[2] | coded[3] << 8;
  return Seed({static_cast<uint32_t>(input.dtype), input.spec().elements / 8, codec_and_plane},
              std::span(coded).subspan(kBlockHeaderBytes));
}

const char* FuzzerOf(const std::string& golden_name) {
  if (golden_name.ends_with(".stream")) return "frame_stream_open";
  return golden_name.ends_with(".frame") ? "frame_open" : "container_open";
}

std::vector<uint8_t> HeaderSeed(const std::vector<uint8_t>& file) {
  const size_t header_bytes = kSafetensorsLengthBytes + LoadLe<uint64_t>(file.data());
  return Seed({static_cast<uint32_t>(file.size() - header_bytes)}, std::span(file).first(header_bytes));
}

}  // namespace

std::map<std::string, std::vector<std::vector<uint8_t>>> FuzzSeeds() {
  std::map<std::string, std::vector<std::vector<uint8_t>>> seeds;
  for (const CodecEntry& codec : CodecRegistry()) {
    for (const Input& input : codec.edge_inputs()) {
      seeds["block_round_trip"].push_back(Seed({static_cast<uint32_t>(input.dtype)}, input.raw));
      seeds["block_decode"].push_back(BlockSeed(codec, input));
      seeds["tier_decode"].push_back(TierSeed(input.raw));
    }
  }
  for (const GoldenFile& file : GoldenAccept()) {
    seeds[FuzzerOf(file.name)].push_back(file.bytes);
    if (file.name.ends_with(".plait")) seeds["safetensors_header"].push_back(HeaderSeed(file.bytes));
  }
  for (const Forgery& forgery : Forgeries()) seeds["container_open"].push_back(forgery.bytes);
  for (auto& [name, inputs] : seeds) {
    std::erase_if(inputs, [](const std::vector<uint8_t>& seed) { return seed.empty() || seed.size() > kMaxSeedBytes; });
  }
  return seeds;
}

}  // namespace plait
