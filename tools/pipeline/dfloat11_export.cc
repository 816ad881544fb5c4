#include "tools/pipeline/dfloat11_export.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "codec/huffman/huffman.h"
#include "codec/transform/planes.h"
#include "tools/pipeline/dfloat11_import.h"
#include "tools/pipeline/ordered.h"
#include "tools/pipeline/safetensors_writing.h"
#include "tools/pipeline/stages.h"

namespace plait {
namespace {

// A piece and what is made of it fit the cache.
constexpr uint64_t kPieceWeights = uint64_t{1} << 17;

// Consecutive weights of a tensor.
struct Piece {
  size_t tensor = 0;
  uint64_t begin = 0;  // weights
  uint64_t weights = 0;
  uint64_t coded_bits = 0;
};

// A module with what is known of it so far.
struct Module {
  const DFloat11Source* source = nullptr;
  std::vector<Piece> pieces;
  uint64_t num_weights = 0;
  HuffmanPlan plan;
  uint64_t coded_bits = 0;
  std::vector<uint8_t> gaps;              // of the whole stream, once it is coded
  std::vector<uint8_t> output_positions;  // likewise
};

struct PieceItem {
  const Piece* piece = nullptr;
  ByteHistogram counts;
  uint64_t begin_bit = 0;
  std::vector<uint8_t> raw;
  std::vector<uint8_t> exponents;
  std::vector<uint8_t> sign_mantissa;
  HuffmanPiece coded;
  absl::Status status;
};

absl::Status ReadPiece(const TensorFiles& files, PieceItem& item) {
  const Piece& piece = *item.piece;
  item.raw.resize(2 * piece.weights);
  item.exponents.resize(piece.weights);
  item.sign_mantissa.resize(piece.weights);
  PLAIT_RETURN_IF_ERROR(files.Read(piece.tensor, 2 * piece.begin, item.raw));
  const StageTimer timer(Stage::kCode);
  SplitPlanes(PlaneKind::kBf16, item.raw, {item.exponents, item.sign_mantissa});
  return absl::OkStatus();
}

// Reads every piece of `pieces`, in order, and does `work` beside others, `consume` one at a time.
absl::Status ForEachPiece(const TensorFiles& files, std::span<const Piece> pieces, int threads,
                          const std::function<void(PieceItem&)>& produce, const std::function<void(PieceItem&)>& work,
                          const std::function<absl::Status(PieceItem&)>& consume) {
  size_t next = 0;
  return RunOrdered<PieceItem>(
      threads,
      [&](PieceItem& item) {
        if (next == pieces.size()) return false;
        item.piece = &pieces[next++];
        produce(item);
        return true;
      },
      [&](PieceItem& item) {
        item.status = ReadPiece(files, item);
        const StageTimer timer(Stage::kCode);
        if (item.status.ok()) work(item);
      },
      [&](PieceItem& item) { return item.status.ok() ? consume(item) : item.status; });
}

void Nothing(PieceItem&) {}

std::vector<Piece> PiecesOf(const TensorFiles& files, const DFloat11Source& source) {
  std::vector<Piece> pieces;
  for (size_t tensor : source.weights) {
    const uint64_t weights = files.tensors()[tensor].bytes() / 2;
    for (uint64_t begin = 0; begin < weights; begin += kPieceWeights) {
      pieces.push_back({.tensor = tensor, .begin = begin, .weights = std::min(kPieceWeights, weights - begin)});
    }
  }
  return pieces;
}

absl::Status CheckCount(const Module& module, std::string_view what, uint64_t found, uint64_t most) {
  if (found <= most) return absl::OkStatus();
  return absl::UnimplementedError(
      FoundExpected(absl::StrCat("module ", module.source->name, ": ", Absl(what)), found,
                    absl::StrCat("at most ", most, ", as DFloat11 counts them in 32 bits")));
}

// The name of the first tensor with a symbol that has no code.
std::string Culprit(const TensorFiles& files, const Module& module, std::span<const ByteHistogram> counts) {
  for (size_t i = 0; i < counts.size(); ++i) {
    const auto pointers = std::span(counts[i]).subspan(kHuffmanFirstPointer);
    if (std::ranges::any_of(pointers, [](uint32_t count) { return count != 0; })) {
      return "tensor " + files.tensors()[module.pieces[i].tensor].name;
    }
  }
  return "module " + module.source->name;
}

// Counts the exponents of every piece, makes the module's code, and says how many bits each piece takes.
absl::Status PlanModule(const TensorFiles& files, int threads, Module& module) {
  PLAIT_RETURN_IF_ERROR(CheckCount(module, "weights", module.num_weights, kHuffmanMaxSymbols));
  std::vector<ByteHistogram> counts;
  ByteHistogram total{};
  const auto count = [](PieceItem& item) { item.counts = CountBytes(item.exponents); };
  const auto add = [&](PieceItem& item) {
    counts.push_back(item.counts);
    std::ranges::transform(total, item.counts, total.begin(), std::plus());
    return absl::OkStatus();
  };
  PLAIT_RETURN_IF_ERROR(ForEachPiece(files, module.pieces, threads, Nothing, count, add));
  absl::StatusOr<HuffmanPlan> plan = PlanHuffman(total);
  if (!plan.ok()) return Annotate(plan.status(), Culprit(files, module, counts));
  module.plan = *std::move(plan);
  for (size_t i = 0; i < counts.size(); ++i) {
    module.pieces[i].coded_bits = HuffmanCodedBits(module.plan.code, counts[i]);
    module.coded_bits += module.pieces[i].coded_bits;
  }
  return CheckCount(module, "bytes of codes", HuffmanSizesOf(module.coded_bits).codes, kHuffmanMaxCodeBytes);
}

// ---- Tensors of the checkpoint ----

// A tensor that is written: one of the model's own, or a part of a module.
struct OutTensor {
  TensorInfo info;
  size_t other = 0;  // of the model, if there is no module
  Module* module = nullptr;
  DFloat11Part part = {};
};

std::vector<uint64_t> PartShape(const Module& module, DFloat11Part part) {
  const HuffmanSizes sizes = HuffmanSizesOf(module.coded_bits);
  switch (part) {
    case DFloat11Part::kEncodedExponent: return {sizes.codes};
    case DFloat11Part::kGaps: return {sizes.gaps};
    case DFloat11Part::kLuts: return {module.plan.luts.size() / kHuffmanRowBytes, kHuffmanRowBytes};
    case DFloat11Part::kOutputPositions: return {sizes.output_positions};
    case DFloat11Part::kSignMantissa: return {module.num_weights};
    case DFloat11Part::kSplitPositions: return {module.source->weights.size() - 1};
  }
  return {};
}

OutTensor PartTensor(Module& module, DFloat11Part part) {
  OutTensor tensor = {.info = {}, .module = &module, .part = part};
  tensor.info.name = DFloat11TensorName(module.source->name, part);
  tensor.info.dtype = part == DFloat11Part::kSplitPositions ? Dtype::kI64 : Dtype::kU8;
  tensor.info.shape = PartShape(module, part);
  const uint64_t elements =
      std::accumulate(tensor.info.shape.begin(), tensor.info.shape.end(), uint64_t{1}, std::multiplies());
  tensor.info.end = elements * GetDtypeInfo(tensor.info.dtype).bits / 8;
  return tensor;
}

// In the order of the safetensors library: the widest types first, so that all are aligned, then by name. A module's
// codes thus stand in front of its gaps and positions, which are known with them.
std::vector<OutTensor> OutTensors(const TensorFiles& files, const DFloat11ExportPlan& plan, std::span<Module> modules) {
  std::vector<OutTensor> tensors;
  for (size_t other : plan.others) tensors.push_back({.info = files.tensors()[other], .other = other});
  for (Module& module : modules) {
    for (size_t i = 0; i < kDFloat11PartNames.size(); ++i) {
      tensors.push_back(PartTensor(module, static_cast<DFloat11Part>(i)));
    }
  }
  std::ranges::sort(tensors, {}, [](const OutTensor& tensor) {
    return std::tuple(-static_cast<int>(GetDtypeInfo(tensor.info.dtype).bits), std::string_view(tensor.info.name));
  });
  return tensors;
}

class Writer {
 public:
  Writer(const TensorFiles* files, int threads, ByteSink* sink, Progress* progress)
      : files_(*files), threads_(threads), sink_(*sink), progress_(*progress) {}

