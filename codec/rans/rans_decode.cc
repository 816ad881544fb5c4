#include <algorithm>
#include <numeric>

#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "codec/rans/rans.h"
#include "codec/rans/rans_kernel.h"
#include "codec/rans/rans_select.h"

namespace plait {
namespace {

static_assert(kRansMaxLanes <= kMaxStepBytes);

// What stands in front of the units, checked.
struct Header {
  size_t num_levels = 0;
  size_t lanes = 0;
  size_t num_escapes[kRansMaxLevels] = {};  // of each level; the last ones are the raw symbols
  RansLevel levels[kRansMaxLevels];
  std::array<uint16_t, kRansMaxLanes> states{};
  std::span<const uint8_t> raw;
  std::span<const uint8_t> units;
};

// Reads a stream from front to back.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> stream) : left_(stream) {}

  absl::StatusOr<std::span<const uint8_t>> Take(size_t bytes) {
    if (bytes > left_.size()) {
      return absl::OutOfRangeError(FoundExpected("rans stream bytes left", left_.size(), bytes));
    }
    const auto taken = left_.first(bytes);
    left_ = left_.subspan(bytes);
    return taken;
  }

  std::span<const uint8_t> left() const { return left_; }

 private:
  std::span<const uint8_t> left_;
};

absl::Status ReadSizes(Reader& reader, size_t n, Header& header) {
  PLAIT_ASSIGN_OR_RETURN(const auto fixed, reader.Take(kRansFixedHeaderBytes));
  header.num_levels = fixed[0];
  if (header.num_levels < 1 || header.num_levels > kRansMaxLevels) {
    return absl::DataLossError(FoundExpected("rans levels", fixed[0], absl::StrCat("1 to ", kRansMaxLevels)));
  }
  if (fixed[1] < kRansMinLanesLog2 || fixed[1] > kRansMaxLanesLog2) {
    return absl::DataLossError(
        FoundExpected("log2 of rans lanes", fixed[1], absl::StrCat(kRansMinLanesLog2, " to ", kRansMaxLanesLog2)));
  }
  header.lanes = size_t{1} << fixed[1];
  if (LoadLe<uint16_t>(fixed.data() + 2) != 0) {
    return absl::DataLossError("reserved rans bytes: found ones, expected zeros");
  }
  size_t most = n;
  for (size_t k = 0; k < header.num_levels; ++k) {
    PLAIT_ASSIGN_OR_RETURN(const auto count, reader.Take(kRansCountBytes));
    header.num_escapes[k] = LoadLe<uint32_t>(count.data());
    if (header.num_escapes[k] > most) {
      return absl::DataLossError(
          FoundExpected("symbols escaping a rans level", header.num_escapes[k], absl::StrCat("at most ", most)));
    }
    most = header.num_escapes[k];
  }
  return absl::OkStatus();
}

absl::StatusOr<RansLevel> ReadLevelTable(Reader& reader) {
  PLAIT_ASSIGN_OR_RETURN(const auto first, reader.Take(1));
  RansLevel level;
  level.num_digits = first[0] & kRansDigitsMask;
  level.has_escape = (first[0] & kRansEscapeFlag) != 0;
  if (level.num_digits < kRansMinDigits || level.num_digits > kRansMaxDigits ||
      (first[0] & ~(kRansDigitsMask | kRansEscapeFlag))) {
    return absl::DataLossError(FoundExpected("digits of a rans level", first[0],
                                             absl::StrCat(kRansMinDigits, " to ", kRansMaxDigits, ", perhaps + 128")));
  }
  PLAIT_ASSIGN_OR_RETURN(const auto frequencies, reader.Take(level.num_digits));
  PLAIT_ASSIGN_OR_RETURN(const auto symbols, reader.Take(level.num_symbols()));
  const unsigned sum = std::accumulate(frequencies.begin(), frequencies.end(), 0u);
  if (sum != kRansSlots) return absl::DataLossError(FoundExpected("sum of rans frequencies", sum, kRansSlots));
  if (std::ranges::find(frequencies, 0) != frequencies.end()) {
    return absl::DataLossError("rans frequency: found 0, expected at least 1");
  }
  std::ranges::copy(frequencies, level.frequency.begin());
  std::ranges::copy(symbols, level.symbol.begin());
  return level;
}

absl::Status ReadStates(Reader& reader, Header& header) {
  PLAIT_ASSIGN_OR_RETURN(const auto bytes, reader.Take(header.lanes * kRansStateBytes));
  for (size_t lane = 0; lane < header.lanes; ++lane) {
    header.states[lane] = LoadLe<uint16_t>(bytes.data() + lane * kRansStateBytes);
    if (header.states[lane] < kRansLowState) {
      return absl::DataLossError(
          FoundExpected("rans state", header.states[lane], absl::StrCat("at least ", kRansLowState)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Header> ReadHeader(std::span<const uint8_t> stream, size_t n) {
  Reader reader(stream);
  Header header;
  PLAIT_RETURN_IF_ERROR(ReadSizes(reader, n, header));
  for (size_t k = 0; k < header.num_levels; ++k) {
    PLAIT_ASSIGN_OR_RETURN(header.levels[k], ReadLevelTable(reader));
  }
  PLAIT_RETURN_IF_ERROR(ReadStates(reader, header));
  PLAIT_ASSIGN_OR_RETURN(header.raw, reader.Take(header.num_escapes[header.num_levels - 1]));
  header.units = reader.left();
  return header;
}

// Room for n symbols and for what a step reads behind them.
std::span<uint8_t> EscapeBuffer(std::vector<uint8_t>& buffer, size_t n) {
  if (buffer.size() < n + kRansMaxLanes) buffer.resize(n + kRansMaxLanes);
  return std::span(buffer).first(n);
}

}  // namespace

absl::StatusOr<RansReader> RansReader::Open(std::span<const uint8_t> stream, size_t n, RansScratch& scratch) {
  PLAIT_ASSIGN_OR_RETURN(const Header header, ReadHeader(stream, n));
  RansReader reader;
  reader.lanes_ = header.lanes;
  reader.states_ = header.states;
  reader.units_ = StepUnits(header.units, header.lanes);
  std::span<uint8_t> deeper = EscapeBuffer(scratch.escapes[header.num_levels % 2], header.raw.size());
  std::ranges::copy(header.raw, deeper.begin());
  for (size_t k = header.num_levels - 1; k > 0; --k) {
    reader.BeginLevel(header.levels[k], deeper);
    deeper = EscapeBuffer(scratch.escapes[k % 2], header.num_escapes[k - 1]);
    PLAIT_RETURN_IF_ERROR(reader.Read(deeper));
    PLAIT_RETURN_IF_ERROR(reader.FinishLevel());
  }
  reader.BeginLevel(header.levels[0], deeper);
  return reader;
}

void RansReader::BeginLevel(const RansLevel& level, std::span<const uint8_t> escapes) {
  table_ = MakeRansDecodeTable(level);
  escapes_ = escapes;
}

absl::Status RansReader::Read(std::span<uint8_t> symbols) {
  const RansKernels& kernels = ActiveRansKernels();
  const uint8_t* const escapes_end = escapes_.data() + escapes_.size();
  RansCursor cursor = {nullptr, nullptr, escapes_.data(), escapes_end};
  size_t done = 0;
  do {
    cursor.units = units_.at();
    cursor.units_stop = units_.stop();
    done += kernels.decode(table_, lanes_, states_.data(), &cursor, symbols.data() + done, symbols.size() - done);
    units_.MoveTo(cursor.units);
  } while (done < symbols.size() && units_.GoOn());
  if (units_.RanOut()) return absl::OutOfRangeError("rans units: found the end of the stream, expected more");
  if (done < symbols.size() || cursor.escapes > escapes_end) {
    return absl::DataLossError("symbols escaping a rans level: found more than the level below has");
  }
  escapes_ = {cursor.escapes, escapes_end};
  return absl::OkStatus();
}

absl::Status RansReader::FinishLevel() const {
  if (escapes_.empty()) return absl::OkStatus();
  return absl::DataLossError(FoundExpected("symbols that escape no rans level", escapes_.size(), 0));
}

absl::Status RansReader::Finish() const {
  PLAIT_RETURN_IF_ERROR(FinishLevel());
  if (!units_.AllUsed()) return absl::DataLossError("rans units: found more than the symbols take");
  const auto states = std::span(states_).first(lanes_);
  const auto odd = std::ranges::find_if(states, [](uint16_t state) { return state != kRansLowState; });
  if (odd == states.end()) return absl::OkStatus();
  return absl::DataLossError(FoundExpected("last rans state", *odd, kRansLowState));
}

absl::Status RansDecode(std::span<const uint8_t> stream, RansScratch& scratch, std::span<uint8_t> symbols) {
  PLAIT_ASSIGN_OR_RETURN(RansReader reader, RansReader::Open(stream, symbols.size(), scratch));
  PLAIT_RETURN_IF_ERROR(reader.Read(symbols));
  return reader.Finish();
}

}  // namespace plait
