// Small KV caches, their profiles and objects in memory: for tests, golden files and fuzz seeds.
#ifndef PLAIT_TESTS_REGISTRY_KV_CACHES_H_
#define PLAIT_TESTS_REGISTRY_KV_CACHES_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/kv/kv_decoding.h"
#include "formats/kv/kv_object_writer.h"

namespace plait {

struct KvCache {
  KvGeometry geometry;
  size_t rows = 0;
  std::vector<std::vector<uint16_t>> planes;

  std::vector<uint8_t> bytes() const;  // of all planes, as they stand in files
};

// `k` and `v` in each model layer, of 2 heads. Every channel has a size of its own, most elements have sign and
// exponent of the token before; some rows repeat. With `odd` NaN, infinity, the largest number, denormals and -0 are
// there.
KvCache MakeKvCache(KvElement element, size_t model_layers, size_t rows, uint32_t head_dim, uint64_t seed,
                    bool odd = true);

// Of a few classes, from the cache itself.
std::shared_ptr<const KvProfileFile> MakeKvCacheProfile(const KvCache& cache, bool quality_layers = true);

// The object of `cache`; `profile` is null for the tier form. `settings.rows` is filled in.
std::vector<uint8_t> MakeKvObject(const KvCache& cache, KvObjectSettings settings,
                                  const std::shared_ptr<const KvProfileFile>& profile);

// All planes of an object as they are at its best quality that is whole, as they stand in files. Reads everything that
// is there, with all checks. Returns: kOutOfRange if no quality is whole, or if the object is cut and `cut` false.
absl::StatusOr<std::vector<uint8_t>> DecodeKvObject(std::span<const uint8_t> object,
                                                    const std::shared_ptr<const KvProfileFile>& profile = nullptr,
                                                    bool cut = false, const KvDecodingLimits& limits = {});

}  // namespace plait

#endif  // PLAIT_TESTS_REGISTRY_KV_CACHES_H_
