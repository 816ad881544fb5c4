// Classes of channels whose symbols are alike, and their tables: Lloyd's algorithm with code lengths as distances.
#ifndef PLAIT_CODEC_KV_KV_CLASSES_H_
#define PLAIT_CODEC_KV_KV_CLASSES_H_

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "codec/kv/kv_layout.h"
#include "codec/kv/kv_tables.h"

namespace plait {

// A line on which neighbouring symbols stand for neighbouring values: what contexts are runs of.
using KvSymbolLine = std::array<uint8_t, kKvSymbols>;

struct KvClassSettings {
  size_t classes = 1;   // at most; those that no channel wants are left out
  size_t contexts = 1;  // of each class
};

// All symbols of one plane's samples: calls `take` with rows x channels symbols of each, in the order of the file.
using KvTakeSymbols = std::function<void(std::span<const uint8_t> symbols)>;
using KvSymbolSource = std::function<void(size_t plane, const KvTakeSymbols& take)>;

struct KvClasses {
  KvTables tables;
  std::vector<std::vector<uint8_t>> of_channel;  // [plane][channel]
};

// `channels` of each plane. Deterministic.
KvClasses FindKvClasses(std::span<const size_t> channels, const KvSymbolSource& source, const KvSymbolLine& line,
                        const KvClassSettings& settings);

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_CLASSES_H_
