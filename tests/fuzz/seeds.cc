#include "tests/fuzz/seeds.h"

#include <algorithm>

#include "codec/base/endian.h"
#include "codec/block/zstd_codec.h"
#include "codec/histogram/histogram.h"
#include "codec/huffman/huffman.h"
#include "codec/kv/kv_quality.h"
#include "codec/range/range_kv.h"
#include "codec/rans/rans.h"
#include "codec/tier/tier.h"
#include "formats/container/container_layout.h"
#include "formats/dfloat11/dfloat11_config.h"
#include "formats/frame/frame_footer.h"
#include "formats/frame/frame_header.h"
#include "formats/npy/npy_header.h"
#include "tests/registry/files.h"
#include "tests/registry/golden.h"
#include "tests/registry/kv_caches.h"
#include "tests/registry/kv_inputs.h"
#include "tests/registry/registry.h"

namespace plait {
namespace {

class Seeds {
 public:
  void Add(const std::string& fuzzer, const std::vector<uint8_t>& seed) {
    std::vector<std::vector<uint8_t>>& of_fuzzer = by_fuzzer_[fuzzer];
    if (seed.size() > kMaxSeedBytes || std::ranges::find(of_fuzzer, seed) != of_fuzzer.end()) return;
    of_fuzzer.push_back(seed);
  }

  const std::map<std::string, std::vector<std::vector<uint8_t>>>& by_fuzzer() const { return by_fuzzer_; }

