// Any bytes as a block: every codec that takes them gives them back, and every CPU variant writes the same.
#include "tests/fuzz/fuzz_input.h"
#include "tests/registry/registry.h"

namespace plait {
namespace {

void CheckDecodes(const Input& input, const std::vector<uint8_t>& coded, BlockWorkspace& workspace) {
  for (CpuVariant variant : kAllCpuVariants) {
    if (!ForceCpu(variant).ok()) continue;
    std::vector<uint8_t> raw(input.raw.size());
    Check(DecodeBlock(input.spec(), coded, workspace, raw).ok(), "what was coded decodes");
    Check(raw == input.raw, "a block decodes to what was coded");
  }
}

template <class Encode>
void CheckRoundTrip(const Input& input, BlockWorkspace& workspace, Encode encode) {
  std::vector<uint8_t> expected;
  for (CpuVariant variant : kAllCpuVariants) {
    if (!ForceCpu(variant).ok()) continue;
    std::vector<uint8_t> coded;
    if (!encode(&coded)) return;
    if (expected.empty()) expected = coded;
    Check(coded == expected, "every variant writes the same bytes");
  }
  CheckDecodes(input, expected, workspace);
}

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> bytes(data, size);
  Input input{
      .name = {}, .dtype = *DtypeFromId(static_cast<uint8_t>(TakeBelow(bytes, DtypeTable().size()))), .raw = {}};
  // Whole elements of every dtype are a multiple of 8 of them.
  const size_t unit =
      GetDtypeInfo(input.dtype).bits < 8 ? GetDtypeInfo(input.dtype).bits : GetDtypeInfo(input.dtype).bits / 8;
  input.raw = ExactCopy(bytes.first(bytes.size() / unit * unit));
  static BlockWorkspace workspace;
  for (const CodecEntry& codec : CodecRegistry()) {
    CheckRoundTrip(input, workspace, [&](auto* coded) { return codec.Encode(input, 0, workspace, coded).ok(); });
  }
  CheckRoundTrip(input, workspace, [&](std::vector<uint8_t>* coded) {
    EncodeBlock(input.spec(), input.raw, workspace, coded);
    Check(coded->size() <= kBlockHeaderBytes + input.raw.size(), "the chosen block is never larger than a stored one");
    return true;
  });
  return 0;
}
