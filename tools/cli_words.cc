#include "tools/cli_words.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "codec/base/status.h"
#include "tools/command_text.h"

namespace plait {
namespace {

absl::StatusOr<uint64_t> ParseRow(std::string_view text) {
  uint64_t row = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), row);
  if (error != std::errc() || end != text.data() + text.size()) {
    return absl::InvalidArgumentError(FoundExpected("--rows", Absl(text), "two numbers, as in 0:16"));
  }
  return row;
}

// Letters to add, remove, replace, or swap with their neighbour.
size_t Slips(std::string_view found, std::string_view meant) {
  // rows[i][j]: between the first i letters of `found` and the first j of `meant`.
  std::vector<std::vector<size_t>> rows(found.size() + 1, std::vector<size_t>(meant.size() + 1));
  std::iota(rows[0].begin(), rows[0].end(), size_t{0});
  for (size_t i = 1; i <= found.size(); ++i) {
    rows[i][0] = i;
    for (size_t j = 1; j <= meant.size(); ++j) {
      const size_t replaced = rows[i - 1][j - 1] + (found[i - 1] == meant[j - 1] ? 0 : 1);
      rows[i][j] = std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && found[i - 1] == meant[j - 2] && found[i - 2] == meant[j - 1];
      if (swapped) rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  }
  return rows[found.size()][meant.size()];
}

}  // namespace

std::vector<std::string> ExpandAliases(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words[0] == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  if (words.empty() || words[0].size() < 2 || words[0][0] != '-') return words;
  const auto alias = std::ranges::find(kVerbAliases, words[0][1], &VerbAlias::letter);
  if (alias == std::end(kVerbAliases)) return words;
  if (words[0].size() > 2) words.insert(words.begin() + 1, absl::StrCat("-", words[0].substr(2)));
  words[0] = alias->verb;
  return words;
}

void HideBrackets(std::vector<std::string>& words) {
  for (std::string& word : words) {
    if (word.starts_with('[') && word.ends_with(']')) word.push_back('\0');
  }
}

void ShowBrackets(std::string& word) {
  if (word.ends_with('\0')) word.pop_back();
}

std::string DidYouMean(std::string_view word, std::span<const std::string> candidates) {
  size_t fewest = std::min<size_t>(3, (word.size() + 1) / 2);  // so many are no slip any more
  std::string_view nearest;
  for (const std::string& candidate : candidates) {
    const size_t slips = Slips(word.substr(0, 100), candidate);
    if (slips >= fewest) continue;
    fewest = slips;
    nearest = candidate;
  }
  return nearest.empty() ? "" : absl::StrCat("; did you mean ", Absl(nearest), "?");
}

absl::StatusOr<std::optional<std::pair<uint64_t, uint64_t>>> ParseRows(const std::string& rows) {
  if (rows.empty()) return std::nullopt;
  const size_t colon = rows.find(':');
  if (colon == std::string::npos) return absl::InvalidArgumentError(FoundExpected("--rows", rows, "A:B, as in 0:16"));
  PLAIT_ASSIGN_OR_RETURN(const uint64_t first, ParseRow(std::string_view(rows).substr(0, colon)));
  PLAIT_ASSIGN_OR_RETURN(const uint64_t last, ParseRow(std::string_view(rows).substr(colon + 1)));
  return std::pair(first, last);
}

}  // namespace plait
