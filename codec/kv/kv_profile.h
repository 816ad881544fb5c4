// What is known of a model's KV caches before one is coded: steps, classes of channels, tables. Made offline from
// samples (kv_train.h), or from the chunk itself and carried in its object.
#ifndef PLAIT_CODEC_KV_KV_PROFILE_H_
#define PLAIT_CODEC_KV_KV_PROFILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "codec/kv/kv_element.h"
#include "codec/kv/kv_rans.h"
#include "codec/kv/kv_symbols.h"
#include "codec/kv/kv_tables.h"

namespace plait {

// Of one plane: keys or values of a model layer. Every vector has an entry for each channel.
struct KvPlaneProfile {
  // Of the lossless-only form, and of rows that are coded exactly.
  std::vector<uint8_t> head_class;
  std::vector<int16_t> head_offset;
  // Of the quality layers; all empty if the profile has none.
  std::vector<uint8_t> index_class;
  std::vector<KvIndexChannel> index_channels;
  std::vector<int16_t> steps;  // step exponents of the base (kv_quality.h), before the token's is added

  // Where above zero, a row's steps are 2^d times those above, d = floor(log16(s / token_reference) + 1/2), with s the
  // sum of its squares: so steps grow with the square root of the row's RMS. Clamped to four neighbouring values of d
  // in every segment. Zero: every row has d = 0.
  float token_reference = 0;

  size_t channels() const { return head_class.size(); }
  bool has_quality_layers() const { return !index_class.empty(); }
};

struct KvProfile {
  KvElement element = KvElement::kBf16;
  unsigned refinements = 4;  // quality layers between the base and the exact one, at least 1
  std::vector<KvPlaneProfile> planes;
  KvTables heads;
  KvTables indices;  // no classes if no plane has quality layers
  KvBitTables bits;  // by index class
};

inline constexpr size_t kKvMaxChannels = 1 << 16;

// Whether classes, steps, sizes and tables fit together. kDataLoss, with the field that does not, if not.
absl::Status CheckKvProfile(const KvProfile& profile);

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_PROFILE_H_
