// plait cat: the bytes of one tensor, or of some of its rows, without reading the others.
#include <unistd.h>

#include <algorithm>

#include "codec/base/status.h"
#include "formats/container/container_reader.h"
#include "tools/exit_code.h"
#include "tools/names.h"
#include "tools/pipeline/files.h"
#include "tools/pipeline/plait_input.h"
#include "tools/pipeline/where.h"
#include "tools/verbs.h"

namespace plait {
namespace {

constexpr uint64_t kPlainPieceBytes = uint64_t{1} << 20;

// A half-open stretch of the decoded tensor.
struct ByteRange {
  uint64_t begin = 0;
  uint64_t end = 0;
};

absl::StatusOr<ByteRange> RangeOf(const TensorInfo& tensor, const CatOptions& options) {
  if (!options.rows) return ByteRange{0, tensor.bytes()};
  if (tensor.shape.empty()) return absl::InvalidArgumentError("--rows: found a tensor without dimensions");
  const auto [first, last] = *options.rows;
  const uint64_t rows = tensor.shape[0];
  if (first > last || last > rows) {
    return absl::InvalidArgumentError(
        FoundExpected("--rows", absl::StrCat(first, ":", last), absl::StrCat("A:B with A <= B <= ", rows)));
  }
  const uint64_t row_bits = rows == 0 ? 0 : tensor.bytes() / rows * 8 + tensor.bytes() % rows * 8 / rows;
  if (row_bits % 8 != 0) return absl::InvalidArgumentError("--rows: found rows that are no whole number of bytes");
  return ByteRange{first * (row_bits / 8), last * (row_bits / 8)};
}

absl::Status CatFrame(const ContainerReader& container, size_t index, const ByteRange& range) {
  PLAIT_ASSIGN_OR_RETURN(const FrameReader frame, container.OpenFrame(index));
  const FrameHeader& header = frame.header();
  BlockWorkspace workspace;
  std::vector<uint8_t> coded;
  std::vector<uint8_t> raw;
  const uint64_t block_bytes = BlockRawBytes(header.block(0));
  for (uint64_t block = range.begin / block_bytes; block < header.num_blocks(); ++block) {
    const uint64_t begin = header.block_raw_offset(block);
    if (begin >= range.end) break;
    raw.resize(BlockRawBytes(header.block(block)));
    PLAIT_RETURN_IF_ERROR(Annotate(frame.ReadBlock(block, workspace, coded, raw), absl::StrCat("block ", block)));
    const uint64_t from = std::max(begin, range.begin) - begin;
    const uint64_t to = std::min(begin + raw.size(), range.end) - begin;
    PLAIT_RETURN_IF_ERROR(Annotate(WriteAll(STDOUT_FILENO, std::span(raw).subspan(from, to - from)), "stdout"));
  }
  return absl::OkStatus();
}

// A plain tensor has one hash for all of it: it is checked when all of it is read.
absl::Status CatPlain(const ContainerReader& container, size_t index, const ByteRange& range) {
  const StoredTensor& tensor = container.tensors()[index];
  Hasher128 hasher;
  std::vector<uint8_t> bytes;
  for (uint64_t begin = range.begin; begin < range.end; begin += kPlainPieceBytes) {
    bytes.resize(std::min(kPlainPieceBytes, range.end - begin));
    PLAIT_RETURN_IF_ERROR(container.source().ReadAt(tensor.offset + begin, bytes));
    hasher.Update(bytes);
    PLAIT_RETURN_IF_ERROR(Annotate(WriteAll(STDOUT_FILENO, bytes), "stdout"));
  }
  const bool whole = range.begin == 0 && range.end == tensor.original.bytes();
  if (!whole || hasher.Digest() == tensor.entry.decoded_hash) return absl::OkStatus();
  return absl::DataLossError(
      FoundExpected("decoded hash", HexDigits(hasher.Digest()), HexDigits(tensor.entry.decoded_hash)));
}

absl::Status CatTensor(const CatOptions& options) {
  PLAIT_ASSIGN_OR_RETURN(const PlaitInput input, PlaitInput::OpenContainer(options.file));
  const ContainerReader& container = *input.container();
  const std::optional<size_t> index = container.Find(options.tensor);
  if (!index)
    return absl::NotFoundError(absl::StrCat("tensor ", options.tensor, ": not in this file; plait list names them"));
  const std::string where = Where(container.kind(), options.tensor);
  const StoredTensor& tensor = container.tensors()[*index];
  absl::StatusOr<ByteRange> range = RangeOf(tensor.original, options);
  if (!range.ok()) return Annotate(range.status(), where);
  if (range->begin == range->end) return absl::OkStatus();
  return Annotate(tensor.framed() ? CatFrame(container, *index, *range) : CatPlain(container, *index, *range), where);
}

}  // namespace

int RunCat(const CatOptions& options) {
  if (absl::Status status = CatTensor(options); !status.ok()) return Report(DisplayName(options.file), status);
  return kExitOk;
}

}  // namespace plait
