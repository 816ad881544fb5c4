// The header of a NumPy array file (.npy). Source: numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#ifndef PLAIT_FORMATS_NPY_NPY_HEADER_H_
#define PLAIT_FORMATS_NPY_NPY_HEADER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace plait {

struct NpyHeader {
  std::string descr;  // the type, as "<f2"
  bool fortran_order = false;
  std::vector<uint64_t> shape;
  uint64_t header_bytes = 0;  // where the elements begin; filled by ParseNpyHeader
};

// A reader need not look at more than this to find the header.
inline constexpr size_t kMaxNpyHeaderBytes = size_t{64} << 10;

// The header at the front of `bytes`, which may go on behind it. Versions 1 to 3 of the format; a type of one field.
// Returns: kFailedPrecondition for what is no .npy; kOutOfRange if it ends early; kUnimplemented for another version or
// a type of several fields; kDataLoss if it is no dictionary of descr, fortran_order and shape, each once;
// kResourceExhausted above kMaxNpyHeaderBytes.
absl::StatusOr<NpyHeader> ParseNpyHeader(std::span<const uint8_t> bytes);

// Version 1, padded to 64 bytes as NumPy writes it.
std::vector<uint8_t> MakeNpyHeader(const NpyHeader& header);

}  // namespace plait

#endif  // PLAIT_FORMATS_NPY_NPY_HEADER_H_
