// A codec in a race: it codes the whole sample into touched memory of its own and decodes it into given memory, again
// and again.
#ifndef PLAIT_BENCH_PEERS_SAMPLE_CODEC_H_
#define PLAIT_BENCH_PEERS_SAMPLE_CODEC_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/peers/sample.h"

namespace plait {

class SampleCodec {
 public:
  virtual ~SampleCodec() = default;

  virtual absl::Status Encode() = 0;

  // Of everything that decoding needs, after Encode().
  virtual size_t coded_bytes() const = 0;

  // `out` is laid out as the sample; what lies between tensors is not written.
  virtual absl::Status Decode(std::span<uint8_t> out) = 0;

  // The same with the codec's checksums, if it has any that Decode() leaves out.
  virtual bool has_checks() const { return false; }
  virtual absl::Status DecodeChecked(std::span<uint8_t> out) { return Decode(out); }
};

// A codec that can be made for a sample, which must outlive it. An error says why it cannot run here.
struct CodecEntry {
  std::string name;
  std::function<absl::StatusOr<std::unique_ptr<SampleCodec>>(const Sample*)> make;
};

// Of whole tensors: zstd -1, zstd -3, lz4.
std::vector<CodecEntry> LzCodecs();

// Of exponents, with Plait's split and join around them: huff0 4X2, htscodecs rANS 32x16. Of whole bytes for 8-bit
// types.
std::vector<CodecEntry> PlaneCodecs();

// Every level with the best variant, which works on `threads` threads; on one thread the default level with the others
// too.
std::vector<CodecEntry> PlaitCodecs(size_t threads);

}  // namespace plait

#endif  // PLAIT_BENCH_PEERS_SAMPLE_CODEC_H_
