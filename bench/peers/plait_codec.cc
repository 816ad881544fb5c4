// Plait's levels, block by block as in a frame. Blocks are always coded with their hash; decoding can leave it unread.
#include <algorithm>
#include <thread>

#include "bench/peers/sample_codec.h"
#include "codec/base/bits.h"
#include "codec/base/cpu.h"
#include "codec/base/status.h"
#include "codec/block/block_codec.h"
#include "codec/block/plane_codec.h"
#include "codec/block/plane_payload.h"
#include "codec/transform/planes.h"
#include "formats/frame/frame_layout.h"
#include "tools/pipeline/levels.h"

namespace plait {
namespace {

// What is behind a block's header, whose hash is not looked at.
absl::Status DecodePayload(std::span<const uint8_t> coded, BlockWorkspace& workspace, std::span<uint8_t> raw,
                           const DecodeHints& hints) {
  PLAIT_ASSIGN_OR_RETURN(const BlockHeader header, ParseBlockHeader(coded));
  const auto payload = coded.subspan(kBlockHeaderBytes);
  const auto kind = static_cast<PlaneKind>(header.plane);
  const auto codec = static_cast<CodecId>(header.codec);
  if (kind == PlaneKind::kBytes) return DecodePlane(codec, payload, workspace, raw);
  return DecodePlanePayload(kind, codec, payload, workspace, raw, hints);
}

class PlaitCodec : public SampleCodec {
 public:
  PlaitCodec(const Sample* sample, const Level& level, CpuVariant variant, size_t threads)
      : sample_(sample),
        level_(level),
        variant_(variant),
        blocks_(CutBlocks(*sample, size_t{1} << WrittenBlockLog2(GetDtypeInfo(sample->dtype).bits, level.block_log2))),
        coded_(blocks_.size()),
        room_(sample->bytes().size() + blocks_.size() * (kBlockHeaderBytes + kBlockAlignment)),
        workspaces_(threads) {}

  absl::Status Encode() override {
    PLAIT_RETURN_IF_ERROR(ForceCpu(variant_));
    coded_bytes_ = 0;
    for (size_t i = 0; i < blocks_.size(); ++i) {
      EncodeBlock(SpecOf(i), sample_->bytes().subspan(blocks_[i].begin, BlockRawBytes(SpecOf(i))), workspaces_[0],
                  &block_, level_.settings);
      coded_[i] = room_.span().subspan(coded_bytes_, block_.size());
      std::ranges::copy(block_, room_.span().begin() + static_cast<ptrdiff_t>(coded_bytes_));
      coded_bytes_ += AlignUp(block_.size(), kBlockAlignment);
    }
    return ForceCpu(BestCpu());
  }

  size_t coded_bytes() const override { return coded_bytes_; }

  absl::Status Decode(std::span<uint8_t> out) override {
    return DecodeAll([this, out](size_t i, BlockWorkspace& workspace) {
      return DecodePayload(coded_[i], workspace, RawOf(i, out), HintsOf(i));
    });
  }

  bool has_checks() const override { return true; }

  absl::Status DecodeChecked(std::span<uint8_t> out) override {
    return DecodeAll([this, out](size_t i, BlockWorkspace& workspace) {
      return DecodeBlock(SpecOf(i), coded_[i], workspace, RawOf(i, out), HintsOf(i));
    });
  }

 private:
  BlockSpec SpecOf(size_t i) const { return {.dtype = sample_->dtype, .elements = blocks_[i].elements, .seed = i}; }
  std::span<uint8_t> RawOf(size_t i, std::span<uint8_t> out) const {
    return out.subspan(blocks_[i].begin, BlockRawBytes(SpecOf(i)));
  }

  DecodeHints HintsOf(size_t i) const {
    return {.store = StoreMode::kStreaming, .next = i + 1 < coded_.size() ? coded_[i + 1] : std::span<const uint8_t>()};
  }

  // Each thread takes a run of blocks.
  template <class DecodeOne>
  absl::Status DecodeAll(const DecodeOne& decode) {
    PLAIT_RETURN_IF_ERROR(ForceCpu(variant_));
    std::vector<absl::Status> statuses(workspaces_.size());
    const auto work = [&](size_t thread) {
      const size_t end = blocks_.size() * (thread + 1) / workspaces_.size();
      for (size_t i = blocks_.size() * thread / workspaces_.size(); i < end && statuses[thread].ok(); ++i) {
        statuses[thread] = decode(i, workspaces_[thread]);
      }
      FinishStreaming();
    };
    std::vector<std::thread> threads;
    for (size_t thread = 1; thread < workspaces_.size(); ++thread) threads.emplace_back(work, thread);
    work(0);
    for (std::thread& thread : threads) thread.join();
    for (const absl::Status& status : statuses) PLAIT_RETURN_IF_ERROR(status);
    return ForceCpu(BestCpu());
  }

  const Sample* sample_;
  Level level_;
  CpuVariant variant_;
  std::vector<SampleBlock> blocks_;
  std::vector<std::span<const uint8_t>> coded_;
  Buffer room_;
  size_t coded_bytes_ = 0;
  std::vector<uint8_t> block_;
  std::vector<BlockWorkspace> workspaces_;
};

CodecEntry PlaitEntry(std::string name, const Level& level, CpuVariant variant, size_t threads) {
  const auto make = [=](const Sample* sample) -> absl::StatusOr<std::unique_ptr<SampleCodec>> {
    if (BestCpu() < variant) return absl::UnimplementedError("this machine lacks the instructions");
    return std::make_unique<PlaitCodec>(sample, level, variant, threads);
  };
  return {std::move(name), make};
}

}  // namespace

std::vector<CodecEntry> PlaitCodecs(size_t threads) {
  std::vector<CodecEntry> entries;
  for (const Level& level : kLevels) {
    entries.push_back(PlaitEntry(absl::StrCat("plait -", level.number), level, BestCpu(), threads));
  }
  if (threads > 1) return entries;
  for (const CpuVariant variant : {CpuVariant::kAvx2, CpuVariant::kScalar}) {
    const std::string name = absl::StrCat("plait -", kDefaultLevel, " ", Absl(CpuVariantName(variant)));
    entries.push_back(PlaitEntry(name, *FindLevel(kDefaultLevel), variant, threads));
  }
  return entries;
}

}  // namespace plait
