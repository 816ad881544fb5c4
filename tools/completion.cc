// Completion scripts of shells, from the same description as the help: verbs first, then a verb's options and values.
#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "codec/base/status.h"
#include "tools/command_text.h"

namespace plait {
namespace {

constexpr char kFileValue[] = "FILE";

std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

// "kv encode" is a verb of the group kv; a verb of one word has none.
std::string GroupOf(const VerbText& verb) {
  const size_t space = verb.name.find(' ');
  return space == std::string::npos ? "" : verb.name.substr(0, space);
}

// Of each group, the last words of its verbs.
std::map<std::string, std::vector<const VerbText*>> Groups(const CommandText& command) {
  std::map<std::string, std::vector<const VerbText*>> groups;
  for (const VerbText& verb : command.verbs) {
    if (const std::string group = GroupOf(verb); !group.empty()) groups[group].push_back(&verb);
  }
  return groups;
}

std::string LastWord(const VerbText& verb) { return verb.name.substr(verb.name.rfind(' ') + 1); }

std::vector<std::string> LastWords(const std::vector<const VerbText*>& verbs) {
  std::vector<std::string> words;
  words.reserve(verbs.size());
  for (const VerbText* verb : verbs) words.push_back(LastWord(*verb));
  return words;
}

// First words.
std::vector<std::string> VerbNames(const CommandText& command) {
  std::vector<std::string> names;
  for (const VerbText& verb : command.verbs) {
    const std::string group = GroupOf(verb);
    if (group.empty() || names.empty() || names.back() != group) names.push_back(group.empty() ? verb.name : group);
  }
  names.push_back("help");
  return names;
}

std::vector<std::string> OptionNames(const std::vector<OptionText>& options) {
  std::vector<std::string> names;
  for (const OptionText& option : options) names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}

// bash

// Of a case.
std::string Pattern(const VerbText& verb) { return GroupOf(verb).empty() ? verb.name : Quoted(verb.name); }

// Takes the second word of a group's verb to the first, in `$verb`.
std::string BashGroups(const CommandText& command) {
  std::string text;
  for (const auto& [group, verbs] : Groups(command)) {
    absl::StrAppend(
        &text, "  if [ \"$verb\" = ", group, " ]; then\n    if [ \"$COMP_CWORD\" -eq 2 ]; then _plait_words ",
        Quoted(absl::StrJoin(LastWords(verbs), " ")), "; return; fi\n    verb=\"$verb ${COMP_WORDS[2]}\"\n  fi\n");
  }
  return text;
}

// What stands behind an option that wants a value: its choices, or nothing; for files the shell's own completion.
std::string BashValues(const VerbText& verb) {
  std::string cases;
  for (const OptionText& option : verb.options) {
    if (option.value.empty()) continue;
    const std::string names = absl::StrJoin(option.names, " | ", [&](std::string* out, const std::string& name) {
      absl::StrAppend(out, Pattern(verb), ":", name);
    });
    const std::string action = !option.choices.empty()
                                   ? absl::StrCat("_plait_words ", Quoted(absl::StrJoin(option.choices, " ")), "; ")
                               : option.value == kFileValue ? ""
                                                            : "compopt +o default +o bashdefault; ";
    absl::StrAppend(&cases, "    ", names, ") ", action, "return ;;\n");
  }
  return cases;
}

std::string BashScript(const CommandText& command) {
  std::string aliases;
  for (const VerbAlias& alias : kVerbAliases) {
    absl::StrAppend(&aliases, "    -", std::string(1, alias.letter), "*) verb=", std::string(alias.verb), " ;;\n");
  }
  std::string values;
  std::string options;
  for (const VerbText& verb : command.verbs) {
    absl::StrAppend(&values, BashValues(verb));
    absl::StrAppend(&options, "    ", Pattern(verb), ") _plait_words ",
                    Quoted(absl::StrJoin(OptionNames(verb.options), " ")), " ;;\n");
  }
  const std::string verbs = Quoted(absl::StrJoin(VerbNames(command), " "));
  return absl::StrCat(
      "# bash completion of plait, written by: plait completion bash\n"
      "_plait_words() { COMPREPLY=($(compgen -W \"$1\" -- \"${COMP_WORDS[COMP_CWORD]}\")); }\n"
      "_plait() {\n"
      "  local verb=${COMP_WORDS[1]}\n"
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    case ${COMP_WORDS[1]} in\n"
      "      -*) _plait_words ",
      Quoted(absl::StrJoin(OptionNames(command.options), " ")), " ;;\n", "      *) _plait_words ", verbs, " ;;\n",
      "    esac\n    return\n  fi\n", BashGroups(command), "  case $verb in\n", aliases, "    help) _plait_words ",
      verbs, "; return ;;\n  esac\n", "  case $verb:${COMP_WORDS[COMP_CWORD-1]} in\n", values, "  esac\n",
      "  [[ ${COMP_WORDS[COMP_CWORD]} == -* ]] || return\n  case $verb in\n", options,
      "  esac\n}\ncomplete -o bashdefault -o default -F _plait plait\n");
}

// zsh

std::string ZshEscaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {":", "\\:"}, {"[", "\\["}, {"]", "\\]"}});
}