  absl::Status Write(const OutTensor& tensor) {
    if (tensor.module == nullptr) return CopyTensor(files_, tensor.other, sink_, progress_);
    Module& module = *tensor.module;
    switch (tensor.part) {
      case DFloat11Part::kEncodedExponent: return WriteCodes(module);
      case DFloat11Part::kGaps: return sink_.Append(module.gaps);
      case DFloat11Part::kLuts: return sink_.Append(module.plan.luts);
      case DFloat11Part::kOutputPositions: return sink_.Append(module.output_positions);
      case DFloat11Part::kSignMantissa: return WriteSignMantissa(module);
      case DFloat11Part::kSplitPositions: return WriteSplitPositions(module);
    }
    return absl::OkStatus();
  }

 private:
  absl::Status WriteCodes(Module& module) {
    HuffmanJoiner joiner(module.plan.code);
    std::vector<uint8_t> codes;
    uint64_t next_bit = 0;
    const auto begin = [&](PieceItem& item) {
      item.begin_bit = next_bit;
      next_bit += item.piece->coded_bits;
    };
    const auto encode = [&](PieceItem& item) {
      EncodeHuffmanPiece(module.plan.code, item.exponents, item.begin_bit, &item.coded);
    };
    const auto write = [&](PieceItem& item) -> absl::Status {
      if (item.coded.end_bit != item.begin_bit + item.piece->coded_bits) {
        return absl::UnavailableError("the file changed while it was read");
      }
      codes.clear();
      joiner.Add(item.coded, &codes);
      progress_.Add(item.raw.size(), codes.size() + item.sign_mantissa.size());
      return sink_.Append(codes);
    };
    PLAIT_RETURN_IF_ERROR(ForEachPiece(files_, module.pieces, threads_, begin, encode, write));
    codes.clear();
    joiner.Finish(&codes);
    module.gaps = joiner.gaps();
    module.output_positions = joiner.output_positions();
    return sink_.Append(codes);
  }

