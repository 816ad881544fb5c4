// What the small path of codec/range makes of a dump of a KV cache, chunk by chunk: bits per element of K and V with
// every byte counted, and speeds of one core. Every plane is decoded and compared. bench/micro/README.md says how to
// call it.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <numbers>
#include <string>

#include "codec/base/status.h"
#include "codec/range/range_kv.h"
#include "formats/safetensors/safetensors_header.h"
#include "tools/pipeline/files.h"

namespace plait {
namespace {

constexpr uint32_t kChunkTokens = 256;
enum Half { kKeys, kValues };

struct Settings {
  std::string path;
  size_t first_chunk = 0;
  size_t chunk_step = 1;
  double rope_base = 0;  // 0: keys are not rotated, or not to be rotated back
  double global_rope_base = 0;
  size_t global_period = 0;  // every so many-th model layer has the global base; 0: none has
  bool from_layer_before = false;
};

struct Totals {
  double coded_bytes[2] = {};
  double elements = 0;  // of K, and as many of V
  double encode_seconds = 0;
  double decode_seconds = 0;
};

double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// [tokens, kv_heads, head_dim], read a chunk at a time.
class Dump {
 public:
  static absl::StatusOr<Dump> Open(const std::string& path) {
    PLAIT_ASSIGN_OR_RETURN(auto file, FileSource::Open(path));
    PLAIT_ASSIGN_OR_RETURN(const auto header_bytes, ReadSafetensorsHeader(*file));
    PLAIT_ASSIGN_OR_RETURN(auto header, ParseSafetensorsHeader(header_bytes, file->size()));
    return Dump(std::move(file), std::move(header));
  }

  const TensorInfo* Find(size_t layer, Half half) const {
    const std::string name = "layers." + std::to_string(layer) + (half == kKeys ? ".k" : ".v");
    for (const TensorInfo& tensor : header_.tensors) {
      if (tensor.name == name) return &tensor;
    }
    return nullptr;
  }

  absl::StatusOr<std::vector<uint8_t>> Chunk(const TensorInfo& tensor, size_t chunk) const {
    std::vector<uint8_t> bytes(tensor.bytes() / tensor.shape[0] * kChunkTokens);
    PLAIT_RETURN_IF_ERROR(file_->ReadAt(header_.header_bytes + tensor.begin + chunk * bytes.size(), bytes));
    return bytes;
  }

 private:
  Dump(std::unique_ptr<FileSource> file, SafetensorsHeader header)
      : file_(std::move(file)), header_(std::move(header)) {}

  std::unique_ptr<FileSource> file_;
  SafetensorsHeader header_;
};

std::vector<uint32_t> Rotation(const Settings& settings, size_t layer, size_t head_dim) {
  const bool global = settings.global_period != 0 && (layer + 1) % settings.global_period == 0;
  const double base = global ? settings.global_rope_base : settings.rope_base;
  std::vector<uint32_t> rotation(base == 0 ? 0 : head_dim / 2);
  for (size_t i = 0; i < rotation.size(); ++i) {
    const double turns =
        std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim)) / (2 * std::numbers::pi);
    rotation[i] = static_cast<uint32_t>(std::llround(turns * 4294967296.0));
  }
  return rotation;
}

// One side, encoder or decoder: its model and the rows it has.
struct Side {
  RangeModel model;
  RangeRows rows[2];
  RangeRows before[2];  // of the model layer before

  std::vector<const RangeRows*> Known(Half half, const Settings& settings) const {
    std::vector<const RangeRows*> known;
    if (settings.from_layer_before && before[kKeys].tokens != 0) known = {&before[kKeys], &before[kValues]};
    if (half == kValues) known.push_back(&rows[kKeys]);
    return known;
  }
};

