#include "formats/container/manifest.h"

#include <algorithm>
#include <cstring>

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "codec/block/zstd_codec.h"
#include "formats/base/byte_io.h"
#include "formats/safetensors/safetensors_header.h"

namespace plait {
namespace {

// Places of the fixed fields.
constexpr size_t kVersionAt = 8;
constexpr size_t kKindAt = 10;
constexpr size_t kNumTensorsAt = 12;
constexpr size_t kManifestBytesAt = 16;
constexpr size_t kOriginalBytesAt = 24;
constexpr size_t kHeaderBytesAt = 32;
constexpr size_t kHeaderHashAt = 40;
constexpr size_t kIdentityAt = 48;
constexpr size_t kOriginalHeaderBytesAt = 64;
constexpr size_t kCodedHeaderBytesAt = 72;
static_assert(kCodedHeaderBytesAt + 8 == kManifestFixedBytes);

// The largest window of the zstd level that headers are written with; a frame that asks for more is refused.
constexpr int kHeaderWindowLog2 = 21;

void StoreHash(const Hash128& hash, uint8_t* bytes) {
  StoreLe(hash.low, bytes);
  StoreLe(hash.high, bytes + 8);
}

Hash128 LoadHash(const uint8_t* bytes) { return {LoadLe<uint64_t>(bytes), LoadLe<uint64_t>(bytes + 8)}; }

void StoreFixedFields(const Manifest& manifest, uint8_t* bytes) {
  std::memcpy(bytes, kManifestMagic, sizeof(kManifestMagic));
  StoreLe(kContainerVersion, bytes + kVersionAt);
  StoreLe(static_cast<uint16_t>(manifest.kind), bytes + kKindAt);
  StoreLe(static_cast<uint32_t>(manifest.entries.size()), bytes + kNumTensorsAt);
  StoreLe(manifest.original_bytes, bytes + kOriginalBytesAt);
  StoreLe(manifest.header_bytes, bytes + kHeaderBytesAt);
  StoreLe(manifest.header_hash, bytes + kHeaderHashAt);
  StoreHash(OriginalIdentity(manifest), bytes + kIdentityAt);
  StoreLe(uint64_t{manifest.original_header.size()}, bytes + kOriginalHeaderBytesAt);
}

void SealManifest(std::span<uint8_t> bytes) {
  const size_t hash_at = bytes.size() - 16;
  StoreLe(Hash64(bytes.first(hash_at)), bytes.data() + hash_at);
}

absl::Status CheckEnvelope(std::span<const uint8_t> bytes) {
  if (bytes.size() < kManifestFixedBytes + kManifestTailBytes) {
    return absl::OutOfRangeError(FoundExpected("manifest bytes", bytes.size(),
                                               absl::StrCat(kManifestFixedBytes + kManifestTailBytes, " or more")));
  }
  if (std::memcmp(bytes.data(), kManifestMagic, 8) != 0 ||
      std::memcmp(bytes.data() + bytes.size() - 8, kManifestEnd, 8) != 0) {
    return absl::DataLossError("manifest magic: found other bytes, expected \"PLTMANIF\" and \"PLTPLAIT\"");
  }
  if (const auto version = LoadLe<uint16_t>(bytes.data() + kVersionAt); version != kContainerVersion) {
    return absl::UnimplementedError(FoundExpected("container version", version, kContainerVersion));
  }
  const size_t hash_at = bytes.size() - 16;
  const uint64_t hash = Hash64(bytes.first(hash_at));
  if (const auto expected = LoadLe<uint64_t>(bytes.data() + hash_at); hash != expected) {
    return absl::DataLossError(FoundExpected("manifest hash", HexDigits(hash), HexDigits(expected)));
  }
  if (const auto kind = LoadLe<uint16_t>(bytes.data() + kKindAt); kind > 1) {
    return absl::UnimplementedError(FoundExpected("container kind", kind, "0 or 1"));
  }
  if (const auto found = LoadLe<uint64_t>(bytes.data() + kManifestBytesAt); found != bytes.size()) {
    return absl::DataLossError(FoundExpected("manifest bytes", found, bytes.size()));
  }
  return absl::OkStatus();
}

absl::StatusOr<ManifestEntry> ParseEntry(const uint8_t* bytes) {
  if (bytes[0] > static_cast<uint8_t>(TensorState::kFramed)) {
    return absl::UnimplementedError(FoundExpected("tensor state", bytes[0], "0 or 1"));
  }
  if (!IsCodecId(bytes[1])) return absl::UnimplementedError(FoundExpected("codec id", bytes[1], "a known one"));
  if (bytes[0] == static_cast<uint8_t>(TensorState::kPlain) && bytes[1] != 0) {
    return absl::DataLossError(FoundExpected("codec id of a plain tensor", bytes[1], 0));
  }
  PLAIT_RETURN_IF_ERROR(CheckZeros({bytes + 2, 6}, "reserved bytes of a manifest entry"));
  return ManifestEntry{static_cast<TensorState>(bytes[0]), static_cast<CodecId>(bytes[1]), LoadHash(bytes + 8)};
}

// Grows the output only as far as the frame really decodes, so that a small lie cannot ask for much memory.
absl::StatusOr<std::vector<uint8_t>> DecodeOriginalHeader(std::span<const uint8_t> coded, uint64_t bytes,
                                                          BlockWorkspace& workspace) {
  if (bytes > kMaxSafetensorsHeaderBytes + kSafetensorsLengthBytes) {
    return absl::ResourceExhaustedError(FoundExpected("original header bytes", bytes, "at most 100000008"));
  }
  std::vector<uint8_t> header;
  ZSTD_DCtx* context = workspace.DecompressContext();
  ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
  ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, kHeaderWindowLog2);
  ZSTD_inBuffer in = {coded.data(), coded.size(), 0};
  constexpr size_t kChunk = size_t{1} << 20;
  size_t pending = 1;
  while (pending != 0) {
    const size_t have = header.size();
    header.resize(have + std::min<size_t>(kChunk, bytes + 1 - have));
    ZSTD_outBuffer out = {header.data() + have, header.size() - have, 0};
    pending = ZSTD_decompressStream(context, &out, &in);
    header.resize(have + out.pos);
    if (ZSTD_isError(pending)) return absl::DataLossError(absl::StrCat("zstd: ", ZSTD_getErrorName(pending)));
    if (header.size() > bytes || (out.pos == 0 && in.pos == in.size && pending != 0)) break;
  }
  if (pending != 0 || header.size() != bytes || in.pos != in.size) {
    return absl::DataLossError(FoundExpected("original header bytes", header.size(), bytes));
  }
  return header;
}

// The variable parts, whose sizes are all known and add up.
absl::Status ParseBody(std::span<const uint8_t> body, uint32_t num_tensors, uint64_t header_bytes,
                       uint64_t coded_header_bytes, BlockWorkspace& workspace, Manifest* manifest) {
  if (num_tensors > body.size() / kManifestEntryBytes) {
    return absl::OutOfRangeError(
        FoundExpected("manifest entries", num_tensors, absl::StrCat("at most ", body.size() / kManifestEntryBytes)));
  }
  for (uint32_t i = 0; i < num_tensors; ++i) {
    PLAIT_ASSIGN_OR_RETURN(const ManifestEntry entry, ParseEntry(body.data() + i * kManifestEntryBytes));
    manifest->entries.push_back(entry);
  }
  body = body.subspan(num_tensors * kManifestEntryBytes);
  if (coded_header_bytes > body.size() || AlignUp<uint64_t>(coded_header_bytes, 8) > body.size()) {
    return absl::OutOfRangeError(
        FoundExpected("coded header bytes", coded_header_bytes, absl::StrCat("at most ", body.size())));
  }
  PLAIT_ASSIGN_OR_RETURN(manifest->original_header,
                         DecodeOriginalHeader(body.first(coded_header_bytes), header_bytes, workspace));
  const size_t padded = AlignUp<uint64_t>(coded_header_bytes, 8);
  PLAIT_RETURN_IF_ERROR(CheckZeros(body.subspan(coded_header_bytes, padded - coded_header_bytes), "manifest padding"));
  PLAIT_ASSIGN_OR_RETURN(manifest->sections, ParseSections(body.subspan(padded)));
  return absl::OkStatus();
}

}  // namespace

