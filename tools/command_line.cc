#include "tools/command_line.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "codec/base/dtype.h"
#include "codec/base/status.h"
#include "tools/cli_words.h"
#include "tools/command_line_parts.h"
#include "tools/command_text.h"
#include "tools/kv_command_line.h"
#include "tools/pipeline/levels.h"
#include "tools/text.h"
#include "tools/version.h"

namespace plait {
namespace {

constexpr char kAbout[] =
    "Makes model weights smaller without changing one bit.\n"
    "  plait compress model.safetensors      writes model.plait.safetensors\n"
    "  plait decompress model.plait.safetensors\n"
    "  plait cat model.plait.safetensors TENSOR > tensor.bin";

// Promised, not there yet.
constexpr std::string_view kVerbsToCome[] = {"serve", "kv push", "kv pull", "kv stream"};

constexpr char kManualVerb[] = "manual";
constexpr char kCompletionVerb[] = "completion";

constexpr size_t kHelpColumns = 80;
constexpr uint64_t kMostSampleBytes = uint64_t{1} << 40;

// What is parsed, and what has to be looked at before it is an option.
struct Parsed : CommandLine {
  std::string shell;
  std::string rows;
  bool full = false;
  bool keep = false;
};

// Spelled as safetensors does, in any case.
CLI::Validator ExpectDtype() {
  std::vector<std::string> names;
  for (const DtypeInfo& info : DtypeTable()) names.emplace_back(info.name);
  return Expect(absl::StrCat("one of ", absl::StrJoin(names, ", ")), [](std::string& text) {
    absl::AsciiStrToUpper(&text);
    return DtypeFromName(text).has_value();
  });
}

void AddKeepOrRemove(CLI::App* verb, bool* keep, bool* remove) {
  auto* keep_flag = verb->add_flag("-k,--keep", *keep, "keep the source (the default)");
  verb->add_flag("--rm", *remove, "remove the source when the result is there")->excludes(keep_flag);
}

// -1 to -9; the help names those that are built.
void AddLevels(CLI::App* verb, int* level) {
  for (int number = kLowestLevel; number <= kHighestLevel; ++number) {
    const Level* built = FindLevel(number);
    const std::string about =
        built == nullptr
            ? ""
            : absl::StrCat("level ", number, number == kDefaultLevel ? ", the default: " : ": ", Absl(built->about));
    CLI::Option* flag = verb->add_flag_callback(
        "-" + std::to_string(number), [level, number] { *level = number; }, about);
    if (built == nullptr) flag->group("");
  }
}

void AddCompress(CLI::App& app, Parsed& parsed) {
  CompressOptions& options = parsed.compress;
  CLI::App* verb = app.add_subcommand("compress", "compress files and directories; every block is compared first");
  verb->add_option("FILE", options.files, "what to compress; - is stdin, also without FILE");
  AddOutput(verb, &options.output);
  AddLevels(verb, &options.level);
  AddThreads(verb, &options.threads);
  verb->add_flag("-c,--stdout", options.to_stdout, "write a frame stream to stdout");
  AddKeepOrRemove(verb, &parsed.keep, &options.remove_source);
  verb->add_flag("-f,--force", options.force, "overwrite the target; compress Plait files again");
  verb->add_flag("--dry-run", options.dry_run, "estimate the size from every eighth block, write nothing");
  verb->add_flag("!--no-verify", options.verify, "do not decode and compare");
  verb->add_flag("--strict", options.strict, "refuse what is no valid .safetensors file");
  verb->add_option("--base", options.base)->type_name("FILE")->group("");  // not built yet
  AddJson(verb, &options.json);
}

void AddDecompress(CLI::App& app, Parsed& parsed) {
  DecompressOptions& options = parsed.decompress;
  CLI::App* verb = app.add_subcommand("decompress", "restore originals, byte for byte");
  verb->add_option("FILE", options.files, "what to decompress; - is stdin, also without FILE");
  AddOutput(verb, &options.output);
  AddThreads(verb, &options.threads);
  verb->add_flag("-c,--stdout", options.to_stdout, "write to stdout");
  AddKeepOrRemove(verb, &parsed.keep, &options.remove_source);
  verb->add_flag("-f,--force", options.force, "overwrite the target");
  AddJson(verb, &options.json);
}

void AddVerify(CLI::App& app, Parsed& parsed) {
  VerifyOptions& options = parsed.verify;
  CLI::App* verb = app.add_subcommand("verify", "check every byte of a Plait file");
  verb->add_option("FILE", options.files, "what to check; - is stdin, also without FILE");
  auto* structure = verb->add_flag("--structure", options.structure_only, "headers and indexes only");
  verb->add_flag("--full", parsed.full, "decode everything (the default)")->excludes(structure);
  verb->add_option("--against", options.against, "the original to compare with")
      ->type_name("FILE")
      ->excludes(structure);
  AddThreads(verb, &options.threads);
  AddJson(verb, &options.json);
}

void AddList(CLI::App& app, Parsed& parsed) {
  CLI::App* verb = app.add_subcommand("list", "one row per tensor");
  ListOptions& options = parsed.list;
  verb->add_option("FILE", options.file, "a Plait file")->required();
  const std::vector<std::string> keys = {"name", "size", "coded", "ratio", "offset"};
  verb->add_option("--sort", options.sort,
                   "by name, by place in the file (offset), or largest first; without it the order of the original")
      ->type_name(absl::StrJoin(keys, "|"))
      ->check(ExpectOneOf(keys));
  verb->add_flag("--reverse", options.reverse, "the other way round");
  verb->add_option("--dtype", options.dtypes, "only tensors of this type, as BF16; may be repeated")
      ->type_name("DTYPE")
      ->allow_extra_args(false)
      ->transform(ExpectDtype());
  verb->add_option("--name", options.names, "only tensors whose whole name fits, as '*.bias'; may be repeated")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  verb->add_option("-n,--top", options.top, "only the first N of what is left")
      ->type_name("N")
      ->check(Expect("a number above 0", [](const std::string& text) {
        uint64_t number = 0;
        return absl::SimpleAtoi(text, &number) && number > 0;
      }));
  AddJson(verb, &options.json);
}

void AddInspect(CLI::App& app, Parsed& parsed) {
  CLI::App* verb = app.add_subcommand("inspect", "codecs, and the entropy of each plane beside what was spent");
  verb->add_option("FILE", parsed.inspect.file, "a Plait file")->required();
  verb->add_option("--html", parsed.inspect.html, "write a self-contained page to this file")->type_name("FILE");
  AddJson(verb, &parsed.inspect.json);
}

void AddDoctor(CLI::App& app, Parsed& parsed) {
  CLI::App* verb = app.add_subcommand("doctor", "what this build and this machine can do");
  AddJson(verb, &parsed.doctor.json);
}

void AddCat(CLI::App& app, Parsed& parsed) {
  CLI::App* verb = app.add_subcommand("cat", "raw bytes of one tensor to stdout");
  verb->add_option("FILE", parsed.cat.file, "a Plait file")->required();
  verb->add_option("TENSOR", parsed.cat.tensor, "its name, as list shows it")->required();
  verb->add_option("--rows", parsed.rows, "only rows A to B - 1 of the first dimension")->type_name("A:B");
}

void AddBench(CLI::App& app, Parsed& parsed) {
  BenchOptions& options = parsed.bench;
  CLI::App* verb = app.add_subcommand("bench", "size and speed of every level on a file, in memory, beside memcpy");
  verb->add_option("FILE", options.file, "an original; - is stdin")->required();
  verb->add_option("-i,--seconds", options.seconds, "repeat each measurement for so long, and 5 times; default 1")
      ->type_name("SECONDS")
      ->check(Expect("seconds from 0 to 3600", [](const std::string& text) {
        double seconds = 0;
        return absl::SimpleAtod(text, &seconds) && seconds >= 0 && seconds <= 3600;
      }));
  verb->add_option("--max-bytes", options.max_bytes,
                   "of a larger file measure pieces of so many bytes together, spread evenly; default 134217728. "
                   "Memory is three times that")
      ->type_name("N")
      ->check(ExpectNumber(1, kMostSampleBytes));
  AddThreads(verb, &options.threads);
  AddJson(verb, &options.json);
}

void AddForeign(CLI::App* verb, ForeignOptions& options, const std::string& file_text, const std::string& output_text) {
  verb->add_option("FORMAT", options.format, "dfloat11")->required()->check(ExpectOneOf({"dfloat11"}));
  verb->add_option("FILE", options.input, file_text)->required();
  verb->add_option("-o,--output", options.output, output_text)->type_name("FILE")->required();
  AddThreads(verb, &options.threads);
  verb->add_flag("-f,--force", options.force, "overwrite the target");
  AddJson(verb, &options.json);
}

void AddImport(CLI::App& app, Parsed& parsed) {
  ImportOptions& options = parsed.import_;
  CLI::App* verb = app.add_subcommand("import", "the .safetensors file that another coder's checkpoint came from");
  AddForeign(verb, options, "a .safetensors file of the checkpoint, or its directory", "name of the .safetensors file");
  verb->add_option("--pattern", options.patterns,
                   "modules and the weights in each, as 'layers\\.\\d+=mlp.up,mlp.down'; instead of those of "
                   "config.json; may be repeated")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  verb->add_option("--shapes", options.shapes,
                   "a .safetensors file, or a directory of them, with tensors of the same names and shapes")
      ->type_name("FILE");
}

void AddExport(CLI::App& app, Parsed& parsed) {
  ExportOptions& options = parsed.export_;
  CLI::App* verb = app.add_subcommand("export", "weights as another coder's checkpoint, decoded and compared first");
  AddForeign(verb, options, "a .safetensors file, or a model's directory", "name of the checkpoint's directory");
  verb->add_option(
          "--pattern", options.patterns,
          "modules that are coded, and the weights in each, as 'layers\\.\\d+=mlp.up,mlp.down'; a module "
          "without weights is a matrix itself; may be repeated. Without it: every block, and every other matrix")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  verb->add_flag("!--no-verify", options.verify, "do not decode and compare");
}

// For those who build and install: no verbs of the help.
void AddHidden(CLI::App& app, Parsed& parsed) {
  app.add_subcommand(kManualVerb)->group("");
  app.add_subcommand(kCompletionVerb)->group("")->add_option("SHELL", parsed.shell)->required();
}

void AddAll(CLI::App& app, Parsed& parsed) {
  app.set_help_flag("-h,--help", "this text");
  app.set_version_flag("--version",
                       absl::StrCat("plait ", kVersion, " (format version ", kFormatVersion, ", unstable)"),
                       "version of the program and of the format");
  app.require_subcommand(1);
  AddCompress(app, parsed);
  AddDecompress(app, parsed);
  AddVerify(app, parsed);
  AddList(app, parsed);
  AddInspect(app, parsed);
  AddCat(app, parsed);
  AddBench(app, parsed);
  AddImport(app, parsed);
  AddExport(app, parsed);
  AddKv(app, parsed.kv);
  AddDoctor(app, parsed);
  AddHidden(app, parsed);
}

void ShowAllBrackets(Parsed& parsed) {
  std::vector<std::string*> values = {&parsed.compress.output, &parsed.compress.base, &parsed.decompress.output,
                                      &parsed.verify.against,  &parsed.list.file,     &parsed.inspect.file,
                                      &parsed.inspect.html,    &parsed.cat.file,      &parsed.cat.tensor,
                                      &parsed.bench.file,      &parsed.import_.input, &parsed.import_.output,
                                      &parsed.import_.shapes,  &parsed.export_.input, &parsed.export_.output};
  for (std::string* word : KvWords(parsed.kv)) values.push_back(word);
  for (auto* words : {&parsed.compress.files, &parsed.decompress.files, &parsed.verify.files, &parsed.list.names,
                      &parsed.import_.patterns, &parsed.export_.patterns}) {
    for (std::string& word : *words) values.push_back(&word);
  }
  for (std::string* value : values) ShowBrackets(*value);
}

bool IsShown(const CLI::Option* option) { return !option->get_group().empty(); }

OptionText Describe(const CLI::Option& option) {
  OptionText text;
  text.about = option.get_description();
  for (const std::string& name : option.get_snames()) text.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) text.names.push_back("--" + name);
  if (!option.nonpositional()) text.names.push_back(option.get_name());
  if (option.nonpositional() && option.get_items_expected_max() > 0) text.value = option.get_type_name();
  if (absl::StrContains(text.value, "|")) text.choices = absl::StrSplit(text.value, '|');
  return text;
}

VerbText Describe(const CLI::App& verb, const std::string& name) {
  VerbText text;
  text.name = name;
  text.about = verb.get_description();
  text.synopsis = absl::StrCat("plait ", name, " [OPTION...]");
  for (const CLI::Option* option : verb.get_options(IsShown)) {
    (option->nonpositional() ? text.options : text.operands).push_back(Describe(*option));
    if (option->nonpositional()) continue;
    const bool many = option->get_items_expected_max() > 1;
    const std::string operand = option->get_name() + (many ? "..." : "");
    absl::StrAppend(&text.synopsis, " ", option->get_required() ? operand : absl::StrCat("[", operand, "]"));
  }
  return text;
}

std::vector<const CLI::App*> ShownVerbs(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* each) { return !each->get_group().empty(); });
}

