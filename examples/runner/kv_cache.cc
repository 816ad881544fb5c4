#include "examples/runner/kv_cache.h"

#include <array>
#include <fstream>
#include <string_view>
#include <vector>

#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "formats/safetensors/safetensors_header.h"

namespace plait::runner {
namespace {

constexpr std::string_view kPlaneNames[] = {"k", "v", "k_pre_rope"};

std::vector<TensorInfo> DumpTensors(const ModelConfig& config, size_t tokens, size_t planes) {
  std::vector<TensorInfo> tensors;
  uint64_t end = 0;
  for (size_t layer = 0; layer < config.layers; ++layer) {
    for (size_t plane = 0; plane < planes; ++plane) {
      const uint64_t begin = end;
      end += tokens * config.kv_channels() * sizeof(uint16_t);
      tensors.push_back({.name = absl::StrCat("layers.", layer, ".", Absl(kPlaneNames[plane])),
                         .dtype = Dtype::kBf16,
                         .shape = {tokens, config.kv_heads, config.head_dim},
                         .begin = begin,
                         .end = end});
    }
  }
  return tensors;
}

}  // namespace

KvCache::KvCache(const ModelConfig& config, size_t max_tokens, bool with_unrotated)
    : channels_(config.kv_channels()),
      max_tokens_(max_tokens),
      planes_(with_unrotated ? 3 : 2),
      plane_elements_(config.layers * max_tokens * channels_),
      elements_(std::make_unique_for_overwrite<uint16_t[]>(planes_ * plane_elements_)) {}

absl::Status KvCache::Dump(const ModelConfig& config, const std::string& path) {
  std::string json = SafetensorsJson("", DumpTensors(config, tokens_, planes_));
  json.append((8 - json.size() % 8) % 8, ' ');
  std::array<uint8_t, kSafetensorsLengthBytes> length;
  StoreLe<uint64_t>(json.size(), length.data());
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(length.data()), length.size());
  out.write(json.data(), static_cast<std::streamsize>(json.size()));
  for (size_t layer = 0; layer < config.layers; ++layer) {
    for (size_t plane = 0; plane < planes_; ++plane) {
      const uint16_t* elements = at(static_cast<KvPlane>(plane), layer, 0);
      out.write(reinterpret_cast<const char*>(elements),
                static_cast<std::streamsize>(tokens_ * channels_ * sizeof(uint16_t)));
    }
  }
  out.close();
  return out ? absl::OkStatus() : absl::UnavailableError("cannot write");
}

}  // namespace plait::runner
