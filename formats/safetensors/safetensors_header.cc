#include "formats/safetensors/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "codec/base/checked.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"

namespace plait {
namespace {

constexpr char kMetadataName[] = "__metadata__";
constexpr size_t kMaxRankInHeader = 64;

// nlohmann's SAX interface: one call per JSON event, false stops. `state_` says where in
// { name: {dtype, shape: [..], data_offsets: [..]}, __metadata__: {key: text} } the next event is.
class HeaderHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderHandler(std::vector<TensorInfo>* tensors) : tensors_(tensors) {}

  const std::string& error() const { return error_; }
  bool done() const { return state_ == State::kDone; }

  bool null() override { return Fail("null"); }
  bool boolean(bool) override { return Fail("a boolean"); }
  bool number_integer(number_integer_t) override { return Fail("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return Fail("a fraction"); }
  bool binary(binary_t&) override { return Fail("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (state_ == State::kShape) {
      if (tensor_.shape.size() == kMaxRankInHeader) return Fail("more than 64 dimensions");
      tensor_.shape.push_back(value);
      return true;
    }
    if (state_ != State::kOffsets) return Fail("a number");
    if (num_offsets_ == 2) return Fail("more than 2 offsets");
    (num_offsets_++ == 0 ? tensor_.begin : tensor_.end) = value;
    return true;
  }

  bool string(string_t& text) override {
    if (state_ == State::kMetadata) return true;
    if (state_ != State::kTensor || field_ != "dtype") return Fail("a string");
    const auto dtype = DtypeFromName(text);
    if (!dtype) return Fail("dtype " + text.substr(0, 32));
    tensor_.dtype = *dtype;
    return true;
  }

  bool start_object(size_t) override {
    if (state_ == State::kStart) return Enter(State::kTop);
    if (state_ != State::kTop) return Fail("an object");
    if (tensor_.name == kMetadataName) return Enter(State::kMetadata);
    fields_seen_.clear();
    num_offsets_ = 0;
    return Enter(State::kTensor);
  }

  bool key(string_t& name) override {
    if (state_ == State::kTop) {
      tensor_ = TensorInfo{.name = name, .dtype = {}, .shape = {}};
      return names_.insert(name).second || Fail("the same name twice");
    }
    if (state_ == State::kMetadata) return true;
    field_ = name;
    if (field_ != "dtype" && field_ != "shape" && field_ != "data_offsets") return Fail("field " + name.substr(0, 32));
    if (std::ranges::find(fields_seen_, field_) != fields_seen_.end()) return Fail("field " + field_ + " twice");
    fields_seen_.push_back(field_);
    return true;
  }

  bool end_object() override {
    if (state_ == State::kTensor) {
      if (fields_seen_.size() != 3) return Fail("a missing field");
      if (num_offsets_ != 2) return Fail("fewer than 2 offsets");
      tensors_->push_back(std::move(tensor_));
      tensor_ = {};
      return Enter(State::kTop);
    }
    if (state_ == State::kMetadata) return Enter(State::kTop);
    return Enter(State::kDone);
  }

  bool start_array(size_t) override {
    if (state_ != State::kTensor) return Fail("an array");
    if (field_ == "shape") return Enter(State::kShape);
    if (field_ == "data_offsets") return Enter(State::kOffsets);
    return Fail("an array");
  }
  bool end_array() override { return Enter(State::kTensor); }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    error_ = absl::StrCat("header JSON: found an error at byte ", position, ", expected valid JSON");
    return false;
  }

 private:
  enum class State { kStart, kTop, kTensor, kShape, kOffsets, kMetadata, kDone };

  bool Enter(State state) {
    state_ = state;
    return true;
  }

  bool Fail(const std::string& found) {
    error_ = absl::StrCat("header JSON: found ", found, ", expected {name: {dtype, shape, data_offsets}}");
    if (!tensor_.name.empty()) error_ = absl::StrCat("tensor ", tensor_.name.substr(0, 256), ": ", error_);
    return false;
  }

  std::vector<TensorInfo>* tensors_;
  State state_ = State::kStart;
  TensorInfo tensor_;
  std::string field_;
  std::vector<std::string> fields_seen_;
  int num_offsets_ = 0;
  absl::flat_hash_set<std::string> names_;
  std::string error_;
};

absl::StatusOr<uint64_t> BytesOf(const TensorInfo& tensor) {
  uint64_t bits = GetDtypeInfo(tensor.dtype).bits;
  for (uint64_t dimension : tensor.shape) {
    if (!CheckedMul(bits, dimension, &bits)) return absl::DataLossError("shape: found one that overflows 64 bits");
  }
  if (bits % 8 != 0) return absl::DataLossError(FoundExpected("tensor bits", bits, "whole bytes"));
  return bits / 8;
}

absl::Status CheckTensor(const TensorInfo& tensor, uint64_t expected_begin) {
  if (tensor.begin != expected_begin) {
    return absl::DataLossError(FoundExpected("data_offsets begin", tensor.begin, expected_begin));
  }
  PLAIT_ASSIGN_OR_RETURN(const uint64_t bytes, BytesOf(tensor));
  if (tensor.end < tensor.begin || tensor.end - tensor.begin != bytes) {
    return absl::DataLossError(FoundExpected("data_offsets end", tensor.end, absl::StrCat(tensor.begin, " + ", bytes)));
  }
  return absl::OkStatus();
}

absl::Status CheckLength(uint64_t json_bytes, std::optional<uint64_t> file_bytes) {
  if (file_bytes && json_bytes > *file_bytes - kSafetensorsLengthBytes) {
    return absl::OutOfRangeError(
        FoundExpected("file bytes", *file_bytes, absl::StrCat("8 + ", json_bytes, " or more")));
  }
  if (json_bytes > kMaxSafetensorsHeaderBytes) {
    return absl::ResourceExhaustedError(
        FoundExpected("header bytes", json_bytes, absl::StrCat("at most ", kMaxSafetensorsHeaderBytes)));
  }
  return absl::OkStatus();
}

absl::Status ParseJson(std::span<const uint8_t> json, std::vector<TensorInfo>* tensors) {
  if (json.empty() || json[0] != '{') return absl::DataLossError("header JSON: found no '{', expected it first");
  // The parser takes a NUL for the end of its input, and would not see what is behind.
  if (std::ranges::find(json, uint8_t{0}) != json.end()) return absl::DataLossError("header JSON: found a NUL byte");
  HeaderHandler handler(tensors);
  const char* text = reinterpret_cast<const char*>(json.data());
  if (!nlohmann::json::sax_parse(text, text + json.size(), &handler) || !handler.done()) {
    return absl::DataLossError(handler.error().empty() ? "header JSON: found an unfinished object" : handler.error());
  }
  return absl::OkStatus();
}

// The next entry of a JSON object that is being written.
void AppendEntry(const TensorInfo& tensor, std::string* json) {
  if (json->back() != '{') json->push_back(',');
  absl::StrAppend(json, nlohmann::json(tensor.name).dump(), ":{\"dtype\":\"", Absl(GetDtypeInfo(tensor.dtype).name),
                  "\",\"shape\":[");
  for (size_t i = 0; i < tensor.shape.size(); ++i) absl::StrAppend(json, i == 0 ? "" : ",", tensor.shape[i]);
  absl::StrAppend(json, "],\"data_offsets\":[", tensor.begin, ",", tensor.end, "]}");
}

}  // namespace

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::span<const uint8_t> header,
                                                         std::optional<uint64_t> file_bytes) {
  if (header.size() < kSafetensorsLengthBytes || file_bytes.value_or(header.size()) < header.size()) {
    return absl::OutOfRangeError(FoundExpected("header bytes", header.size(), "8 or more"));
  }
  const auto json_bytes = LoadLe<uint64_t>(header.data());
  PLAIT_RETURN_IF_ERROR(CheckLength(json_bytes, file_bytes));
  if (header.size() - kSafetensorsLengthBytes != json_bytes) {
    return absl::DataLossError(FoundExpected("header bytes", header.size() - kSafetensorsLengthBytes, json_bytes));
  }
  SafetensorsHeader result{.header_bytes = header.size(), .tensors = {}};
  PLAIT_RETURN_IF_ERROR(ParseJson(header.subspan(kSafetensorsLengthBytes), &result.tensors));
  std::ranges::sort(result.tensors, {},
                    [](const TensorInfo& tensor) { return std::tie(tensor.begin, tensor.end, tensor.name); });
  uint64_t end = 0;
  for (const TensorInfo& tensor : result.tensors) {
    PLAIT_RETURN_IF_ERROR(Annotate(CheckTensor(tensor, end), "tensor " + tensor.name));
    end = tensor.end;
  }
  if (!file_bytes) return result;
  const uint64_t data_bytes = *file_bytes - header.size();
  if (end > data_bytes) return absl::OutOfRangeError(FoundExpected("data bytes", data_bytes, end));
  if (end < data_bytes) return absl::DataLossError(FoundExpected("data bytes", data_bytes, end));
  return result;
}

absl::StatusOr<std::vector<uint8_t>> ReadSafetensorsHeader(const ByteSource& source) {
  if (source.size() < kSafetensorsLengthBytes) {
    return absl::OutOfRangeError(FoundExpected("file bytes", source.size(), "8 or more"));
  }
  std::vector<uint8_t> header(kSafetensorsLengthBytes);
  PLAIT_RETURN_IF_ERROR(source.ReadAt(0, header));
  const auto json_bytes = LoadLe<uint64_t>(header.data());
  PLAIT_RETURN_IF_ERROR(CheckLength(json_bytes, source.size()));
  header.resize(kSafetensorsLengthBytes + json_bytes);
  PLAIT_RETURN_IF_ERROR(source.ReadAt(0, header));
  return header;
}

std::string SafetensorsJson(const std::string& first_entry, std::span<const TensorInfo> tensors) {
  std::string json = "{";
  json += first_entry;
  for (const TensorInfo& tensor : tensors) AppendEntry(tensor, &json);
  json += "}";
  return json;
}

}  // namespace plait
