// Interleaved rANS over byte symbols: close to the order-0 limit, at the speed of vector units.
//
// Lanes of 16-bit states with probabilities in 1/128ths and units of a byte: states, tables and products fit the
// narrowest lanes that a machine has, so one instruction serves 32 or 64 of them. So coarse a probability would waste
// bits on rare symbols: they leave through an escape, and the next level codes them by frequencies of its own, with
// the same states (FORMAT.md says what that saves).
//
// rANS: Jarek Duda, "Asymmetric numeral systems" (arXiv:1311.2540). Interleaving lanes with one stream of units in lane
// order: Fabian Giesen, "Interleaved entropy coders" (arXiv:1402.3392). Layout and code here are our own.
#ifndef PLAIT_CODEC_RANS_RANS_H_
#define PLAIT_CODEC_RANS_RANS_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "codec/base/step_units.h"
#include "codec/histogram/histogram.h"
#include "codec/rans/rans_layout.h"
#include "codec/rans/rans_table.h"

namespace plait {

struct RansSettings {
  unsigned lanes_log2 = 7;   // at most; more lanes decode faster and cost 12 bits each, so small planes get fewer
  size_t sample_stride = 1;  // level 1's frequencies are those of every so many-th symbol of larger planes
};

// How one plane is coded.
struct RansPlan {
  RansLevel level;  // the first; the others follow from what escapes
  unsigned lanes_log2 = kRansMinLanesLog2;
  size_t estimated_bytes = 0;  // of the whole stream
};

// Memory of the coder, reused from plane to plane.
struct RansScratch {
  std::vector<uint8_t> digits;
  std::vector<uint8_t> escapes[2];
  std::vector<uint8_t> units;
};

// What to plan from: all symbols counted, or every sample_stride-th of a large plane.
ByteHistogram CountForRans(std::span<const uint8_t> symbols, const RansSettings& settings);

// A plan for n symbols with these counts, of all of them or of a sample. Depends on its arguments alone; ties go to the
// smaller symbol.
RansPlan PlanRans(const ByteHistogram& counts, size_t n, const RansSettings& settings);

// Appends `symbols`, coded, to `stream`.
// Requires: the plan's level has an escape or knows every symbol. The bytes do not depend on the CPU variant.
void RansEncode(std::span<const uint8_t> symbols, const RansPlan& plan, RansScratch& scratch,
                std::vector<uint8_t>* stream);

// Decodes exactly symbols.size() symbols from `stream`, which must hold one stream and nothing else. Reads nothing
// outside `stream`, whatever it holds.
// Returns: kOutOfRange if the stream ends early; kDataLoss if a field, a table, a state or the length is wrong. On
// failure `symbols` is unspecified.
absl::Status RansDecode(std::span<const uint8_t> stream, RansScratch& scratch, std::span<uint8_t> symbols);

// The same a part at a time: Open, Read until all n symbols are there, Finish. Errors are those of RansDecode.
class RansReader {
 public:
  // Decodes all levels but the first. `stream` and `scratch` must outlive the reader.
  static absl::StatusOr<RansReader> Open(std::span<const uint8_t> stream, size_t n, RansScratch& scratch);

  // The next symbols. Requires: as many are left; a multiple of kRansMaxLanes, or all that are left.
  absl::Status Read(std::span<uint8_t> symbols);

  // What of the stream the next symbols come from, for those who prefetch it; none near its end.
  std::span<const uint8_t> unread_units() const { return units_.in_stream(); }

  // Whether the stream ended where it should.
  absl::Status Finish() const;

 private:
  RansReader() = default;
  void BeginLevel(const RansLevel& level, std::span<const uint8_t> escapes);
  absl::Status FinishLevel() const;

  size_t lanes_ = 0;
  std::array<uint16_t, kRansMaxLanes> states_{};
  StepUnits units_;
  // Of the level that is being read.
  RansDecodeTable table_;
  std::span<const uint8_t> escapes_;  // left to be used; kRansMaxLanes more bytes can be read behind them
};

}  // namespace plait

#endif  // PLAIT_CODEC_RANS_RANS_H_