  absl::Status WriteSignMantissa(Module& module) {
    const auto write = [&](PieceItem& item) { return sink_.Append(item.sign_mantissa); };
    return ForEachPiece(files_, module.pieces, threads_, Nothing, Nothing, write);
  }

  absl::Status WriteSplitPositions(const Module& module) {
    uint64_t end = 0;
    for (size_t i = 0; i + 1 < module.source->weights.size(); ++i) {
      uint8_t bytes[sizeof(uint64_t)];
      end += files_.tensors()[module.source->weights[i]].bytes() / 2;
      StoreLe(end, bytes);
      PLAIT_RETURN_IF_ERROR(sink_.Append(bytes));
    }
    return absl::OkStatus();
  }

  const TensorFiles& files_;
  int threads_;
  ByteSink& sink_;
  Progress& progress_;
};

// Compares what comes with the weights of a module, in order.
class Comparison {
 public:
  Comparison(const TensorFiles* files, const DFloat11Source* source) : files_(*files), source_(*source) {}

  absl::Status Compare(std::span<const uint8_t> weights) {
    while (!weights.empty()) {
      if (tensor_ == source_.weights.size()) return Differs("more weights");
      const size_t index = source_.weights[tensor_];
      const uint64_t left = files_.tensors()[index].bytes() - offset_;
      expected_.resize(std::min<uint64_t>(weights.size(), left));
      PLAIT_RETURN_IF_ERROR(files_.Read(index, offset_, expected_));
      if (!std::ranges::equal(expected_, weights.first(expected_.size()))) return Differs("another weight");
      offset_ += expected_.size();
      weights = weights.subspan(expected_.size());
      if (expected_.size() != left) continue;
      ++tensor_;
      offset_ = 0;
    }
    return absl::OkStatus();
  }

  absl::Status Finish() const {
    return tensor_ == source_.weights.size() ? absl::OkStatus() : Differs("fewer weights");
  }

 private:
  absl::Status Differs(std::string_view found) const {
    return absl::InternalError(absl::StrCat("module ", source_.name, ": decodes to ", Absl(found), " than were coded"));
  }

  const TensorFiles& files_;
  const DFloat11Source& source_;
  std::vector<uint8_t> expected_;
  size_t tensor_ = 0;
  uint64_t offset_ = 0;
};

}  // namespace

absl::Status ExportDFloat11(const TensorFiles& files, const DFloat11ExportPlan& plan, int threads, ByteSink& sink,
                            Progress& progress) {
  std::vector<Module> modules;
  for (const DFloat11Source& source : plan.modules) {
    Module module;
    module.source = &source;
    module.pieces = PiecesOf(files, source);
    for (const Piece& piece : module.pieces) module.num_weights += piece.weights;
    PLAIT_RETURN_IF_ERROR(PlanModule(files, threads, module));
    modules.push_back(std::move(module));
  }
  const std::vector<OutTensor> tensors = OutTensors(files, plan, modules);
  std::vector<TensorInfo> infos(tensors.size());
  std::ranges::transform(tensors, infos.begin(), &OutTensor::info);
  PLAIT_RETURN_IF_ERROR(AppendSafetensorsHeader(infos, sink));
  Writer writer(&files, threads, &sink, &progress);
  for (const OutTensor& tensor : tensors) PLAIT_RETURN_IF_ERROR(writer.Write(tensor));
  return files.CheckUnchanged();
}

absl::Status CompareDFloat11(const TensorFiles& files, const DFloat11ExportPlan& plan, const TensorFiles& exported,
                             int threads) {
  PLAIT_ASSIGN_OR_RETURN(const DFloat11Layout layout, FindDFloat11Modules(exported.tensors(), plan.config));
  for (const DFloat11Source& source : plan.modules) {
    const auto module = std::ranges::find(layout.modules, source.name, &DFloat11Module::name);
    if (module == layout.modules.end())
      return absl::InternalError(absl::StrCat("module ", source.name, ": not written"));
    Comparison comparison(&files, &source);
    PLAIT_RETURN_IF_ERROR(DecodeDFloat11Module(exported, *module, threads, [&](std::span<const uint8_t> weights) {
      const StageTimer timer(Stage::kVerify);
      return comparison.Compare(weights);
    }));
    PLAIT_RETURN_IF_ERROR(comparison.Finish());
  }
  return absl::OkStatus();
}

}  // namespace plait