absl::Status CodePlane(const RangePlane& plane, std::span<const uint8_t> elements, Half half, const Settings& settings,
                       Side* encoder, Side* decoder, Totals* totals) {
  std::vector<uint8_t> coded;
  std::vector<uint8_t> decoded(elements.size());
  const double begin = CpuSeconds();
  PLAIT_RETURN_IF_ERROR(
      EncodeRangePlane(plane, elements, encoder->Known(half, settings), encoder->model, &encoder->rows[half], &coded));
  const double middle = CpuSeconds();
  PLAIT_RETURN_IF_ERROR(
      DecodeRangePlane(plane, coded, decoder->Known(half, settings), decoder->model, &decoder->rows[half], decoded));
  totals->encode_seconds += middle - begin;
  totals->decode_seconds += CpuSeconds() - middle;
  totals->coded_bytes[half] += static_cast<double>(coded.size());
  if (!std::equal(decoded.begin(), decoded.end(), elements.begin()))
    return absl::DataLossError("decoded: not the same");
  return absl::OkStatus();
}

absl::Status CodeChunk(const Dump& dump, size_t chunk, const Settings& settings, Totals* totals) {
  Side sides[2];
  for (size_t layer = 0; dump.Find(layer, kKeys) != nullptr; ++layer) {
    for (Half half : {kKeys, kValues}) {
      const TensorInfo* tensor = dump.Find(layer, half);
      if (tensor == nullptr || tensor->shape.size() != 3) return absl::NotFoundError("no [tokens, kv_heads, head_dim]");
      PLAIT_ASSIGN_OR_RETURN(const auto elements, dump.Chunk(*tensor, chunk));
      const auto channels = static_cast<uint32_t>(tensor->shape[1] * tensor->shape[2]);
      std::vector<uint32_t> rotation;
      if (half == kKeys) rotation = Rotation(settings, layer, tensor->shape[2]);
      const RangePlane plane = {tensor->dtype, kChunkTokens, channels, rotation};
      PLAIT_RETURN_IF_ERROR(CodePlane(plane, elements, half, settings, &sides[0], &sides[1], totals));
      if (half == kKeys) totals->elements += static_cast<double>(kChunkTokens) * channels;
    }
    for (Side& side : sides) std::swap(side.rows, side.before);
  }
  return absl::OkStatus();
}

absl::Status Measure(const Settings& settings) {
  PLAIT_ASSIGN_OR_RETURN(const Dump dump, Dump::Open(settings.path));
  const TensorInfo* first = dump.Find(0, kKeys);
  if (first == nullptr || first->shape.empty()) return absl::NotFoundError("no tensor layers.0.k");
  Totals totals;
  for (size_t chunk = settings.first_chunk; (chunk + 1) * kChunkTokens <= first->shape[0];
       chunk += settings.chunk_step) {
    PLAIT_RETURN_IF_ERROR(CodeChunk(dump, chunk, settings, &totals));
  }
  const double plane_bytes = totals.elements * GetDtypeInfo(first->dtype).bits / 8;
  const double coded = totals.coded_bytes[kKeys] + totals.coded_bytes[kValues];
  std::printf("%s: bits per element K %.3f V %.3f mean %.3f, %.4fx; MB/s encode %.2f decode %.2f\n",
              settings.path.c_str(), 8 * totals.coded_bytes[kKeys] / totals.elements,
              8 * totals.coded_bytes[kValues] / totals.elements, 4 * coded / totals.elements, 2 * plane_bytes / coded,
              2e-6 * plane_bytes / totals.encode_seconds, 2e-6 * plane_bytes / totals.decode_seconds);
  return absl::OkStatus();
}

}  // namespace
}  // namespace plait

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr,
                 "usage: plait_kv_range FILE [FIRST_CHUNK [CHUNK_STEP [ROPE_BASE [GLOBAL_BASE [PERIOD [BEFORE]]]]]]\n");
    return 2;
  }
  plait::Settings settings = {.path = argv[1]};
  const auto number = [&](int i, double otherwise) { return i < argc ? std::atof(argv[i]) : otherwise; };
  settings.first_chunk = static_cast<size_t>(number(2, 0));
  settings.chunk_step = std::max<size_t>(1, static_cast<size_t>(number(3, 1)));
  settings.rope_base = number(4, 0);
  settings.global_rope_base = number(5, 0);
  settings.global_period = static_cast<size_t>(number(6, 0));
  settings.from_layer_before = number(7, 0) != 0;
  const absl::Status status = plait::Measure(settings);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