CommandText Describe(const CLI::App& app) {
  CommandText text;
  text.about = app.get_description();
  for (const CLI::Option* option : app.get_options(IsShown)) text.options.push_back(Describe(*option));
  for (const CLI::App* verb : ShownVerbs(app)) {
    const std::vector<const CLI::App*> own = ShownVerbs(*verb);
    if (own.empty()) text.verbs.push_back(Describe(*verb, verb->get_name()));
    for (const CLI::App* each : own) {
      text.verbs.push_back(Describe(*each, absl::StrCat(verb->get_name(), " ", each->get_name())));
    }
  }
  return text;
}

// The verbs of a verb that is none itself, as "kv".
std::string GroupHelp(const CLI::App& app, const CLI::App& group, size_t columns) {
  CommandText text = Describe(app);
  std::erase_if(text.verbs, [&](const VerbText& verb) { return !verb.name.starts_with(group.get_name() + " "); });
  return GroupHelpText(group.get_name(), group.get_description(), text.verbs, columns);
}

// The verb that was named, from the first word to the last: none, one, or two as in kv encode.
std::vector<const CLI::App*> NamedVerb(const CLI::App& app) {
  std::vector<const CLI::App*> words;
  for (const CLI::App* at = &app; !at->get_subcommands().empty(); words.push_back(at)) at = at->get_subcommands()[0];
  return words;
}

