#include "tools/cli.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "codec/base/cpu.h"
#include "codec/base/status.h"
#include "tools/exit_code.h"
#include "tools/pipeline/input.h"
#include "tools/verbs.h"
#include "tools/version.h"

namespace plait {
namespace {

constexpr char kAbout[] =
    "Makes model weights smaller without changing one bit.\n"
    "  plait compress model.safetensors      writes model.plait.safetensors\n"
    "  plait decompress model.plait.safetensors\n"
    "  plait cat model.plait.safetensors TENSOR > tensor.bin";

// Promised, not there yet.
constexpr std::string_view kVerbsToCome[] = {"bench", "import", "export", "kv", "serve"};

struct Parsed {
  CompressOptions compress;
  DecompressOptions decompress;
  VerifyOptions verify;
  ListOptions list;
  InspectOptions inspect;
  CatOptions cat;
  DoctorOptions doctor;
  std::string rows;
  bool full = false;
  bool keep = false;
};

void AddThreads(CLI::App* verb, int* threads) {
  verb->add_option("-T,--threads", *threads, "threads; 0, the default, is one per core")->check(CLI::Range(0, 4096));
}

void AddKeepOrRemove(CLI::App* verb, bool* keep, bool* remove) {
  auto* keep_flag = verb->add_flag("-k,--keep", *keep, "keep the source (the default)");
  verb->add_flag("--rm", *remove, "remove the source when the result is there")->excludes(keep_flag);
}

void AddCompress(CLI::App& app, Parsed& parsed) {
  CompressOptions& options = parsed.compress;
  CLI::App* verb =
      app.add_subcommand("compress", "compress files and directories; every block is decoded and compared first");
  verb->add_option("FILE", options.files, "what to compress; - is stdin, also without FILE");
  verb->add_option("-o,--output", options.output, "name of the result");
  for (int level = 1; level <= 9; ++level) {
    verb->add_flag_callback(
        "-" + std::to_string(level), [&options, level] { options.level = level; },
        level == 3 ? "level 3, the default" : "a level that is not built yet");
  }
  AddThreads(verb, &options.threads);
  verb->add_flag("-c,--stdout", options.to_stdout, "write a frame stream to stdout");
  AddKeepOrRemove(verb, &parsed.keep, &options.remove_source);
  verb->add_flag("-f,--force", options.force, "overwrite the target; compress Plait files again");
  verb->add_flag("--dry-run", options.dry_run, "estimate the size from every eighth block, write nothing");
  verb->add_flag("!--no-verify", options.verify, "do not decode and compare");
  verb->add_flag("--strict", options.strict, "refuse what is no valid .safetensors file");
  verb->add_option("--base", options.base, "a file that this one was derived from");
  verb->add_flag("--json", options.json, "one JSON document on stdout");
}

void AddDecompress(CLI::App& app, Parsed& parsed) {
  DecompressOptions& options = parsed.decompress;
  CLI::App* verb = app.add_subcommand("decompress", "restore originals, byte for byte");
  verb->add_option("FILE", options.files, "what to decompress; - is stdin, also without FILE");
  verb->add_option("-o,--output", options.output, "name of the result");
  AddThreads(verb, &options.threads);
  verb->add_flag("-c,--stdout", options.to_stdout, "write to stdout");
  AddKeepOrRemove(verb, &parsed.keep, &options.remove_source);
  verb->add_flag("-f,--force", options.force, "overwrite the target");
  verb->add_flag("--json", options.json, "one JSON document on stdout");
}

void AddVerify(CLI::App& app, Parsed& parsed) {
  VerifyOptions& options = parsed.verify;
  CLI::App* verb = app.add_subcommand("verify", "check every byte of a Plait file");
  verb->add_option("FILE", options.files, "what to check; - is stdin, also without FILE");
  auto* structure = verb->add_flag("--structure", options.structure_only, "headers and indexes only");
  verb->add_flag("--full", parsed.full, "decode everything (the default)")->excludes(structure);
  verb->add_option("--against", options.against, "the original to compare with")->excludes(structure);
  AddThreads(verb, &options.threads);
  verb->add_flag("--json", options.json, "one JSON document on stdout");
}

void AddList(CLI::App& app, Parsed& parsed) {
  CLI::App* verb = app.add_subcommand("list", "one row per tensor");
  verb->add_option("FILE", parsed.list.file, "a Plait file")->required();
  verb->add_flag("--json", parsed.list.json, "one JSON document on stdout");
}

void AddInspect(CLI::App& app, Parsed& parsed) {
  CLI::App* verb = app.add_subcommand("inspect", "codecs, and the entropy of each plane beside what was spent");
  verb->add_option("FILE", parsed.inspect.file, "a Plait file")->required();
  verb->add_option("--html", parsed.inspect.html, "write a self-contained page to this file");
  verb->add_flag("--json", parsed.inspect.json, "one JSON document on stdout");
}

void AddDoctor(CLI::App& app, Parsed& parsed) {
  CLI::App* verb = app.add_subcommand("doctor", "what this build and this machine can do");
  verb->add_flag("--json", parsed.doctor.json, "one JSON document on stdout");
}

void AddCat(CLI::App& app, Parsed& parsed) {
  CLI::App* verb = app.add_subcommand("cat", "raw bytes of one tensor to stdout");
  verb->add_option("FILE", parsed.cat.file, "a Plait file")->required();
  verb->add_option("TENSOR", parsed.cat.tensor, "its name, as list shows it")->required();
  verb->add_option("--rows", parsed.rows, "A:B, rows A to B - 1 of the first dimension");
}

absl::StatusOr<uint64_t> ParseRow(std::string_view text) {
  uint64_t row = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), row);
  if (error != std::errc() || end != text.data() + text.size()) {
    return absl::InvalidArgumentError(FoundExpected("--rows", Absl(text), "two numbers, as in 0:16"));
  }
  return row;
}