 private:
  std::map<std::string, std::vector<std::vector<uint8_t>>> by_fuzzer_;
};

// What TakeVariant makes the best variant of, whether the machine has one, two, three or four of them.
constexpr uint32_t kBestVariant = 11;

// The parameters that a fuzzer takes from the front, then the bytes.
std::vector<uint8_t> Seed(std::initializer_list<uint32_t> parameters, std::span<const uint8_t> bytes) {
  std::vector<uint8_t> seed(4 * parameters.size() + bytes.size());
  uint8_t* at = seed.data();
  for (uint32_t parameter : parameters) {
    StoreLe(parameter, at);
    at += 4;
  }
  std::ranges::copy(bytes, at);
  return seed;
}

uint32_t Size(std::span<const uint8_t> bytes) { return static_cast<uint32_t>(bytes.size()); }

void AddPlaneSeeds(const Input& input, Seeds* seeds) {
  std::vector<uint8_t> stream(TierMaxBytes(input.raw.size()));
  stream.resize(TierEncode(input.raw, PlanTier(CountBytes(input.raw), input.raw.size()), stream));
  seeds->Add("tier_decode", Seed({kBestVariant, Size(input.raw)}, stream));
  BlockWorkspace workspace;
  std::vector<uint8_t> rans;
  RansEncode(input.raw, PlanRans(CountBytes(input.raw), input.raw.size(), {}), workspace.Rans(), &rans);
  seeds->Add("rans_decode", Seed({kBestVariant, Size(input.raw)}, rans));
  std::vector<uint8_t> coded;
  ZstdEncode(kZstdLevel, input.raw, workspace, &coded);
  seeds->Add("zstd_decode", Seed({Size(input.raw)}, coded));
}

// The decisions are those that the fuzzer's body makes states of.
void AddKvRansSeeds(Seeds* seeds) {
  const KvFuzzTables tables = MakeKvFuzzTables();
  for (const uint32_t channels : {1, 16, 60, 149}) {
    constexpr uint32_t kRows = 30;
    constexpr uint32_t kMoreLanesLog2 = 1;  // than the fewest
    Random random(1);
    const KvDecisions decisions = MakeKvDecisions(tables.bits, kRows, channels, random);
    const KvBitPlane<const uint8_t> bit_plane[] = {decisions.plane()};
    std::vector<uint8_t> bits;
    KvBitsEncode(tables.bits, kKvMinLanesLog2 + kMoreLanesLog2, bit_plane, &bits);
    seeds->Add("kv_rans_decode", Seed({kBestVariant, kMoreLanesLog2, kRows, channels}, bits));
    const KvSymbols symbols = MakeKvSymbols(tables.symbols, kRows, channels, random);
    const KvSymbolPlane<const uint8_t> plane[] = {symbols.plane()};
    std::vector<uint8_t> stream;
    KvRansEncode(KvEncodeTables(tables.symbols), kKvMinLanesLog2 + kMoreLanesLog2, plane, &stream);
    seeds->Add("kv_rans_decode", Seed({kBestVariant, kMoreLanesLog2, kRows, channels}, stream));
  }
}

void AddHuffmanSeed(const Input& input, Seeds* seeds) {
  std::vector<uint8_t> symbols = input.raw;
  for (uint8_t& symbol : symbols) symbol = std::min<uint8_t>(symbol, kHuffmanFirstPointer - 1);
  const absl::StatusOr<HuffmanStream> stream = EncodeHuffman(symbols);
  if (!stream.ok()) return;
  std::vector<uint8_t> seed = Seed({Size(symbols)}, {});
  for (const auto* part : {&stream->luts, &stream->gaps, &stream->output_positions}) {
    const std::vector<uint8_t> with_size = Seed({Size(*part)}, *part);
    seed.insert(seed.end(), with_size.begin(), with_size.end());
  }
  seed.insert(seed.end(), stream->codes.begin(), stream->codes.end());
  seeds->Add("huffman_decode", seed);
}

// As many tokens of few channels as the input has, as a plane of bf16 without rotation or known rows.
void AddRangeSeed(const Input& input, Seeds* seeds) {
  constexpr uint32_t kChannels = 3;
  const RangePlane plane = {.dtype = Dtype::kBf16,
                            .tokens = std::min<uint32_t>(99, Size(input.raw) / (2 * kChannels)),
                            .channels = kChannels,
                            .rotation = {}};
  RangeModel model;
  std::vector<uint8_t> coded;
  const auto elements = std::span(input.raw).first(size_t{2} * plane.tokens * kChannels);
  if (!EncodeRangePlane(plane, elements, {}, model, nullptr, &coded).ok()) return;
  seeds->Add("range_decode",
             Seed({kBestVariant, /*dtype=*/0, plane.tokens, /*rotation=*/0, kChannels, /*known=*/0}, coded));
}

// Of a checkpoint with blocks and single matrices, and of patterns with everything that one may have.
void AddDFloat11Seeds(Seeds* seeds) {
  const DFloat11Config config = {.patterns = {{"model\\.layers\\.\\d+", {"mlp.up_proj", "mlp.down_proj"}},
                                              {"lm_head", {}},
                                              {"(a|b[^x-z.])*c?.\\w", {}}},
                                 .shapes = {{"lm_head.weight", {100, 64}}},
                                 .hidden_size = {}};
  const std::string json = MakeDFloat11ConfigJson("{\"hidden_size\": 64}", config).value();
  seeds->Add("dfloat11_config", {json.begin(), json.end()});
  std::vector<uint8_t> positions(16);
  StoreLe(uint64_t{1000}, positions.data());
  StoreLe(uint64_t{3000}, positions.data() + 8);
  seeds->Add("dfloat11_modules", Seed({4000}, positions));
}

void AddBlockSeeds(uint32_t index, const Input& input, Seeds* seeds) {
  const CodecEntry& codec = CodecRegistry()[index];
  const auto dtype = static_cast<uint32_t>(input.dtype);
  const uint32_t kind = static_cast<uint32_t>(codec.kind) - 1;
  seeds->Add("block_round_trip", Seed({index, 0, kBestVariant, dtype}, input.raw));
  for (uint32_t with_rans : {0, 1}) seeds->Add("block_choose", Seed({kBestVariant, with_rans, dtype}, input.raw));
  if (codec.kind != PlaneKind::kBytes) seeds->Add("planes", Seed({0, kBestVariant, kind}, input.raw));
  BlockWorkspace workspace;
  std::vector<uint8_t> coded;
  if (!codec.Encode(input, 0, workspace, &coded).ok()) return;
  const auto payload = std::span(coded).subspan(kBlockHeaderBytes);
  const uint32_t codec_and_plane = coded[2] | coded[3] << 8;
  seeds->Add("block_header", coded);
  for (const char* fuzzer : {"block_decode", "image_load"}) {
    seeds->Add(fuzzer, Seed({kBestVariant, dtype, input.spec().elements / 8, codec_and_plane}, payload));
  }
  if (codec.kind == PlaneKind::kBytes) return;
  seeds->Add("plane_payload", Seed({kBestVariant, kind, Size(input.raw)}, payload));
}

void AddFrameSeeds(const std::vector<uint8_t>& frame, Seeds* seeds) {
  seeds->Add("frame_open", frame);
  const FrameHeader header = ParseFrameHeader(frame).value();
  seeds->Add("frame_header", {frame.begin(), frame.begin() + static_cast<ptrdiff_t>(header.header_bytes)});
  const auto footer = std::span(frame).last(LoadLe<uint64_t>(frame.data() + frame.size() - 8));
  seeds->Add("frame_footer",
             Seed({static_cast<uint32_t>(header.dtype), static_cast<uint32_t>(header.num_elements),
                   header.block_log2 - kMinBlockLog2, static_cast<uint32_t>(frame.size() / kFrameAlignment - 1)},
                  footer.first(footer.size() - 24)));
}

// Of what the codec is for; the encoder chooses.
std::vector<uint8_t> TwoBlockFrame(const CodecEntry& codec) {
  const Input input = codec.generate(/*seed=*/1, (uint32_t{1} << kMinBlockLog2) + 200);
  return MakeFrame(
      {.dtype = input.dtype, .shape = {input.spec().elements}, .block_log2 = kMinBlockLog2, .sections = {}}, input.raw);
}

void AddContainerSeeds(const std::vector<uint8_t>& container, Seeds* seeds) {
  seeds->Add("container_open", container);
  const auto manifest_bytes = LoadLe<uint64_t>(container.data() + container.size() - kManifestTailBytes);
  if (manifest_bytes <= container.size()) {
    seeds->Add("manifest", {container.end() - static_cast<ptrdiff_t>(manifest_bytes), container.end()});
  }
  const size_t header_bytes = kSafetensorsLengthBytes + LoadLe<uint64_t>(container.data());
  seeds->Add("safetensors_header",
             Seed({Size(container) - static_cast<uint32_t>(header_bytes)}, std::span(container).first(header_bytes)));
}

// Of kv_exact_decode: elements around their step, and the layer that its decoder reads.
void AddKvSeeds(Seeds* seeds) {
  constexpr uint32_t kChannels = 70;
  for (uint32_t element = 0; element < kNumKvElements; ++element) {
    const auto kind = static_cast<KvElement>(element);
    const KvElementInfo info = GetKvElementInfo(kind);
    const std::vector<int16_t> channel(kChannels, static_cast<int16_t>(info.bias));
    const KvSteps steps{.channel = channel, .token = {}, .refinements = 1};
    std::vector<uint16_t> x;
    for (uint32_t i = 0; i < 2 * kChannels; ++i) {
      const uint32_t exponent = static_cast<uint32_t>(info.bias) + 1 - i % 7;
      x.push_back(static_cast<uint16_t>(exponent << info.mantissa_bits | (i * 5 & info.mantissa_mask())));
    }
    std::vector<int16_t> indices(x.size());
    KvBaseIndices(kind, steps, x, indices);
    std::vector<uint8_t> bytes(2 * x.size());
    std::memcpy(bytes.data(), indices.data(), bytes.size());
    KvExactEncode(kind, steps, x, &bytes);
    seeds->Add("kv_exact_decode",
               Seed({kBestVariant, element, 1, kChannels, 2, static_cast<uint32_t>(info.bias)}, bytes));
  }
}

// Objects of every form and element type, and profiles with and without quality layers.
void AddKvObjectSeeds(Seeds* seeds) {
  for (const KvElement element : {KvElement::kBf16, KvElement::kF16, KvElement::kE4m3, KvElement::kE5m2}) {
    const KvCache cache = MakeKvCache(element, 2, 9, 2, 1);
    for (const KvForm form : {KvForm::kLayers, KvForm::kRans, KvForm::kTier}) {
      const bool is_tier = form == KvForm::kTier;
      const auto profile = is_tier ? nullptr : MakeKvCacheProfile(cache, form == KvForm::kLayers);
      const KvObjectSettings settings = {
          .form = form, .exact_first = form == KvForm::kLayers ? size_t{1} : 0, .inline_profile = !is_tier};
      seeds->Add("kv_object_open", MakeKvObject(cache, settings, profile));
      if (!is_tier) seeds->Add("kv_profile_open", KvProfileBody(profile->geometry, profile->coder->profile()));
    }
  }
}

void AddNpySeeds(Seeds* seeds) {
  for (const char* descr : {"<f2", "|u1"}) {
    seeds->Add("npy_header", MakeNpyHeader({.descr = descr, .fortran_order = false, .shape = {2, 3, 17, 4, 8}}));
  }
}

}  // namespace

std::map<std::string, std::vector<std::vector<uint8_t>>> FuzzSeeds() {
  Seeds seeds;
  for (uint32_t index = 0; index < CodecRegistry().size(); ++index) {
    for (const Input& input : CodecRegistry()[index].edge_inputs()) {
      AddPlaneSeeds(input, &seeds);
      AddHuffmanSeed(input, &seeds);
      AddRangeSeed(input, &seeds);
      AddBlockSeeds(index, input, &seeds);
    }
    AddFrameSeeds(TwoBlockFrame(CodecRegistry()[index]), &seeds);
  }
  AddKvRansSeeds(&seeds);
  AddDFloat11Seeds(&seeds);
  AddKvSeeds(&seeds);
  AddKvObjectSeeds(&seeds);
  AddNpySeeds(&seeds);
  seeds.Add("cut_mark", MakeCutMark({.decoded_bytes = 4096, .decoded_hash = {1, 2}}, /*header_hash=*/7));
  for (const GoldenFile& file : GoldenAccept()) {
    if (file.name.ends_with(".plait")) AddContainerSeeds(file.bytes, &seeds);
    if (file.name.ends_with(".frame")) AddFrameSeeds(file.bytes, &seeds);
    if (file.name.ends_with(".stream")) seeds.Add("frame_stream_open", file.bytes);
  }
  for (const GoldenFile& file : GoldenReject()) {
    if (file.name.ends_with(".pkv")) seeds.Add("kv_object_open", file.bytes);
    if (file.name.ends_with(".plait")) AddContainerSeeds(file.bytes, &seeds);
    if (file.name.ends_with(".frame")) seeds.Add("frame_open", file.bytes);
    if (file.name.ends_with(".stream")) seeds.Add("frame_stream_open", file.bytes);
  }
  return seeds.by_fuzzer();
}

}  // namespace plait
