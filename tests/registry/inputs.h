// Inputs of blocks: the edges where coders break, and generators from a seed. Used by tests, fuzz seeds and benchmarks.
#ifndef PLAIT_TESTS_REGISTRY_INPUTS_H_
#define PLAIT_TESTS_REGISTRY_INPUTS_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "codec/base/dtype.h"
#include "codec/block/block_codec.h"

namespace plait {

// std::mt19937_64 gives the same numbers everywhere; the standard's distributions do not, so none is used.
using Random = std::mt19937_64;

// The bytes of one block; `name` is what a test prints.
struct Input {
  std::string name;
  Dtype dtype = Dtype::kU8;
  std::vector<uint8_t> raw;

  BlockSpec spec(uint64_t seed = 0) const;
};

std::vector<uint8_t> RandomBytes(size_t n, Random& random);

// Byte i with probability about 2^-(i+1) for small i: what the counts of exponents look like.
std::vector<uint8_t> GeometricBytes(size_t n, Random& random);

// n little-endian bf16 words with geometric exponents below 1.0 and random signs and mantissas: like trained weights.
std::vector<uint8_t> WeightLikeBf16(size_t n, Random& random);

// n little-endian elements of a float type, with geometric exponents near 1.0 and random signs and mantissas.
std::vector<uint8_t> WeightLikeFloats(Dtype dtype, size_t n, Random& random);

// The same below 2^scale_log2, ever rarer away from zero as trained weights are: the first bit of the mantissa depends
// on the exponent. Too small ones are zeros.
std::vector<uint8_t> ThinningFloats(Dtype dtype, size_t n, int scale_log2, Random& random);

// Edges of any codec that carries bytes.
std::vector<Input> ByteEdges();

// Edges of the codec of constants.
std::vector<Input> ConstantEdges();

// Edges of any codec that knows bf16.
std::vector<Input> Bf16Edges();

// Edges of the planes of any float type.
std::vector<Input> FloatEdges(Dtype dtype);

}  // namespace plait

#endif  // PLAIT_TESTS_REGISTRY_INPUTS_H_