absl::Status ParseRows(const std::string& rows, CatOptions& options) {
  if (rows.empty()) return absl::OkStatus();
  const size_t colon = rows.find(':');
  if (colon == std::string::npos) return absl::InvalidArgumentError(FoundExpected("--rows", rows, "A:B, as in 0:16"));
  PLAIT_ASSIGN_OR_RETURN(const uint64_t first, ParseRow(std::string_view(rows).substr(0, colon)));
  PLAIT_ASSIGN_OR_RETURN(const uint64_t last, ParseRow(std::string_view(rows).substr(colon + 1)));
  options.rows = {first, last};
  return absl::OkStatus();
}

// plait -d, -t, -l (alone or in front of more letters, as in -dT4) are verbs; "help [VERB]" is --help.
std::vector<std::string> ExpandAliases(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) return words;
  std::string& first = words[0];
  if (first == "help") {
    words.erase(words.begin());
    words.push_back("--help");
    return words;
  }
  if (first.size() < 2 || first[0] != '-' || first[1] == '-') return words;
  const std::string_view verb = first[1] == 'd'   ? "decompress"
                                : first[1] == 't' ? "verify"
                                : first[1] == 'l' ? "list"
                                                  : "";
  if (verb.empty()) return words;
  if (first.size() > 2) words.insert(words.begin() + 1, "-" + first.substr(2));
  words[0] = verb;
  return words;
}

// CLI11 takes a word in brackets for a list. No word of argv holds a NUL, so one at the end hides the bracket.
void HideBrackets(std::vector<std::string>& words) {
  for (std::string& word : words) {
    if (word.starts_with('[') && word.ends_with(']')) word.push_back('\0');
  }
}

void ShowBrackets(Parsed& parsed) {
  std::vector<std::string*> values = {&parsed.compress.output, &parsed.compress.base, &parsed.decompress.output,
                                      &parsed.verify.against,  &parsed.list.file,     &parsed.inspect.file,
                                      &parsed.inspect.html,    &parsed.cat.file,      &parsed.cat.tensor};
  for (auto* files : {&parsed.compress.files, &parsed.decompress.files, &parsed.verify.files}) {
    for (std::string& file : *files) values.push_back(&file);
  }
  for (std::string* value : values) {
    if (value->ends_with('\0')) value->pop_back();
  }
}

