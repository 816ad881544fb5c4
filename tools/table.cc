#include "tools/table.h"

#include <algorithm>

#include "tools/text.h"

namespace plait {
namespace {

constexpr size_t kGap = 2;

std::string Padded(const std::string& cell, size_t width, bool right) {
  const std::string padding(width - std::min(width, Columns(cell)), ' ');
  return right ? padding + cell : cell + padding;
}

}  // namespace

std::vector<size_t> Table::Widths() const {
  std::vector<size_t> widths;
  for (size_t c = 0; c < columns_.size(); ++c) {
    size_t width = columns_[c].title.size();
    for (const std::vector<std::string>& row : rows_) width = std::max(width, Columns(row[c]));
    widths.push_back(width);
  }
  return widths;
}

std::vector<bool> Table::Shown(std::vector<size_t>& widths, size_t width) const {
  std::vector<bool> shown(columns_.size(), true);
  size_t others = 0;
  for (size_t c = 1; c < columns_.size(); ++c) others += widths[c] + kGap;
  const size_t wanted = std::min(widths[0], kRoomForNames);
  for (int drop = 1; drop <= static_cast<int>(columns_.size()) && others + wanted > width; ++drop) {
    for (size_t c = 1; c < columns_.size(); ++c) {
      if (columns_[c].drop != drop) continue;
      shown[c] = false;
      others -= widths[c] + kGap;
    }
  }
  const size_t room = width > others ? width - others : 0;
  widths[0] = std::min(widths[0], std::max(room, columns_[0].title.size()));
  return shown;
}

std::string Table::Text(std::optional<size_t> width) const {
  std::vector<size_t> widths = Widths();
  const std::vector<bool> shown = width ? Shown(widths, *width) : std::vector<bool>(columns_.size(), true);
  std::string text;
  const auto add = [&](const auto& cell_of) {
    std::string line = Padded(ShortenMiddle(cell_of(0), widths[0]), widths[0], columns_[0].right);
    for (size_t c = 1; c < columns_.size(); ++c) {
      if (shown[c]) line += std::string(kGap, ' ') + Padded(cell_of(c), widths[c], columns_[c].right);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  };
  add([&](size_t c) { return columns_[c].title; });
  for (const std::vector<std::string>& row : rows_) add([&](size_t c) { return row[c]; });
  return text;
}

}  // namespace plait
