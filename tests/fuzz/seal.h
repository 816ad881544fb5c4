// Makes the hashes of an input right, whatever else it holds, so that the fields behind them are reached: what a
// hostile writer does. An input whose lengths leave no place for a hash stays as it is.
#ifndef PLAIT_TESTS_FUZZ_SEAL_H_
#define PLAIT_TESTS_FUZZ_SEAL_H_

#include <cstdint>
#include <span>

#include "codec/base/endian.h"
#include "codec/base/hash.h"
#include "formats/container/container_layout.h"
#include "formats/container/manifest.h"
#include "formats/frame/frame_layout.h"
#include "formats/safetensors/safetensors_header.h"

namespace plait {

// Returns the hash of the header at the front of `frame`; 0 if there is no place for one.
inline uint64_t SealFrameHeader(std::span<uint8_t> frame) {
  if (frame.size() < kFrameFixedHeaderBytes) return 0;
  const size_t header_bytes = LoadLe<uint32_t>(frame.data() + 12);
  if (header_bytes < kFrameFixedHeaderBytes + kFrameHashBytes || header_bytes > frame.size()) return 0;
  const uint64_t hash = Hash64(frame.first(header_bytes - kFrameHashBytes));
  StoreLe(hash, frame.data() + header_bytes - kFrameHashBytes);
  return hash;
}

inline void SealFrameFooter(std::span<uint8_t> frame, uint64_t header_hash) {
  if (frame.size() < kFooterFixedBytes) return;
  const auto footer_bytes = LoadLe<uint64_t>(frame.data() + frame.size() - 8);
  if (footer_bytes < kFooterFixedBytes || footer_bytes > frame.size()) return;
  const auto footer = frame.last(footer_bytes);
  StoreLe(Hash64(footer.first(footer_bytes - 16), header_hash), footer.data() + footer_bytes - 16);
}

// The identity covers the entries' hashes and the decoded header, so it is made right only for headers of up to 64 KiB.
inline void SealIdentity(std::span<uint8_t> manifest) {
  static BlockWorkspace workspace;
  static std::vector<uint8_t> header(size_t{64} << 10);
  const uint64_t entries_bytes = uint64_t{LoadLe<uint32_t>(manifest.data() + 12)} * kManifestEntryBytes;
  const auto coded_bytes = LoadLe<uint64_t>(manifest.data() + 72);
  const size_t body_bytes = manifest.size() - kManifestFixedBytes - kManifestTailBytes;
  if (entries_bytes > body_bytes || coded_bytes > body_bytes - entries_bytes) return;
  const auto entries = manifest.subspan(kManifestFixedBytes, entries_bytes);
  const size_t header_bytes = ZSTD_decompressDCtx(workspace.DecompressContext(), header.data(), header.size(),
                                                  entries.data() + entries_bytes, coded_bytes);
  if (ZSTD_isError(header_bytes)) return;
  Manifest parts;
  parts.original_header.assign(header.begin(), header.begin() + static_cast<ptrdiff_t>(header_bytes));
  for (size_t at = 0; at < entries_bytes; at += kManifestEntryBytes) {
    const uint8_t* hash = entries.data() + at + 8;
    parts.entries.push_back({.decoded_hash = {LoadLe<uint64_t>(hash), LoadLe<uint64_t>(hash + 8)}});
  }
  const Hash128 identity = OriginalIdentity(parts);
  StoreLe(identity.low, manifest.data() + 48);
  StoreLe(identity.high, manifest.data() + 56);
}

// Identity and hash of a manifest and nothing else.
inline void SealManifest(std::span<uint8_t> manifest) {
  if (manifest.size() < kManifestFixedBytes + kManifestTailBytes) return;
  SealIdentity(manifest);
  const size_t hash_at = manifest.size() - 16;
  StoreLe(Hash64(manifest.first(hash_at)), manifest.data() + hash_at);
}

// The header's hash in the manifest, and the manifest.
inline void SealContainer(std::span<uint8_t> container) {
  if (container.size() < kManifestFixedBytes + kManifestTailBytes) return;
  const auto manifest_bytes = LoadLe<uint64_t>(container.data() + container.size() - kManifestTailBytes);
  if (manifest_bytes < kManifestFixedBytes + kManifestTailBytes || manifest_bytes > container.size()) return;
  const auto manifest = container.last(manifest_bytes);
  const auto json_bytes = LoadLe<uint64_t>(container.data());
  if (json_bytes <= container.size() - kSafetensorsLengthBytes) {
    StoreLe(Hash64(container.first(kSafetensorsLengthBytes + json_bytes)), manifest.data() + 40);
  }
  SealManifest(manifest);
}

}  // namespace plait

#endif  // PLAIT_TESTS_FUZZ_SEAL_H_
