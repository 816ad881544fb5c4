// What the command line takes, as data, and the texts made from it: help, the manual page and the completions of
// shells. command_line.cc fills it from the parser's own description, so that no text can name an option that there is
// not.
#ifndef PLAIT_TOOLS_COMMAND_TEXT_H_
#define PLAIT_TOOLS_COMMAND_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace plait {

struct OptionText {
  std::vector<std::string> names;    // "-T", "--threads"; of an operand "FILE" alone
  std::string value;                 // what follows, as "N"; empty for a flag. FILE is a file
  std::vector<std::string> choices;  // the values there are, where they are few words
  std::string about;
};

struct VerbText {
  std::string name;  // "list", or two words, as "kv encode"
  std::string about;
  std::string synopsis;  // "plait list [OPTION...] FILE"
  std::vector<OptionText> operands;
  std::vector<OptionText> options;
};

struct CommandText {
  std::string about;  // first line: what it is; then examples
  std::vector<OptionText> options;
  std::vector<VerbText> verbs;
};

// The letters that stand for verbs: plait -d is plait decompress.
struct VerbAlias {
  char letter;
  std::string_view verb;
};
inline constexpr VerbAlias kVerbAliases[] = {{'d', "decompress"}, {'t', "verify"}, {'l', "list"}};

// Lines of at most `columns`.
std::string HelpText(const CommandText& command, size_t columns);
std::string HelpText(const VerbText& verb, size_t columns);
// Of the first word of several verbs, as "kv".
std::string GroupHelpText(const std::string& name, const std::string& about, const std::vector<VerbText>& verbs,
                          size_t columns);

// plait.1, for man.
std::string ManualPage(const CommandText& command);

// The completion script of "bash", "zsh" or "fish"; kInvalidArgument for any other.
absl::StatusOr<std::string> CompletionScript(const CommandText& command, std::string_view shell);

}  // namespace plait

#endif  // PLAIT_TOOLS_COMMAND_TEXT_H_
