// Any bytes as the parts of a DFloat11 stream: rejected, or decoded; blocks one by one as all at once.
#include <algorithm>

#include "codec/huffman/huffman.h"
#include "tests/fuzz/fuzz_input.h"

namespace plait {
namespace {

std::vector<uint8_t> TakeBytes(std::span<const uint8_t>& input, size_t most) {
  size_t bytes = TakeBelow(input, most + 1);
  bytes = std::min(bytes, input.size());
  const std::vector<uint8_t> taken = ExactCopy(input.first(bytes));
  input = input.subspan(bytes);
  return taken;
}

void CheckBlocks(const HuffmanReader& reader, std::span<const uint8_t> codes, std::span<const uint8_t> expected) {
  for (size_t block = 0; block < reader.num_blocks(); ++block) {
    const std::vector<uint8_t> part =
        ExactCopy(codes.subspan(block * kHuffmanBlockBytes, reader.CodeBytes(block, block + 1)));
    const auto symbols =
        expected.subspan(reader.FirstSymbol(block), reader.FirstSymbol(block + 1) - reader.FirstSymbol(block));
    std::vector<uint8_t> decoded(symbols.size());
    Check(reader.DecodeHuffmanBlocks(part, block, block + 1, decoded).ok(), "a block by itself can be decoded");
    Check(std::ranges::equal(decoded, symbols), "a block by itself gives the same symbols");
  }
}

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> input(data, size);
  const uint32_t num_symbols = TakeBelow(input, 40000);
  const std::vector<uint8_t> luts = TakeBytes(input, 8192);
  const std::vector<uint8_t> gaps = TakeBytes(input, 4096);
  const std::vector<uint8_t> positions = TakeBytes(input, 64);
  const std::vector<uint8_t> codes = ExactCopy(input);
  std::vector<uint8_t> symbols(num_symbols);
  const absl::Status status = DecodeHuffman(luts, codes, gaps, positions, symbols);
  CheckRejection(status);
  if (!status.ok()) return 0;
  CheckBlocks(HuffmanReader::Open(luts, gaps, positions, codes.size(), num_symbols).value(), codes, symbols);
  const absl::StatusOr<HuffmanStream> again = EncodeHuffman(symbols);
  Check(again.ok(), "what was decoded can be coded");
  std::vector<uint8_t> decoded(num_symbols);
  Check(DecodeHuffman(again->luts, again->codes, again->gaps, again->output_positions, decoded).ok(),
        "what was coded can be decoded");
  Check(decoded == symbols, "symbols survive being coded");
  return 0;
}
