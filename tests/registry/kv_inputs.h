// Tables, symbols and decisions for tests, fuzz seeds and benchmarks of the KV coder, from a seed.
#ifndef PLAIT_TESTS_REGISTRY_KV_INPUTS_H_
#define PLAIT_TESTS_REGISTRY_KV_INPUTS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "codec/kv/kv_rans.h"
#include "codec/kv/kv_tables.h"
#include "tests/registry/inputs.h"

namespace plait {

// Every context's symbols lie around a place of their own, ever rarer on both sides: `width` symbols away by a factor
// of e. Contexts are neighbouring symbols together.
KvTables MakeKvTables(size_t num_classes, size_t num_contexts, double width, Random& random);

// All 32 symbols alike; one symbol as often as the format allows.
KvTables UniformKvTables(size_t num_classes);
KvTables OneSymbolKvTables(uint8_t symbol);

// A plane and what its bytes lie in.
struct KvSymbols {
  std::vector<uint8_t> symbols;
  std::vector<uint8_t> class_of;

  KvSymbolPlane<const uint8_t> plane() const { return {symbols, class_of}; }
};

// Classes in ascending order, as evenly spread as may be.
std::vector<uint8_t> KvClasses(size_t channels, size_t num_classes);

// Symbols as the tables expect them.
KvSymbols MakeKvSymbols(const KvTables& tables, size_t rows, size_t channels, Random& random);

struct KvDecisions {
  std::vector<uint8_t> states;
  std::vector<uint8_t> bits;
  std::vector<uint8_t> class_of;

  KvBitPlane<const uint8_t> plane() const { return {states, bits, class_of}; }
};

KvBitTables MakeKvBitTables(size_t num_classes, Random& random);

// States of every kind, half of them zero; decisions as the tables expect them.
KvDecisions MakeKvDecisions(const KvBitTables& tables, size_t rows, size_t channels, Random& random);

// What the fuzzer of streams decodes with, and its seeds are coded with: five classes.
struct KvFuzzTables {
  KvTables symbols;
  KvBitTables bits;
};
KvFuzzTables MakeKvFuzzTables();

// The channels in an order of their own.
std::vector<uint16_t> MakeKvOrder(size_t channels, Random& random);

}  // namespace plait

#endif  // PLAIT_TESTS_REGISTRY_KV_INPUTS_H_
