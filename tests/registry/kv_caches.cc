#include "tests/registry/kv_caches.h"

#include <algorithm>

#include "codec/base/status.h"
#include "codec/kv/kv_train.h"
#include "formats/kv/kv_elements.h"
#include "tests/registry/inputs.h"

namespace plait {
namespace {

constexpr uint32_t kHeads = 2;
constexpr size_t kRepeatEvery = 7;

void AppendBytes(KvElement element, std::span<const uint16_t> x, std::vector<uint8_t>* bytes) {
  const size_t begin = bytes->size();
  bytes->resize(begin + x.size() * GetKvElementInfo(element).bytes());
  KvElementsToBytes(element, x, std::span(*bytes).subspan(begin));
}

// Sign and exponent that a channel begins with: exponents a little above the middle of their range.
uint16_t BeginOf(const KvElementInfo& info, Random& random) {
  const auto exponent = static_cast<uint16_t>(info.bias - 1 + random() % 4);
  return static_cast<uint16_t>((random() % 2) << (info.exponent_bits + info.mantissa_bits) | exponent
                                                                                                 << info.mantissa_bits);
}

std::vector<uint16_t> MakePlane(const KvElementInfo& info, size_t rows, size_t channels, bool with_odd,
                                Random& random) {
  const auto mantissa_mask = static_cast<uint16_t>((1u << info.mantissa_bits) - 1);
  std::vector<uint16_t> heads(channels);
  for (uint16_t& head : heads) head = BeginOf(info, random);
  std::vector<uint16_t> x(rows * channels);
  for (size_t row = 0; row < rows; ++row) {
    const auto here = std::span(x).subspan(row * channels, channels);
    if (row > kRepeatEvery && row % kRepeatEvery == 0) {
      std::ranges::copy(std::span(x).subspan((row - 3) * channels, channels), here.begin());
      continue;
    }
    for (size_t c = 0; c < channels; ++c) {
      if (random() % 4 == 0) heads[c] = BeginOf(info, random);
      here[c] = static_cast<uint16_t>((heads[c] & ~mantissa_mask) | (random() & mantissa_mask));
    }
  }
  if (!with_odd) return x;
  const uint16_t odd[] = {0,
                          info.sign_bit(),
                          1,
                          info.magnitude_mask(),
                          static_cast<uint16_t>(info.max_finite + 1),
                          static_cast<uint16_t>(info.max_finite | info.sign_bit())};
  for (size_t i = 0; i < std::size(odd); ++i) x[(i * 37 + 5) % x.size()] = odd[i];
  return x;
}

}  // namespace

std::vector<uint8_t> KvCache::bytes() const {
  std::vector<uint8_t> all;
  for (const std::vector<uint16_t>& plane : planes) AppendBytes(geometry.element, plane, &all);
  return all;
}

KvCache MakeKvCache(KvElement element, size_t model_layers, size_t rows, uint32_t head_dim, uint64_t seed, bool odd) {
  Random random(seed);
  KvCache cache;
  cache.geometry.element = element;
  cache.geometry.model = "a test";
  cache.rows = rows;
  for (uint32_t layer = 0; layer < model_layers; ++layer) {
    for (const char* name : {"k", "v"}) {
      cache.geometry.planes.push_back({name, layer, kHeads, head_dim});
      cache.planes.push_back(MakePlane(GetKvElementInfo(element), rows, kHeads * head_dim, odd, random));
    }
  }
  return cache;
}

std::shared_ptr<const KvProfileFile> MakeKvCacheProfile(const KvCache& cache, bool quality_layers) {
  const KvElement element = cache.geometry.element;
  std::vector<KvTrainPlane> planes;
  for (size_t i = 0; i < cache.planes.size(); ++i) {
    const size_t channels = cache.geometry.planes[i].channels();
    planes.push_back({.channels = channels,
                      .log2_steps = UniformKvLog2Steps(element, cache.planes[i], channels, 1),
                      .token_steps = cache.geometry.planes[i].name == "v",
                      .samples = {cache.planes[i]}});
  }
  KvTrainSettings settings;
  settings.head_classes = settings.index_classes = 2;
  settings.head_contexts = settings.index_contexts = 2;
  settings.quality_layers = quality_layers;
  return MakeKvProfileFile(cache.geometry, TrainKvProfile(element, planes, settings).value()).value();
}

std::vector<uint8_t> MakeKvObject(const KvCache& cache, KvObjectSettings settings,
                                  const std::shared_ptr<const KvProfileFile>& profile) {
  settings.rows = cache.rows;
  KvObjectWriter writer = KvObjectWriter::Create(settings, cache.geometry, profile).value();
  KvWorkspace workspace;
  for (size_t i = 0; i < writer.layers().size(); ++i) {
    const KvModelLayer& layer = writer.layers()[i];
    const auto first = cache.planes.begin() + static_cast<ptrdiff_t>(layer.first_plane);
    const std::vector<KvElements> planes(first, first + static_cast<ptrdiff_t>(layer.num_planes));
    writer.Add(writer.Encode(i, planes, workspace).value());
  }
  std::vector<uint8_t> object;
  KvObjectParts parts;
  if (!writer.Finish(&object, &parts).ok()) std::abort();
  return object;
}

absl::StatusOr<std::vector<uint8_t>> DecodeKvObject(std::span<const uint8_t> object,
                                                    const std::shared_ptr<const KvProfileFile>& profile, bool cut,
                                                    const KvDecodingLimits& limits) {
  PLAIT_ASSIGN_OR_RETURN(const KvManifest manifest, ParseKvManifest(object));
  if (object.size() > manifest.object_bytes) return absl::DataLossError("bytes behind the object");
  const unsigned whole = manifest.qualities_in(object.size());
  if (whole == 0 || (whole < manifest.num_qualities && !cut)) return absl::OutOfRangeError("the object is cut");
  PLAIT_ASSIGN_OR_RETURN(const auto decoding, KvDecoding::Create(manifest, profile, limits));
  const KvGeometry& geometry = decoding->geometry();
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < manifest.num_layers; ++i) {
    const KvModelLayer& layer = decoding->layers()[i];
    std::vector<std::span<const uint8_t>> segments(whole);
    for (unsigned quality = 0; quality < whole; ++quality) {
      PLAIT_ASSIGN_OR_RETURN(segments[quality], KvSegmentBytes(manifest, object, quality, i));
    }
    std::vector<std::vector<uint16_t>> planes(layer.num_planes);
    for (size_t p = 0; p < planes.size(); ++p) {
      planes[p].resize(manifest.rows * geometry.planes[layer.first_plane + p].channels());
    }
    const std::vector<std::span<uint16_t>> spans(planes.begin(), planes.end());
    PLAIT_RETURN_IF_ERROR(decoding->Add(i, segments, spans));
    for (const std::vector<uint16_t>& plane : planes) AppendBytes(geometry.element, plane, &bytes);
  }
  return bytes;
}

}  // namespace plait