Hash128 OriginalIdentity(const Manifest& manifest) {
  std::vector<uint8_t> hashes(16 * (1 + manifest.entries.size()));
  StoreHash(Hash128Of(manifest.original_header), hashes.data());
  for (size_t i = 0; i < manifest.entries.size(); ++i) {
    StoreHash(manifest.entries[i].decoded_hash, hashes.data() + 16 * (i + 1));
  }
  return Hash128Of(hashes);
}

std::vector<uint8_t> SerializeManifest(const Manifest& manifest, BlockWorkspace& workspace) {
  std::vector<uint8_t> bytes(kManifestFixedBytes + manifest.entries.size() * kManifestEntryBytes);
  StoreFixedFields(manifest, bytes.data());
  uint8_t* at = bytes.data() + kManifestFixedBytes;
  for (const ManifestEntry& entry : manifest.entries) {
    at[0] = static_cast<uint8_t>(entry.state);
    at[1] = static_cast<uint8_t>(entry.main_codec);
    StoreHash(entry.decoded_hash, at + 8);
    at += kManifestEntryBytes;
  }
  const size_t coded_at = bytes.size();
  ZstdEncode(kZstdLevel, manifest.original_header, workspace, &bytes);
  StoreLe(uint64_t{bytes.size() - coded_at}, bytes.data() + kCodedHeaderBytesAt);
  bytes.resize(AlignUp<size_t>(bytes.size(), 8));
  AppendSections(manifest.sections, &bytes);
  bytes.resize(bytes.size() + kManifestTailBytes);
  StoreLe(uint64_t{bytes.size()}, bytes.data() + kManifestBytesAt);
  StoreLe(uint64_t{bytes.size()}, bytes.data() + bytes.size() - kManifestTailBytes);
  std::memcpy(bytes.data() + bytes.size() - 8, kManifestEnd, sizeof(kManifestEnd));
  SealManifest(bytes);
  return bytes;
}