std::string NameOf(const std::vector<const CLI::App*>& verb) {
  return absl::StrJoin(verb, " ", [](std::string* out, const CLI::App* word) { out->append(word->get_name()); });
}

// Of the verb that was named, or of the command.
std::string HelpOn(const CLI::App& app) {
  const size_t columns = std::min(TerminalColumns(STDOUT_FILENO).value_or(kHelpColumns), kHelpColumns);
  const std::vector<const CLI::App*> named = NamedVerb(app);
  if (named.empty()) return HelpText(Describe(app), columns);
  if (!ShownVerbs(*named.back()).empty()) return GroupHelp(app, *named.back(), columns);
  return HelpText(Describe(*named.back(), NameOf(named)), columns);
}

// The word, or the two words of a verb of a group, that should be a verb.
std::string VerbOf(const CLI::App& app, const std::vector<std::string>& words) {
  const std::vector<const CLI::App*> first =
      app.get_subcommands([&](const CLI::App* verb) { return verb->get_name() == words[0]; });
  const bool is_group = !first.empty() && !ShownVerbs(*first[0]).empty();
  return is_group && words.size() > 1 && !words[1].starts_with('-') ? absl::StrCat(words[0], " ", words[1]) : words[0];
}

// Whether `word` is a verb, or the first word of some.
absl::Status CheckVerb(const CLI::App& app, const std::string& word) {
  if (std::ranges::find(kVerbsToCome, word) != std::end(kVerbsToCome)) {
    return absl::UnimplementedError(absl::StrCat(word, ": this verb is not built yet"));
  }
  const auto is_that_word = [&](const CLI::App* verb) { return verb->get_name() == word; };
  if (!app.get_subcommands(is_that_word).empty()) return absl::OkStatus();
  std::vector<std::string> verbs = {"help"};
  for (const VerbText& verb : Describe(app).verbs) verbs.push_back(verb.name);
  if (std::ranges::find(verbs, word) != verbs.end()) return absl::OkStatus();
  if (access(word.c_str(), F_OK) == 0) {
    return absl::InvalidArgumentError(absl::StrCat(word, ": a file, no verb; did you mean plait compress FILE?"));
  }
  verbs.insert(verbs.end(), std::begin(kVerbsToCome), std::end(kVerbsToCome));
  return absl::InvalidArgumentError(
      absl::StrCat(word, ": no such verb", DidYouMean(word, verbs), "; plait help lists them"));
}

