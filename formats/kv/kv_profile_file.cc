#include "formats/kv/kv_profile_file.h"

#include <algorithm>
#include <cstring>

#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "codec/block/zstd_codec.h"
#include "formats/kv/kv_header.h"
#include "formats/kv/kv_profile_body.h"

namespace plait {
namespace {

constexpr int kProfileZstdLevel = 19;  // written once, read by many

std::vector<size_t> ChannelsOf(const KvGeometry& geometry) {
  std::vector<size_t> channels;
  for (const KvPlaneInfo& plane : geometry.planes) channels.push_back(plane.channels());
  return channels;
}

// All planes have quality layers or none has: the file knows no other.
absl::Status CheckFits(const KvGeometry& geometry, const KvProfile& profile) {
  PLAIT_RETURN_IF_ERROR(CheckKvGeometry(geometry));
  if (profile.element != geometry.element) return absl::DataLossError("element type: found two, expected one");
  if (profile.planes.size() != geometry.planes.size()) {
    return absl::DataLossError(FoundExpected("planes", profile.planes.size(), geometry.planes.size()));
  }
  for (size_t i = 0; i < profile.planes.size(); ++i) {
    if (profile.planes[i].channels() != geometry.planes[i].channels()) {
      return absl::DataLossError(FoundExpected(absl::StrCat("channels of plane ", i), profile.planes[i].channels(),
                                               geometry.planes[i].channels()));
    }
    if (profile.planes[i].has_quality_layers() != (profile.indices.num_classes() > 0)) {
      return absl::DataLossError(absl::StrCat("plane ", i, ": found other quality layers than the tables have"));
    }
  }
  return CheckKvProfile(profile);
}

absl::StatusOr<std::shared_ptr<const KvProfileFile>> MakeFile(KvGeometry geometry, KvProfile profile,
                                                              std::vector<uint8_t> bytes) {
  auto file = std::make_shared<KvProfileFile>();
  file->geometry = std::move(geometry);
  PLAIT_ASSIGN_OR_RETURN(file->coder, KvCoder::Create(std::move(profile)));
  file->name = Hash128Of(bytes);
  file->bytes = std::move(bytes);
  return file;
}

absl::Status ParseBody(std::span<const uint8_t> body, KvGeometry* geometry, KvProfile* profile) {
  KvBytesReader reader(body);
  PLAIT_RETURN_IF_ERROR(ReadKvGeometry(reader, geometry));
  profile->element = geometry->element;
  PLAIT_RETURN_IF_ERROR(ReadKvProfile(reader, ChannelsOf(*geometry), profile));
  PLAIT_RETURN_IF_ERROR(reader.Finish("body of the profile"));
  return CheckFits(*geometry, *profile);
}

}  // namespace

std::vector<uint8_t> KvProfileBody(const KvGeometry& geometry, const KvProfile& profile) {
  std::vector<uint8_t> body;
  AppendKvGeometry(geometry, &body);
  AppendKvProfile(profile, &body);
  return body;
}

std::vector<uint8_t> SealKvProfileBody(std::span<const uint8_t> body) {
  std::vector<uint8_t> bytes(kKvHeaderBytes);
  BlockWorkspace workspace;
  ZstdEncode(kProfileZstdLevel, body, workspace, &bytes);
  SealKvHeader(kKvProfileMagic, body.size(), bytes);
  return bytes;
}

absl::StatusOr<std::shared_ptr<const KvProfileFile>> MakeKvProfileFile(const KvGeometry& geometry, KvProfile profile) {
  if (absl::Status status = CheckFits(geometry, profile); !status.ok()) {
    return absl::InvalidArgumentError(status.message());
  }
  std::vector<uint8_t> bytes = SealKvProfileBody(KvProfileBody(geometry, profile));
  return MakeFile(geometry, std::move(profile), std::move(bytes));
}

absl::StatusOr<std::shared_ptr<const KvProfileFile>> ParseKvProfileFile(std::span<const uint8_t> bytes,
                                                                        uint64_t max_body_bytes) {
  PLAIT_ASSIGN_OR_RETURN(const KvHeader header, ParseKvHeader(kKvProfileMagic, "profile", bytes));
  if (header.head_bytes < bytes.size()) {
    return absl::DataLossError(FoundExpected("profile bytes", bytes.size(), header.head_bytes));
  }
  PLAIT_RETURN_IF_ERROR(CheckKvHeaderHash(header, "profile", bytes));
  if (header.bytes > max_body_bytes) {
    return absl::ResourceExhaustedError(
        FoundExpected("decoded bytes of the profile", header.bytes, absl::StrCat("at most ", max_body_bytes)));
  }
  std::vector<uint8_t> body(header.bytes);
  BlockWorkspace workspace;
  PLAIT_RETURN_IF_ERROR(ZstdDecode(bytes.subspan(kKvHeaderBytes), workspace, body));
  KvGeometry geometry;
  KvProfile profile;
  PLAIT_RETURN_IF_ERROR(ParseBody(body, &geometry, &profile));
  return MakeFile(std::move(geometry), std::move(profile), {bytes.begin(), bytes.end()});
}

}  // namespace plait
