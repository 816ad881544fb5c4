// Counts of byte symbols, and what an ideal order-0 coder would spend on them.
#ifndef PLAIT_CODEC_HISTOGRAM_HISTOGRAM_H_
#define PLAIT_CODEC_HISTOGRAM_HISTOGRAM_H_

#include <array>
#include <cstdint>
#include <span>

namespace plait {

using ByteHistogram = std::array<uint32_t, 256>;

// Occurrences of each byte value. `symbols` holds fewer than 2^32 bytes.
ByteHistogram CountBytes(std::span<const uint8_t> symbols);

// The same over the first 8 bytes of every `stride` (at least 8): an estimate at 8/stride of the cost.
ByteHistogram SampleBytes(std::span<const uint8_t> symbols, size_t stride);

uint64_t TotalCount(const ByteHistogram& counts);

// Bits that an ideal order-0 coder spends on all counted symbols, to about 1 in 4000. Integer arithmetic only: a choice
// that rests on it is the same on every machine.
uint64_t OrderZeroBits(const ByteHistogram& counts);

// The same for all num_symbols symbols, of which all or a sample are counted. A sample's own entropy is too low by what
// its counts vary by chance (Miller 1955); that is made good.
uint64_t EstimatedOrderZeroBits(const ByteHistogram& counts, uint64_t num_symbols);

// Base-2 logarithm of value >= 1 in units of 2^-kLog2FractionBits, to about 1 in 4000 of a bit. The same everywhere.
inline constexpr unsigned kLog2FractionBits = 16;
uint64_t FixedLog2(uint64_t value);

}  // namespace plait

#endif  // PLAIT_CODEC_HISTOGRAM_HISTOGRAM_H_
