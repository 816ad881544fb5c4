#include "tools/bench_sample.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_format.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "formats/container/container_writer.h"

namespace plait {
namespace {

// Long enough that most blocks of a piece are whole, and enough of them to meet more than the front of the file.
constexpr uint64_t kPieceBytes = uint64_t{1} << 20;
constexpr uint64_t kLeastPieces = 4;

// A whole number of elements of every dtype (6 and 64 bits are the widest apart).
constexpr uint64_t kCutBytes = 48;

// Half-open, in the data section.
struct Piece {
  uint64_t begin;
  uint64_t end;
};

// Pieces of at most `max_bytes` together, in order.
std::vector<Piece> SpreadPieces(uint64_t data_bytes, uint64_t max_bytes) {
  max_bytes = std::min(max_bytes, data_bytes);
  const uint64_t count = std::max(kLeastPieces, max_bytes / kPieceBytes);
  const uint64_t piece_bytes = max_bytes / count;
  std::vector<Piece> pieces;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t begin = data_bytes / count * i;
    pieces.push_back({begin, std::min(begin + piece_bytes, data_bytes)});
  }
  return pieces;
}

// What `piece` holds of `tensor`, as a tensor of its own at the same place; empty if that is nothing.
TensorInfo Cut(const TensorInfo& tensor, const Piece& piece) {
  if (piece.begin <= tensor.begin && tensor.end <= piece.end) return tensor;
  TensorInfo part = tensor;
  part.begin = part.end = 0;
  if (piece.end <= tensor.begin || tensor.end <= piece.begin) return part;
  const uint64_t first = std::max(piece.begin, tensor.begin) - tensor.begin;
  const uint64_t last = std::min(piece.end, tensor.end) - tensor.begin;
  part.begin = tensor.begin + first / kCutBytes * kCutBytes;
  part.end = tensor.begin + last == tensor.end ? tensor.end : tensor.begin + last / kCutBytes * kCutBytes;
  part.shape = {part.bytes() * 8 / GetDtypeInfo(tensor.dtype).bits};
  part.name = absl::StrFormat("%s, bytes %d to %d", tensor.name, part.begin, part.end);
  return part;
}

// Parts of the tensors, in order, with their places in `plan`'s data section.
std::vector<TensorInfo> CutTensors(const ContainerPlan& plan, uint64_t max_bytes) {
  std::vector<TensorInfo> parts;
  size_t first = 0;  // tensor that does not end before the piece
  for (const Piece& piece : SpreadPieces(plan.original_bytes - plan.original_header.size(), max_bytes)) {
    while (first < plan.tensors.size() && plan.tensors[first].end <= piece.begin) ++first;
    for (size_t i = first; i < plan.tensors.size() && plan.tensors[i].begin < piece.end; ++i) {
      TensorInfo part = Cut(plan.tensors[i], piece);
      if (part.bytes() != 0) parts.push_back(std::move(part));
    }
  }
  return parts;
}

// Length and JSON of a .safetensors file that holds `parts` one behind the other.
std::vector<uint8_t> HeaderOf(std::vector<TensorInfo> parts) {
  uint64_t end = 0;
  for (TensorInfo& part : parts) {
    const uint64_t bytes = part.bytes();
    part.begin = end;
    part.end = end += bytes;
  }
  const std::string json = SafetensorsJson("", parts);
  std::vector<uint8_t> header(kSafetensorsLengthBytes);
  StoreLe<uint64_t>(json.size(), header.data());
  header.insert(header.end(), json.begin(), json.end());
  return header;
}

absl::Status AppendFrom(const ByteSource& source, uint64_t offset, uint64_t bytes, std::vector<uint8_t>& out) {
  const size_t begin = out.size();
  out.resize(begin + bytes);
  return source.ReadAt(offset, std::span(out).subspan(begin));
}

}  // namespace

absl::StatusOr<std::vector<uint8_t>> ReadSample(const ByteSource& source, uint64_t max_bytes) {
  std::vector<uint8_t> sample;
  if (source.size() <= max_bytes) {
    PLAIT_RETURN_IF_ERROR(AppendFrom(source, 0, source.size(), sample));
    return sample;
  }
  PLAIT_ASSIGN_OR_RETURN(const ContainerPlan plan, PlanContainer(source, /*strict=*/false));
  if (plan.kind == ContainerKind::kOpaque) {
    sample.reserve(max_bytes);
    for (const Piece& piece : SpreadPieces(source.size(), max_bytes)) {
      PLAIT_RETURN_IF_ERROR(AppendFrom(source, piece.begin, piece.end - piece.begin, sample));
    }
    return sample;
  }
  const std::vector<TensorInfo> parts = CutTensors(plan, max_bytes);
  sample = HeaderOf(parts);
  sample.reserve(sample.size() + max_bytes);
  for (const TensorInfo& part : parts) {
    PLAIT_RETURN_IF_ERROR(AppendFrom(source, plan.original_header.size() + part.begin, part.bytes(), sample));
  }
  return sample;
}

}  // namespace plait