// A word that is left over.
std::string LeftOver(const VerbText& verb, const std::string& word) {
  if (!word.starts_with('-')) return absl::StrCat("found ", word, ", expected no more words");
  std::vector<std::string> names;
  for (const OptionText& option : verb.options) names.insert(names.end(), option.names.begin(), option.names.end());
  return absl::StrCat(word, ": no such option", DidYouMean(word.substr(0, word.find('=')), names));
}

// What a mistake on the command line is, and where to read more.
absl::Status UsageError(const CLI::App& app, const CLI::Error& error) {
  const std::vector<const CLI::App*> named = NamedVerb(app);
  const CLI::App& where = named.empty() ? app : *named.back();
  const std::string verb = NameOf(named);
  std::vector<std::string> left = where.remaining();
  std::string what = error.what();
  if (!left.empty()) {
    ShowBrackets(left[0]);
    what = LeftOver(Describe(where, verb), left[0]);
  }
  const std::string message = absl::StrCat(what, "; plait help ", verb, verb.empty() ? "" : " ", "says more");
  return absl::InvalidArgumentError(verb.empty() ? message : absl::StrCat(verb, ": ", message));
}

// The text that is the whole answer; empty if a verb is to run.
absl::StatusOr<std::string> Answer(const CLI::App& app, const Parsed& parsed) {
  if (app.got_subcommand(kManualVerb)) return ManualPage(Describe(app));
  if (app.got_subcommand(kCompletionVerb)) return CompletionScript(Describe(app), parsed.shell);
  return "";
}

