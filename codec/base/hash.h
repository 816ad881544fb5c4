// The two hashes of the formats: XXH3-64 for coded bytes and headers, XXH3-128 for decoded tensors. Source:
// github.com/Cyan4973/xxHash (the library of the same name).
#ifndef PLAIT_CODEC_BASE_HASH_H_
#define PLAIT_CODEC_BASE_HASH_H_

#include <algorithm>
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

// Hash64 of bytes that arrive in pieces.
class Hasher64 {
 public:
  Hasher64();
  ~Hasher64();
  Hasher64(const Hasher64&) = delete;
  Hasher64& operator=(const Hasher64&) = delete;

  void Reset(uint64_t seed);
  void Update(std::span<const uint8_t> bytes);
  uint64_t Digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Hash64 of bytes that someone else reads at the same time: hashed by pieces while they are in cache.
class RunningHash {
 public:
  // `hasher` is reset and must outlive this.
  RunningHash(std::span<const uint8_t> bytes, uint64_t seed, Hasher64* hasher) : bytes_(bytes), hasher_(hasher) {
    hasher_->Reset(seed);
  }

  // Hashes up to about `end` bytes from the front, never backwards.
  void AdvanceTo(size_t end) {
    end = std::min(end, bytes_.size()) / kPieceBytes * kPieceBytes;
    if (end <= done_) return;
    hasher_->Update(bytes_.subspan(done_, end - done_));
    done_ = end;
  }

  // Hashes what is left. Call once.
  uint64_t Finish() {
    hasher_->Update(bytes_.subspan(done_));
    return hasher_->Digest();
  }

 private:
  static constexpr size_t kPieceBytes = 1024;  // what XXH3 takes without copying
  std::span<const uint8_t> bytes_;
  Hasher64* hasher_;
  size_t done_ = 0;
};

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