std::string ZshAction(const OptionText& option) {
  if (option.value.empty()) return "";
  if (!option.choices.empty()) return absl::StrCat(":value:(", absl::StrJoin(option.choices, " "), ")");
  return absl::StrCat(":", ZshEscaped(option.value), ":", option.value == kFileValue ? "_files" : " ");
}

// Names of one option exclude each other.
std::string ZshOption(const OptionText& option) {
  std::string lines;
  for (const std::string& name : option.names) {
    const std::string others = option.names.size() > 1 ? absl::StrCat("(", absl::StrJoin(option.names, " "), ")") : "";
    absl::StrAppend(&lines, " \\\n        ",
                    Quoted(absl::StrCat(others, name, "[", ZshEscaped(option.about), "]", ZshAction(option))));
  }
  return lines;
}

std::string ZshWord(const std::string& word, const std::string& about) {
  return absl::StrCat("    ", Quoted(absl::StrCat(word, ":", ZshEscaped(about))), "\n");
}

std::string ZshGroups(const CommandText& command) {
  std::string text;
  for (const auto& [group, verbs] : Groups(command)) {
    std::string words;
    for (const VerbText* verb : verbs) absl::StrAppend(&words, ZshWord(LastWord(*verb), verb->about));
    absl::StrAppend(&text, "  if [[ $verb == ", group, " ]]; then\n    local -a ", group, "_verbs=(\n", words,
                    "    )\n    if (( CURRENT == 3 )); then\n      _describe verb ", group,
                    "_verbs\n      return\n    fi\n",
                    "    verb=\"$verb $words[3]\"\n    shift words; (( CURRENT-- ))\n  fi\n");
  }
  return text;
}

std::string ZshScript(const CommandText& command) {
  std::string verbs;
  std::string cases;
  for (const auto& [group, of_group] : Groups(command)) {
    absl::StrAppend(&verbs, ZshWord(group, absl::StrJoin(LastWords(of_group), ", ")));
  }
  for (const VerbText& verb : command.verbs) {
    if (GroupOf(verb).empty()) absl::StrAppend(&verbs, ZshWord(verb.name, verb.about));
    absl::StrAppend(&cases, "    ", Pattern(verb), ")\n      _arguments -s");
    for (const OptionText& option : verb.options) absl::StrAppend(&cases, ZshOption(option));
    absl::StrAppend(&cases, " \\\n        '*:file:_files' ;;\n");
  }
  std::string options;
  for (const OptionText& option : command.options) absl::StrAppend(&options, ZshOption(option));
  std::string aliases;
  for (const VerbAlias& alias : kVerbAliases) {
    absl::StrAppend(&aliases, "    -", std::string(1, alias.letter), "*) verb=", std::string(alias.verb), " ;;\n");
  }
  return absl::StrCat(
      "#compdef plait\n# zsh completion of plait, written by: plait completion zsh\n_plait() {\n"
      "  local -a verbs=(\n",
      verbs, "    'help:what a verb takes'\n  )\n  if (( CURRENT == 2 )); then\n",
      "    if [[ $words[2] == -* ]]; then\n      _arguments -s", options, "\n      return\n    fi\n",
      "    _describe verb verbs\n    return\n  fi\n  local verb=$words[2]\n", ZshGroups(command), "  case $verb in\n",
      aliases, "    help) _describe verb verbs; return ;;\n  esac\n  shift words\n  (( CURRENT-- ))\n",
      "  case $verb in\n", cases, "  esac\n}\n_plait \"$@\"\n");
}