void PatchManifestHeaderHash(uint64_t header_hash, std::span<uint8_t> manifest_bytes) {
  StoreLe(header_hash, manifest_bytes.data() + kHeaderHashAt);
  SealManifest(manifest_bytes);
}

absl::StatusOr<Manifest> ParseManifest(std::span<const uint8_t> bytes, BlockWorkspace& workspace) {
  PLAIT_RETURN_IF_ERROR(CheckEnvelope(bytes));
  Manifest manifest;
  manifest.kind = static_cast<ContainerKind>(LoadLe<uint16_t>(bytes.data() + kKindAt));
  manifest.original_bytes = LoadLe<uint64_t>(bytes.data() + kOriginalBytesAt);
  manifest.header_bytes = LoadLe<uint64_t>(bytes.data() + kHeaderBytesAt);
  manifest.header_hash = LoadLe<uint64_t>(bytes.data() + kHeaderHashAt);
  const auto body = bytes.subspan(kManifestFixedBytes, bytes.size() - kManifestFixedBytes - kManifestTailBytes);
  PLAIT_RETURN_IF_ERROR(ParseBody(body, LoadLe<uint32_t>(bytes.data() + kNumTensorsAt),
                                  LoadLe<uint64_t>(bytes.data() + kOriginalHeaderBytesAt),
                                  LoadLe<uint64_t>(bytes.data() + kCodedHeaderBytesAt), workspace, &manifest));
  const Hash128 identity = OriginalIdentity(manifest);
  if (const Hash128 expected = LoadHash(bytes.data() + kIdentityAt); identity != expected) {
    return absl::DataLossError(FoundExpected("identity", HexDigits(identity), HexDigits(expected)));
  }
  return manifest;
}

}  // namespace plait
