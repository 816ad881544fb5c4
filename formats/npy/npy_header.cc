#include "formats/npy/npy_header.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "absl/strings/str_join.h"
#include "codec/base/bits.h"
#include "codec/base/checked.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"

namespace plait {
namespace {

constexpr char kMagic[6] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};
constexpr size_t kPrefixBytes = 8;  // magic and version
constexpr size_t kAlignment = 64;
constexpr size_t kMaxRank = 64;

// Takes what it asks for from the front of the text: the few words of Python that a header is made of.
class Text {
 public:
  explicit Text(std::string_view text) : text_(text) {}

  // Whether `word` stood there, behind spaces.
  bool Take(std::string_view word) {
    SkipSpaces();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }

  // 'text' or "text", without escapes.
  bool TakeQuoted(std::string* quoted) {
    SkipSpaces();
    if (text_.empty() || (text_[0] != '\'' && text_[0] != '"')) return false;
    const size_t end = text_.find(text_[0], 1);
    if (end == std::string_view::npos) return false;
    *quoted = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return quoted->find('\\') == std::string::npos;
  }

  bool TakeNumber(uint64_t* number) {
    SkipSpaces();
    *number = 0;
    const size_t before = text_.size();
    while (!text_.empty() && text_[0] >= '0' && text_[0] <= '9') {
      if (!CheckedMul(*number, 10, number) || !CheckedAdd(*number, static_cast<uint64_t>(text_[0] - '0'), number)) {
        return false;
      }
      text_.remove_prefix(1);
    }
    return text_.size() != before;
  }

  bool AtEnd() {
    SkipSpaces();
    return text_.empty();
  }

 private:
  void SkipSpaces() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n')) text_.remove_prefix(1);
  }
  std::string_view text_;
};

// (), (3,) or (3, 4): a comma behind the last number may stand there.
bool TakeShape(Text& text, std::vector<uint64_t>* shape) {
  if (!text.Take("(")) return false;
  while (!text.Take(")")) {
    if (shape->size() == kMaxRank || !text.TakeNumber(&shape->emplace_back())) return false;
    if (text.Take(",")) continue;
    return text.Take(")");
  }
  return true;
}

absl::Status Unlike(std::string_view field) {
  return absl::DataLossError(absl::StrCat("header of the array: ", Absl(field),
                                          ": found other text, expected a dictionary of descr, fortran_order, shape"));
}

absl::Status TakeValue(const std::string& key, Text& text, NpyHeader* header) {
  if (key == "descr") {
    if (text.Take("[")) return absl::UnimplementedError("descr: found a list, expected a type of one field");
    return text.TakeQuoted(&header->descr) ? absl::OkStatus() : Unlike(key);
  }
  if (key == "fortran_order") {
    header->fortran_order = text.Take("True");
    return header->fortran_order || text.Take("False") ? absl::OkStatus() : Unlike(key);
  }
  if (key == "shape") return TakeShape(text, &header->shape) ? absl::OkStatus() : Unlike(key);
  return Unlike("a key");
}

absl::Status ParseDictionary(std::string_view dictionary, NpyHeader* header) {
  Text text(dictionary);
  std::vector<std::string> keys;
  if (!text.Take("{")) return Unlike("{");
  while (!text.Take("}")) {
    std::string key;
    if (!text.TakeQuoted(&key) || !text.Take(":") || std::ranges::find(keys, key) != keys.end()) return Unlike("a key");
    PLAIT_RETURN_IF_ERROR(TakeValue(key, text, header));
    keys.push_back(key);
    if (text.Take(",")) continue;
    if (!text.Take("}")) return Unlike("}");
    break;
  }
  return keys.size() == 3 && text.AtEnd() ? absl::OkStatus() : Unlike("keys");
}

}  // namespace

absl::StatusOr<NpyHeader> ParseNpyHeader(std::span<const uint8_t> bytes) {
  const size_t there = std::min(bytes.size(), sizeof(kMagic));
  if (there == 0 || std::memcmp(bytes.data(), kMagic, there) != 0) {
    return absl::FailedPreconditionError("no .npy file");
  }
  const size_t length_bytes = bytes.size() > sizeof(kMagic) && bytes[6] > 1 ? 4 : 2;
  const size_t begin = kPrefixBytes + length_bytes;
  if (bytes.size() < begin) return absl::OutOfRangeError(FoundExpected("array header bytes", bytes.size(), begin));
  if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0) {
    return absl::UnimplementedError(
        FoundExpected("version of the array file", absl::StrCat(bytes[6], ".", bytes[7]), "1.0, 2.0 or 3.0"));
  }
  const uint64_t length =
      length_bytes == 2 ? LoadLe<uint16_t>(bytes.data() + kPrefixBytes) : LoadLe<uint32_t>(bytes.data() + kPrefixBytes);
  NpyHeader header;
  header.header_bytes = begin + length;
  if (header.header_bytes > kMaxNpyHeaderBytes) {
    return absl::ResourceExhaustedError(
        FoundExpected("array header bytes", header.header_bytes, absl::StrCat("at most ", kMaxNpyHeaderBytes)));
  }
  if (header.header_bytes > bytes.size()) {
    return absl::OutOfRangeError(FoundExpected("array header bytes", bytes.size(), header.header_bytes));
  }
  PLAIT_RETURN_IF_ERROR(ParseDictionary({reinterpret_cast<const char*>(bytes.data()) + begin, length}, &header));
  return header;
}

std::vector<uint8_t> MakeNpyHeader(const NpyHeader& header) {
  const std::string comma = header.shape.size() == 1 ? "," : "";
  std::string text =
      absl::StrCat("{'descr': '", header.descr, "', 'fortran_order': ", header.fortran_order ? "True" : "False",
                   ", 'shape': (", absl::StrJoin(header.shape, ", "), comma, "), }");
  const size_t begin = kPrefixBytes + sizeof(uint16_t);
  text.resize(AlignUp(begin + text.size() + 1, kAlignment) - begin - 1, ' ');
  text.push_back('\n');
  std::vector<uint8_t> bytes(begin + text.size());
  std::memcpy(bytes.data(), kMagic, sizeof(kMagic));
  bytes[6] = 1;
  StoreLe(static_cast<uint16_t>(text.size()), bytes.data() + kPrefixBytes);
  std::ranges::copy(text, bytes.begin() + begin);
  return bytes;
}

}  // namespace plait
