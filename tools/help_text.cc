// The texts of plait help and plait help VERB.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/command_text.h"
#include "tools/text.h"

namespace plait {
namespace {

constexpr size_t kIndent = 2;
constexpr size_t kWidestName = 24;  // what is wider has its text on the next line

using Entry = std::pair<std::string, std::string>;  // what, and what about it

std::string Entries(const std::vector<Entry>& entries, size_t columns) {
  size_t width = 0;
  for (const auto& [name, about] : entries) {
    if (name.size() <= kWidestName) width = std::max(width, name.size());
  }
  const size_t indent = kIndent + width + 2;
  std::string text;
  for (const auto& [name, about] : entries) {
    const bool fits = name.size() <= width;
    const std::string line_break = fits ? "" : "\n";
    const size_t spaces = fits ? width - name.size() + 2 : indent;
    absl::StrAppend(&text, std::string(kIndent, ' '), name, line_break, std::string(spaces, ' '),
                    Wrap(about, indent, columns), "\n");
  }
  return text;
}

std::vector<Entry> EntriesOf(const std::vector<OptionText>& options) {
  std::vector<Entry> entries;
  for (const OptionText& option : options) {
    const std::string names = absl::StrJoin(option.names, ", ");
    entries.emplace_back(option.value.empty() ? names : absl::StrCat(names, " ", option.value), option.about);
  }
  return entries;
}

}  // namespace

std::string HelpText(const CommandText& command, size_t columns) {
  std::vector<Entry> verbs;
  for (const VerbText& verb : command.verbs) verbs.emplace_back(verb.name, verb.about);
  std::vector<std::string> aliases;
  for (const VerbAlias& alias : kVerbAliases) {
    aliases.push_back(absl::StrCat("-", std::string(1, alias.letter), " ", std::string(alias.verb)));
  }
  return absl::StrCat(command.about, "\n\nusage: plait VERB [OPTION...] [FILE...]\n\nverbs:\n", Entries(verbs, columns),
                      "\nshort for verbs: ", absl::StrJoin(aliases, ", "), "\n\noptions:\n",
                      Entries(EntriesOf(command.options), columns), "\nplait help VERB lists the options of a verb.\n");
}

std::string HelpText(const VerbText& verb, size_t columns) {
  std::string text = absl::StrCat(verb.about, "\n\nusage: ", Wrap(verb.synopsis, kIndent, columns), "\n");
  if (!verb.operands.empty()) absl::StrAppend(&text, "\n", Entries(EntriesOf(verb.operands), columns));
  absl::StrAppend(&text, "\noptions:\n", Entries(EntriesOf(verb.options), columns));
  return text;
}

std::string GroupHelpText(const std::string& name, const std::string& about, const std::vector<VerbText>& verbs,
                          size_t columns) {
  std::vector<Entry> entries;
  entries.reserve(verbs.size());
  for (const VerbText& verb : verbs) entries.emplace_back(verb.name, verb.about);
  return absl::StrCat(about, "\n\nusage: plait ", name, " VERB [OPTION...] [FILE...]\n\nverbs:\n",
                      Entries(entries, columns), "\nplait help ", name, " VERB lists the options of a verb.\n");
}

}  // namespace plait
