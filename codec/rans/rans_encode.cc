#include <algorithm>

#include "codec/base/endian.h"
#include "codec/rans/rans.h"
#include "codec/rans/rans_kernel.h"
#include "codec/rans/rans_plan.h"
#include "codec/rans/rans_select.h"

namespace plait {
namespace {

void Reserve(size_t bytes, std::vector<uint8_t>& buffer) {
  if (buffer.size() < bytes) buffer.resize(bytes);
}

// What has been coded so far: levels from the first down, units from the last to the first.
struct Coded {
  std::vector<RansLevel> levels;
  std::vector<size_t> num_escapes;  // of each level
  std::array<uint16_t, kRansMaxLanes> states;
  std::span<const uint8_t> raw;
  std::span<const uint8_t> units;
};

// A decoder takes the deepest level first, so the encoder, whose states run the other way, begins with level 1.
Coded CodeLevels(std::span<const uint8_t> symbols, const RansPlan& plan, RansScratch& scratch) {
  const RansKernels& kernels = ActiveRansKernels();
  const size_t n = symbols.size();
  Reserve(n, scratch.digits);
  for (auto& escapes : scratch.escapes) Reserve(n + kRansEscapeSlack, escapes);
  Reserve(kRansMaxLevels * n + kRansUnitsSlack, scratch.units);  // a symbol gives at most one unit at each level

  Coded coded;
  coded.states.fill(kRansLowState);
  uint8_t* const units_end = scratch.units.data() + scratch.units.size();
  uint8_t* units = units_end;
  RansLevel level = plan.level;
  coded.raw = symbols;
  do {
    const RansEncodeTable table = MakeRansEncodeTable(level);
    uint8_t* const escapes = scratch.escapes[coded.levels.size() % 2].data();
    const size_t level_symbols = coded.raw.size();
    const size_t num_escapes = kernels.map(table, coded.raw.data(), level_symbols, scratch.digits.data(), escapes);
    units = kernels.encode(table, size_t{1} << plan.lanes_log2, coded.states.data(), scratch.digits.data(),
                           level_symbols, units);
    coded.levels.push_back(level);
    coded.num_escapes.push_back(num_escapes);
    coded.raw = {escapes, num_escapes};
  } while (!coded.raw.empty() && PlanDeeperRansLevel(CountBytes(coded.raw), coded.levels.size(), &level));
  coded.units = {units, units_end};
  return coded;
}

void AppendLevelTable(const RansLevel& level, std::vector<uint8_t>* stream) {
  stream->push_back(static_cast<uint8_t>(level.num_digits | (level.has_escape ? kRansEscapeFlag : 0)));
  stream->insert(stream->end(), level.frequency.begin(), level.frequency.begin() + level.num_digits);
  stream->insert(stream->end(), level.symbol.begin(), level.symbol.begin() + level.num_symbols());
}

}  // namespace

void RansEncode(std::span<const uint8_t> symbols, const RansPlan& plan, RansScratch& scratch,
                std::vector<uint8_t>* stream) {
  const Coded coded = CodeLevels(symbols, plan, scratch);
  stream->push_back(static_cast<uint8_t>(coded.levels.size()));
  stream->push_back(static_cast<uint8_t>(plan.lanes_log2));
  stream->insert(stream->end(), 2, 0);
  for (size_t count : coded.num_escapes) {
    stream->resize(stream->size() + kRansCountBytes);
    StoreLe(static_cast<uint32_t>(count), stream->data() + stream->size() - kRansCountBytes);
  }
  for (const RansLevel& level : coded.levels) AppendLevelTable(level, stream);
  for (size_t lane = 0; lane < size_t{1} << plan.lanes_log2; ++lane) {
    stream->push_back(static_cast<uint8_t>(coded.states[lane]));
    stream->push_back(static_cast<uint8_t>(coded.states[lane] >> 8));
  }
  stream->insert(stream->end(), coded.raw.begin(), coded.raw.end());
  stream->insert(stream->end(), coded.units.begin(), coded.units.end());
}

}  // namespace plait
