// Any block table and decoded hash at the end of a frame (ParseFrameFooter, ParseBlockTable) whose header, lengths and
// hashes are right and whose blocks are zeros: rejected, or every block lies inside the frame.
#include "codec/base/bits.h"
#include "formats/frame/frame_reader.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/seal.h"

namespace plait {
namespace {

// Of the footer: frame bytes, hash, footer bytes.
constexpr size_t kTailBytes = 24;

// Empty if no such tensor exists.
std::vector<uint8_t> FrameAround(std::span<const uint8_t> input) {
  FrameHeader header{.dtype = TakeDtype(input), .shape = {}, .sections = {}};
  header.shape = {TakeBelow(input, uint64_t{1} << 20)};
  header.block_log2 = kMinBlockLog2 + TakeBelow(input, kMaxBlockLog2 - kMinBlockLog2 + 1);
  const size_t most_bytes = kFrameAlignment * (1 + TakeBelow(input, 64));
  std::vector<uint8_t> frame;
  if (!MakeFrameHeader(&header, &frame).ok()) return {};
  const size_t footer_bytes = input.size() + kTailBytes;
  frame.resize(std::max(most_bytes, AlignUp(frame.size() + footer_bytes, kFrameAlignment)));
  std::ranges::copy(input, frame.end() - static_cast<ptrdiff_t>(footer_bytes));
  StoreLe(uint64_t{frame.size()}, frame.data() + frame.size() - kTailBytes);
  StoreLe(uint64_t{footer_bytes}, frame.data() + frame.size() - 8);
  SealFrameFooter(frame, header.hash);
  return frame;
}

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  const std::vector<uint8_t> frame = FrameAround({data, size});
  const MemorySource source(frame);
  const absl::StatusOr<FrameReader> reader = FrameReader::Open(&source, 0, frame.size());
  CheckRejection(reader.status());
  if (!reader.ok()) return 0;
  std::vector<uint8_t> coded;
  for (uint64_t i = 0; i < reader->header().num_blocks(); ++i) {
    Check(absl::IsDataLoss(reader->ReadCodedBlock(i, coded)), "a block of zeros is read and rejected");
  }
  return 0;
}
