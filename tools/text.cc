#include "tools/text.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace plait {
namespace {

constexpr size_t kDefaultColumns = 80;
constexpr char32_t kFirstWide = 0x1100;  // Hangul; what is narrow behind it (arrows, dashes) is rare in names

struct Character {
  std::string_view bytes;
  char32_t code_point = 0;
  bool valid = false;  // UTF-8; else one byte
};

// Bytes that a UTF-8 character with this first byte has; 0 if none begins so.
size_t LengthOf(uint8_t first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

// The character at the front of `text`, which is not empty.
Character FirstCharacter(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const size_t length = LengthOf(byte(0));
  const Character broken = {text.substr(0, 1), byte(0), false};
  if (length == 0 || length > text.size()) return broken;
  char32_t code_point = length == 1 ? byte(0) : byte(0) & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return broken;
    code_point = code_point << 6 | (byte(i) & 0x3f);
  }
  // Forms longer than need be, surrogates, and what is above the last character.
  const bool too_long = (length == 3 && code_point < 0x800) || (length == 4 && code_point < 0x10000);
  if (too_long || (code_point >= 0xd800 && code_point < 0xe000) || code_point > 0x10ffff) return broken;
  return {text.substr(0, length), code_point, true};
}

std::vector<Character> Characters(std::string_view text) {
  std::vector<Character> characters;
  while (!text.empty()) {
    characters.push_back(FirstCharacter(text));
    text.remove_prefix(characters.back().bytes.size());
  }
  return characters;
}

bool IsControl(const Character& character) {
  const char32_t code = character.code_point;
  return character.valid && (code < 0x20 || (code >= 0x7f && code < 0xa0));
}

size_t ColumnsOf(const Character& character) { return character.valid && character.code_point >= kFirstWide ? 2 : 1; }

std::string Escaped(const Character& character) {
  if (character.code_point == '\n') return "\\n";
  if (character.code_point == '\t') return "\\t";
  std::string text;
  for (const char byte : character.bytes) text += absl::StrFormat("\\x%02x", static_cast<uint8_t>(byte));
  return text;
}

std::string Escape(std::string_view text, bool broken_too) {
  std::string printable;
  for (const Character& character : Characters(text)) {
    const bool escape = IsControl(character) || (broken_too && !character.valid);
    printable += escape ? Escaped(character) : std::string(character.bytes);
  }
  return printable;
}

}  // namespace

std::string Printable(std::string_view text) { return Escape(text, /*broken_too=*/true); }

std::string WithoutControls(std::string_view text) { return Escape(text, /*broken_too=*/false); }

size_t Columns(std::string_view text) {
  size_t columns = 0;
  for (const Character& character : Characters(text)) columns += ColumnsOf(character);
  return columns;
}

std::string ShortenMiddle(std::string_view text, size_t columns) {
  if (Columns(text) <= columns) return std::string(text);
  const std::vector<Character> characters = Characters(text);
  const size_t room = columns < 3 ? 0 : columns - 3;
  std::string front;
  std::string back;
  size_t used = 0;
  for (size_t i = 0; i < characters.size() && used + ColumnsOf(characters[i]) <= room / 2; ++i) {
    front += characters[i].bytes;
    used += ColumnsOf(characters[i]);
  }
  for (size_t i = characters.size(); i > 0 && used + ColumnsOf(characters[i - 1]) <= room; --i) {
    back.insert(0, characters[i - 1].bytes);
    used += ColumnsOf(characters[i - 1]);
  }
  return absl::StrCat(front, "...", back);
}

std::string Wrap(std::string_view text, size_t indent, size_t columns) {
  std::string lines;
  size_t used = indent;
  while (!text.empty()) {
    const size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
    const bool first = used == indent;
    if (!first && used + 1 + Columns(word) > columns) {
      lines += "\n";
      lines.append(indent, ' ');
      used = indent;
    } else if (!first) {
      lines += " ";
      ++used;
    }
    lines += word;
    used += Columns(word);
  }
  return lines;
}

double PercentOf(uint64_t coded_bytes, uint64_t original_bytes) {
  if (original_bytes == 0) return 100;
  return 100 * static_cast<double>(coded_bytes) / static_cast<double>(original_bytes);
}

std::optional<size_t> TerminalColumns(int fd) {
  if (isatty(fd) == 0) return std::nullopt;
  winsize size = {};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kDefaultColumns;
  return size.ws_col;
}

}  // namespace plait
