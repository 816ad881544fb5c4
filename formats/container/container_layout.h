// Names and numbers frozen in the container format (FORMAT.md beside this file).
#ifndef PLAIT_FORMATS_CONTAINER_CONTAINER_LAYOUT_H_
#define PLAIT_FORMATS_CONTAINER_CONTAINER_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace plait {

// The reserved tensor that holds the manifest, and the one that holds a file which is no .safetensors. An original that
// uses a name with this prefix is carried as an opaque file.
inline constexpr std::string_view kReservedPrefix = "__plait__";
inline constexpr std::string_view kManifestName = "__plait__";
inline constexpr std::string_view kOpaqueName = "__plait__.file";

// Every container has these bytes at offset 8, behind the header's length, and kManifestEnd as its last 8 bytes.
inline constexpr std::string_view kContainerStart = "{\"__plait__\":";

// What a loader of .safetensors sees as __metadata__: a format that none of them claims, so that loading fails loudly.
inline constexpr std::string_view kContainerMetadata = "\"__metadata__\":{\"format\":\"plait\"}";

// Manifest: magic (8) | version (2) | kind (2) | tensors (4) | manifest bytes (8) | original file bytes (8) |
//           container header bytes (8) | XXH3-64 of the container's header (8) | identity (16) |
//           original header bytes (8) | bytes of its zstd frame (8) |
//           entries (24 each) | zstd frame | zeros to 8 | sections | manifest bytes again (8) |
//           XXH3-64 of all before (8) | end magic (8)
inline constexpr char kManifestMagic[8] = {'P', 'L', 'T', 'M', 'A', 'N', 'I', 'F'};
inline constexpr char kManifestEnd[8] = {'P', 'L', 'T', 'P', 'L', 'A', 'I', 'T'};
inline constexpr uint16_t kContainerVersion = 0;
inline constexpr size_t kManifestFixedBytes = 80;
inline constexpr size_t kManifestTailBytes = 24;

// Entry: state (1) | main codec (1) | zeros (6) | XXH3-128 of the decoded tensor (16), in the order of the original.
inline constexpr size_t kManifestEntryBytes = 24;

enum class ContainerKind : uint16_t {
  kOpaque = 0,       // one tensor kOpaqueName (none if the original is empty) holds the whole original
  kSafetensors = 1,  // one tensor for each of the original's, under its own name
};

enum class TensorState : uint8_t {
  kPlain = 0,   // the original bytes, dtype and shape
  kFramed = 1,  // a frame, as a one-dimensional U8 tensor
};

// What is never framed, a writer's choice: readers take frames of any size. The smallest frame takes 256 bytes. Of a
// small tensor's frame, header, footer and padding would be a fifth, and a loader would read three places for it
// instead of one.
inline constexpr uint64_t kNeverFramedBytes = 256;
inline constexpr uint64_t kNeverFramedTensorBytes = 2048;

}  // namespace plait

#endif  // PLAIT_FORMATS_CONTAINER_CONTAINER_LAYOUT_H_