// No FILE means stdin if something is piped in, and is a mistake otherwise.
absl::Status DefaultToStdin(std::vector<std::string>& files) {
  if (!files.empty()) return absl::OkStatus();
  if (isatty(STDIN_FILENO) != 0) return absl::InvalidArgumentError("FILE is required; plait help says more");
  files.push_back(kStdin);
  return absl::OkStatus();
}

// What is still in the buffer of stdout must get out, or the caller would miss it without a word.
int FlushStdout(int exit_code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return exit_code;
  const int code = Report("stdout", absl::UnavailableError(absl::StrCat("cannot write: ", std::strerror(errno))));
  return exit_code == kExitOk ? code : exit_code;
}

absl::Status ForceCpuFromEnvironment() {
  const char* name = std::getenv("PLAIT_CPU");
  if (name == nullptr || *name == '\0') return absl::OkStatus();
  PLAIT_ASSIGN_OR_RETURN(const CpuVariant variant, ParseCpuVariant(name));
  return ForceCpu(variant);
}

int RunVerb(const CLI::App& app, Parsed& parsed) {
  for (const auto& [verb, files] :
       {std::pair("compress", &parsed.compress.files), std::pair("decompress", &parsed.decompress.files),
        std::pair("verify", &parsed.verify.files)}) {
    if (!app.got_subcommand(verb)) continue;
    if (absl::Status status = DefaultToStdin(*files); !status.ok()) return Report("", status);
  }
  if (app.got_subcommand("compress")) return RunCompress(parsed.compress);
  if (app.got_subcommand("decompress")) return RunDecompress(parsed.decompress);
  if (app.got_subcommand("verify")) return RunVerify(parsed.verify);
  if (app.got_subcommand("list")) return RunList(parsed.list);
  if (app.got_subcommand("doctor")) return RunDoctor(parsed.doctor);
  if (app.got_subcommand("inspect")) return RunInspect(parsed.inspect);
  if (absl::Status status = ParseRows(parsed.rows, parsed.cat); !status.ok()) return Report("", status);
  return RunCat(parsed.cat);
}

bool IsToCome(std::string_view verb) { return std::ranges::find(kVerbsToCome, verb) != std::end(kVerbsToCome); }

}  // namespace

int RunCommandLine(int argc, char** argv) {
  std::vector<std::string> words = ExpandAliases(argc, argv);
  if (!words.empty() && IsToCome(words[0])) {
    return Report(words[0], absl::UnimplementedError("this verb is not built yet"));
  }
  if (absl::Status status = ForceCpuFromEnvironment(); !status.ok()) return Report("PLAIT_CPU", status);
  Parsed parsed;
  CLI::App app(kAbout, "plait");
  app.set_version_flag("--version",
                       absl::StrCat("plait ", kVersion, " (format version ", kFormatVersion, ", unstable)"));
  app.require_subcommand(1);
  AddCompress(app, parsed);
  AddDecompress(app, parsed);
  AddVerify(app, parsed);
  AddList(app, parsed);
  AddInspect(app, parsed);
  AddCat(app, parsed);
  AddDoctor(app, parsed);
  const auto is_first_word = [&](const CLI::App* verb) { return verb->get_name() == words[0]; };
  if (!words.empty() && !words[0].starts_with('-') && app.get_subcommands(is_first_word).empty()) {
    return Report(words[0], absl::InvalidArgumentError("no such verb; plait help lists them"));
  }
  try {
    HideBrackets(words);
    std::ranges::reverse(words);
    app.parse(words);
    ShowBrackets(parsed);
  } catch (const CLI::Success& success) {
    return FlushStdout(app.exit(success));
  } catch (const CLI::Error& error) {
    return Report("", absl::InvalidArgumentError(absl::StrCat(error.what(), "; plait help says more")));
  }
  try {
    return FlushStdout(RunVerb(app, parsed));
  } catch (const std::bad_alloc&) {
    return Report("", absl::ResourceExhaustedError("out of memory"));
  } catch (const std::exception& exception) {
    return Report("", absl::InternalError(exception.what()));
  }
}

}  // namespace plait
