// Little-endian loads and stores at any alignment. Everything Plait writes is little-endian; so is every machine it
// builds for, which the static_assert holds.
#ifndef PLAIT_CODEC_BASE_ENDIAN_H_
#define PLAIT_CODEC_BASE_ENDIAN_H_

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>

namespace plait {

static_assert(std::endian::native == std::endian::little);

template <std::unsigned_integral T>
T LoadLe(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

template <std::unsigned_integral T>
void StoreLe(T value, uint8_t* bytes) {
  std::memcpy(bytes, &value, sizeof(T));
}

}  // namespace plait

#endif  // PLAIT_CODEC_BASE_ENDIAN_H_
