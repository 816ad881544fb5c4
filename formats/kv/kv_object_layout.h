// Numbers frozen in KV objects and profile files (FORMAT.md beside this file).
#ifndef PLAIT_FORMATS_KV_KV_OBJECT_LAYOUT_H_
#define PLAIT_FORMATS_KV_KV_OBJECT_LAYOUT_H_

#include <cstddef>
#include <cstdint>

namespace plait {

inline constexpr uint16_t kKvVersion = 0;

// Both begin with: magic (8) | version (2) | zero (2) | head bytes (4) | bytes (8) | hash (8)
//   object   head: header and manifest; bytes: of the object
//   profile  head: header and zstd frame, which is the file; bytes: what the frame decodes to
// The hash is XXH3-64 of bytes 0..23, seeded with XXH3-64 of the head from byte 32 on.
inline constexpr char kKvObjectMagic[8] = {'P', 'L', 'T', 'K', 'V', 'O', 'B', 'J'};
inline constexpr char kKvProfileMagic[8] = {'P', 'L', 'T', 'K', 'V', 'P', 'R', 'F'};
inline constexpr size_t kKvHeaderBytes = 32;
inline constexpr size_t kKvHashedHeaderBytes = 24;

// How the segments of an object are coded.
enum class KvForm : uint8_t {
  kLayers = 0,  // quality layers, base to exact
  kRans = 1,    // at once, without loss
  kTier = 2,    // at once, without loss, blocks of codec/block
  kRange = 3,   // at once, without loss, planes of codec/range
};

// Whether there is a profile for objects of this form.
constexpr bool NeedsKvProfile(KvForm form) { return form == KvForm::kLayers || form == KvForm::kRans; }

// Where an object's geometry and tables are.
enum class KvProfilePlace : uint8_t {
  kNone = 0,   // there are no tables; the geometry is in the manifest
  kNamed = 1,  // in a profile file of this name
  kInline = 2  // in a profile file that is in the manifest
};

// Whether keys were rotated by their positions before they were handed over.
enum class KvRope : uint8_t { kPre = 0, kPost = 1 };

inline constexpr size_t kKvKeyBytes = 32;
inline constexpr size_t kKvHashBytes = 8;

// Limits that a reader may hold to.
inline constexpr size_t kMaxKvPlanes = 4096;
inline constexpr size_t kMaxKvNameBytes = 64;         // of a plane
inline constexpr size_t kMaxKvModelNameBytes = 1024;  // of a model
inline constexpr uint32_t kMaxKvModelLayer = (1u << 20) - 1;
inline constexpr uint64_t kMaxKvManifestBytes = uint64_t{64} << 20;
inline constexpr uint64_t kMaxKvProfileBodyBytes = uint64_t{64} << 20;

// No coder makes less of them: a row that is a copy takes 2 bytes, and has at most 2^16 elements. So a reader knows
// what memory a model layer has earned.
inline constexpr uint64_t kMaxKvElementsPerByte = uint64_t{1} << 15;

// Elements of a block of the tier form, as a power of two.
inline constexpr unsigned kKvTierBlockLog2 = 17;

}  // namespace plait

#endif  // PLAIT_FORMATS_KV_KV_OBJECT_LAYOUT_H_
