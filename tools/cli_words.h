// What happens to the words of the command line before the parser sees them, and the words meant by a slip.
#ifndef PLAIT_TOOLS_CLI_WORDS_H_
#define PLAIT_TOOLS_CLI_WORDS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace plait {

// argv without its first word. plait -d, -t, -l (alone or in front of more letters, as in -dT4) are verbs;
// "help [VERB]" is --help.
std::vector<std::string> ExpandAliases(int argc, char** argv);

// CLI11 takes a word in brackets for a list. No word of argv holds a NUL, so one at the end hides the bracket.
void HideBrackets(std::vector<std::string>& words);
void ShowBrackets(std::string& word);

// "; did you mean X?" for the candidate that is a slip or two away from `word`; empty if there is none.
std::string DidYouMean(std::string_view word, std::span<const std::string> candidates);

// A:B, two numbers; nullopt for no text. Returns: kInvalidArgument for anything else.
absl::StatusOr<std::optional<std::pair<uint64_t, uint64_t>>> ParseRows(const std::string& rows);

}  // namespace plait

#endif  // PLAIT_TOOLS_CLI_WORDS_H_
