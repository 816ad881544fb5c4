// The two hashes of the formats: XXH3-64 for coded bytes and headers, XXH3-128 for decoded tensors. Source:
// github.com/Cyan4973/xxHash (the library of the same name).
#ifndef PLAIT_CODEC_BASE_HASH_H_
#define PLAIT_CODEC_BASE_HASH_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace plait {

struct Hash128 {
  uint64_t low = 0;
  uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};

// 32 lower-case hex digits, most significant first, as `xxh128sum` prints.
std::string HexDigits(const Hash128& hash);
// 16 lower-case hex digits, most significant first.
std::string HexDigits(uint64_t hash);

uint64_t Hash64(std::span<const uint8_t> bytes, uint64_t seed = 0);
Hash128 Hash128Of(std::span<const uint8_t> bytes);

// XXH3-128 of bytes that arrive in pieces.
class Hasher128 {
 public:
  Hasher128();
  ~Hasher128();
  Hasher128(Hasher128&&) noexcept;
  Hasher128& operator=(Hasher128&&) noexcept;

  void Update(std::span<const uint8_t> bytes);
  Hash128 Digest() const;
  void Reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace plait

#endif  // PLAIT_CODEC_BASE_HASH_H_