absl::StatusOr<CommandLine> Parse(CLI::App& app, std::vector<std::string> words, Parsed& parsed) {
  try {
    HideBrackets(words);
    std::ranges::reverse(words);
    app.parse(words);
  } catch (const CLI::CallForHelp&) {
    parsed.answer = HelpOn(app);
    return parsed;
  } catch (const CLI::CallForVersion& version) {
    parsed.answer = absl::StrCat(version.what(), "\n");
    return parsed;
  } catch (const CLI::Error& error) {
    return UsageError(app, error);
  }
  ShowAllBrackets(parsed);
  PLAIT_ASSIGN_OR_RETURN(parsed.answer, Answer(app, parsed));
  auto rows = ParseRows(parsed.rows);
  if (!rows.ok()) return Annotate(rows.status(), "cat");
  parsed.cat.rows = *rows;
  if (parsed.answer.empty()) parsed.verb = NameOf(NamedVerb(app));
  return parsed;
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(std::vector<std::string> words) {
  Parsed parsed;
  CLI::App app(kAbout, "plait");
  AddAll(app, parsed);
  if (!words.empty() && !words[0].starts_with('-')) PLAIT_RETURN_IF_ERROR(CheckVerb(app, VerbOf(app, words)));
  return Parse(app, std::move(words), parsed);
}

}  // namespace plait
