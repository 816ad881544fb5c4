// Rows coded without loss: signs and exponents together as symbols (kv_rans.h), mantissas raw. The lossless-only form
// is this, and so are the rows of an object that are exact at every quality.
//   symbol stream, as a run; for each plane: escapes as a run, mantissas
#ifndef PLAIT_CODEC_KV_KV_HEADS_H_
#define PLAIT_CODEC_KV_KV_HEADS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/kv/kv_bytes.h"
#include "codec/kv/kv_coder.h"

namespace plait {

// Rows of plane number `plane` of the profile, one behind the other.
template <class Element>
struct KvRows {
  size_t plane;
  std::span<Element> x;
};

void EncodeKvHeads(const KvCoder& coder, unsigned lanes_log2, std::span<const KvRows<const uint16_t>> planes,
                   KvScratch& scratch, std::vector<uint8_t>* out);

// Fills the rows of `planes` from the front of `bytes`. Returns: kOutOfRange or kDataLoss if it is damaged.
absl::Status DecodeKvHeads(const KvCoder& coder, unsigned lanes_log2, KvBytesReader& bytes, KvScratch& scratch,
                           std::span<const KvRows<uint16_t>> planes);

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_HEADS_H_
