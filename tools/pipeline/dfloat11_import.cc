#include "tools/pipeline/dfloat11_import.h"

#include <algorithm>
#include <vector>

#include "codec/base/status.h"
#include "codec/huffman/huffman.h"
#include "codec/transform/planes.h"
#include "tools/pipeline/ordered.h"
#include "tools/pipeline/safetensors_writing.h"
#include "tools/pipeline/stages.h"

namespace plait {
namespace {

constexpr size_t kBlocksPerItem = 16;

// A run of blocks on its way through a decoder.
struct RunItem {
  size_t first = 0;
  size_t last = 0;
  std::vector<uint8_t> codes;
  std::vector<uint8_t> exponents;
  std::vector<uint8_t> sign_mantissa;
  std::vector<uint8_t> weights;
  absl::Status status;
};

class ModuleDecoder {
 public:
  ModuleDecoder(const TensorFiles* files, const DFloat11Module* module) : files_(*files), module_(*module) {}

  absl::Status Open() {
    PLAIT_ASSIGN_OR_RETURN(const auto luts, files_.ReadAll(module_.part(DFloat11Part::kLuts)));
    PLAIT_ASSIGN_OR_RETURN(const auto gaps, files_.ReadAll(module_.part(DFloat11Part::kGaps)));
    PLAIT_ASSIGN_OR_RETURN(const auto positions, files_.ReadAll(module_.part(DFloat11Part::kOutputPositions)));
    PLAIT_ASSIGN_OR_RETURN(reader_,
                           HuffmanReader::Open(luts, gaps, positions, PartBytes(DFloat11Part::kEncodedExponent),
                                               PartBytes(DFloat11Part::kSignMantissa)));
    return absl::OkStatus();
  }

  bool Next(RunItem& item) {
    item.first = next_;
    item.last = next_ = std::min(next_ + kBlocksPerItem, reader_->num_blocks());
    return item.first < item.last;
  }

  // Also beside itself.
  absl::Status Decode(RunItem& item) const {
    const uint64_t begin = reader_->FirstSymbol(item.first);
    const uint64_t symbols = reader_->FirstSymbol(item.last) - begin;
    item.codes.resize(reader_->CodeBytes(item.first, item.last));
    item.exponents.resize(symbols);
    item.sign_mantissa.resize(symbols);
    item.weights.resize(2 * symbols);
    PLAIT_RETURN_IF_ERROR(
        files_.Read(module_.part(DFloat11Part::kEncodedExponent), item.first * kHuffmanBlockBytes, item.codes));
    PLAIT_RETURN_IF_ERROR(files_.Read(module_.part(DFloat11Part::kSignMantissa), begin, item.sign_mantissa));
    const StageTimer timer(Stage::kCode);
    PLAIT_RETURN_IF_ERROR(reader_->DecodeHuffmanBlocks(item.codes, item.first, item.last, item.exponents));
    JoinPlanes(PlaneKind::kBf16, {item.exponents, item.sign_mantissa}, item.weights);
    return absl::OkStatus();
  }

 private:
  uint64_t PartBytes(DFloat11Part part) const { return files_.tensors()[module_.part(part)].bytes(); }

  const TensorFiles& files_;
  const DFloat11Module& module_;
  std::optional<HuffmanReader> reader_;
  size_t next_ = 0;
};

// What the weights of a module are.
absl::Status AppendWeights(const TensorFiles& files, const DFloat11Module& module, const DFloat11Config& config,
                           std::vector<TensorInfo>* tensors) {
  PLAIT_ASSIGN_OR_RETURN(const auto splits, files.ReadAll(module.part(DFloat11Part::kSplitPositions)));
  const uint64_t elements = files.tensors()[module.part(DFloat11Part::kSignMantissa)].bytes();
  PLAIT_ASSIGN_OR_RETURN(const std::vector<uint64_t> ends, ParseSplitPositions(splits, elements));
  uint64_t begin = 0;
  for (size_t i = 0; i < ends.size(); ++i) {
    TensorInfo weight = {
        .name = module.weights[i], .dtype = Dtype::kBf16, .shape = {}, .begin = 0, .end = 2 * (ends[i] - begin)};
    PLAIT_ASSIGN_OR_RETURN(weight.shape, DFloat11WeightShape(config, weight.name, ends[i] - begin));
    tensors->push_back(std::move(weight));
    begin = ends[i];
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status DecodeDFloat11Module(const TensorFiles& files, const DFloat11Module& module, int threads,
                                  const std::function<absl::Status(std::span<const uint8_t> weights)>& receive) {
  ModuleDecoder decoder(&files, &module);
  const std::string where = "module " + module.name;
  PLAIT_RETURN_IF_ERROR(Annotate(decoder.Open(), where));
  return RunOrdered<RunItem>(
      threads, [&](RunItem& item) { return decoder.Next(item); },
      [&](RunItem& item) { item.status = decoder.Decode(item); },
      [&](RunItem& item) { return item.status.ok() ? receive(item.weights) : Annotate(item.status, where); });
}

absl::Status ImportDFloat11(const TensorFiles& files, const DFloat11Layout& layout, const DFloat11Config& config,
                            int threads, ByteSink& sink, Progress& progress) {
  // What is wider than weights stands in front of them, so that all are aligned.
  std::vector<size_t> others = layout.others;
  const auto bits = [&](size_t tensor) { return GetDtypeInfo(files.tensors()[tensor].dtype).bits; };
  std::ranges::stable_sort(others, std::greater(), bits);
  const auto narrow = std::ranges::find_if(others, [&](size_t tensor) { return bits(tensor) < 16; });
  std::vector<TensorInfo> tensors;
  for (auto other = others.begin(); other != narrow; ++other) tensors.push_back(files.tensors()[*other]);
  for (const DFloat11Module& module : layout.modules) {
    PLAIT_RETURN_IF_ERROR(AppendWeights(files, module, config, &tensors));
  }
  for (auto other = narrow; other != others.end(); ++other) tensors.push_back(files.tensors()[*other]);
  PLAIT_RETURN_IF_ERROR(AppendSafetensorsHeader(tensors, sink));
  for (auto other = others.begin(); other != narrow; ++other) {
    PLAIT_RETURN_IF_ERROR(CopyTensor(files, *other, sink, progress));
  }
  for (const DFloat11Module& module : layout.modules) {
    PLAIT_RETURN_IF_ERROR(DecodeDFloat11Module(files, module, threads, [&](std::span<const uint8_t> weights) {
      progress.Add(weights.size(), weights.size());
      return sink.Append(weights);
    }));
  }
  for (auto other = narrow; other != others.end(); ++other) {
    PLAIT_RETURN_IF_ERROR(CopyTensor(files, *other, sink, progress));
  }
  return absl::OkStatus();
}

}  // namespace plait