// fish

std::string FishOption(const std::string& condition, const OptionText& option) {
  std::string line = absl::StrCat("complete -c plait -n ", Quoted(condition));
  for (const std::string& name : option.names) {
    absl::StrAppend(
        &line, name.starts_with("--") ? absl::StrCat(" -l ", name.substr(2)) : absl::StrCat(" -s ", name.substr(1)));
  }
  if (!option.choices.empty()) {
    absl::StrAppend(&line, " -x -a ", Quoted(absl::StrJoin(option.choices, " ")));
  } else if (!option.value.empty()) {
    absl::StrAppend(&line, option.value == kFileValue ? " -r -F" : " -x");
  }
  return absl::StrCat(line, " -d ", Quoted(option.about), "\n");
}

std::string FishSeen(const std::string& words) { return absl::StrCat("__fish_seen_subcommand_from ", words); }

std::string FishWord(const std::string& condition, const std::string& word, const std::string& about) {
  return absl::StrCat("complete -c plait -f -n ", Quoted(condition), " -a ", word, " -d ", Quoted(about), "\n");
}

// That this verb has been typed; a group may have one of the same last word.
std::string FishCondition(const CommandText& command, const VerbText& verb) {
  if (const std::string group = GroupOf(verb); !group.empty()) {
    return absl::StrCat(FishSeen(group), "; and ", FishSeen(LastWord(verb)));
  }
  std::string condition = FishSeen(verb.name);
  for (const auto& [group, verbs] : Groups(command)) {
    const std::vector<std::string> words = LastWords(verbs);
    if (std::ranges::find(words, verb.name) != words.end()) absl::StrAppend(&condition, "; and not ", FishSeen(group));
  }
  return condition;
}

std::string FishScript(const CommandText& command) {
  const std::string no_verb = "__fish_use_subcommand";
  std::string text = "# fish completion of plait, written by: plait completion fish\n";
  for (const VerbText& verb : command.verbs) {
    if (GroupOf(verb).empty()) absl::StrAppend(&text, FishWord(no_verb, verb.name, verb.about));
  }
  for (const auto& [group, verbs] : Groups(command)) {
    const std::string words = absl::StrJoin(LastWords(verbs), " ");
    absl::StrAppend(&text, FishWord(no_verb, group, absl::StrJoin(LastWords(verbs), ", ")));
    const std::string no_word = absl::StrCat(FishSeen(group), "; and not ", FishSeen(words));
    for (const VerbText* verb : verbs) absl::StrAppend(&text, FishWord(no_word, LastWord(*verb), verb->about));
  }
  absl::StrAppend(&text, "complete -c plait -f -n ", Quoted(no_verb), " -a help -d 'what a verb takes'\n",
                  "complete -c plait -f -n '__fish_seen_subcommand_from help' -a ",
                  Quoted(absl::StrJoin(VerbNames(command), " ")), "\n");
  for (const OptionText& option : command.options) absl::StrAppend(&text, FishOption(no_verb, option));
  for (const VerbText& verb : command.verbs) {
    const std::string condition = FishCondition(command, verb);
    for (const OptionText& option : verb.options) absl::StrAppend(&text, FishOption(condition, option));
  }
  return text;
}

}  // namespace

absl::StatusOr<std::string> CompletionScript(const CommandText& command, std::string_view shell) {
  if (shell == "bash") return BashScript(command);
  if (shell == "zsh") return ZshScript(command);
  if (shell == "fish") return FishScript(command);
  return absl::InvalidArgumentError(FoundExpected("shell", Absl(shell), "bash, zsh or fish"));
}

}  // namespace plait
