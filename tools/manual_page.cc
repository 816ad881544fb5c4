// plait.1, from the same description as the help.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "tools/command_text.h"
#include "tools/exit_code.h"
#include "tools/version.h"

namespace plait {
namespace {

constexpr char kDescription[] =
    "Plait codes the weights of a model in about two thirds of their size, or less where a file holds more than it "
    "needs, and gives every byte back. The result of a .safetensors file is itself a valid .safetensors file. Plait "
    "files are recognised by content, never by name.";

struct Meaning {
  std::string name;
  std::string about;
};

const std::vector<Meaning>& ExitCodes() {
  static const std::vector<Meaning> codes = {
      {absl::StrCat(kExitOk), "Done."},
      {absl::StrCat(kExitFailed), "The system refused (I/O), the target exists, or a limit was reached."},
      {absl::StrCat(kExitUsage), "A mistake on the command line, or no such tensor."},
      {absl::StrCat(kExitCorrupt), "The input is corrupt or truncated."},
      {absl::StrCat(kExitUnsupported), "Not a Plait file, an unknown version or codec, or something not built."},
      {absl::StrCat(kExitSomeFailed), "Some files of a directory failed; each is named."},
      {absl::StrCat(kExitInterrupted), "Interrupted."}};
  return codes;
}

const Meaning kEnvironment[] = {
    {"PLAIT_CPU",
     "scalar, avx2 or avx512: the best variant of the coders to use. plait doctor names what runs. The "
     "result is the same for all."},
    {"PLAIT_PROFILE",
     "Anything: prints to stderr, at the end, the CPU time that each stage took (compress, decompress)."}};

const Meaning kExamples[] = {
    {"plait compress model.safetensors", "Writes model.plait.safetensors; every block is decoded and compared first."},
    {"plait compress \\-T 2 model/", "Writes model.plait/ on two threads."},
    {"plait list \\-\\-sort coded \\-n 10 model.plait.safetensors", "The ten tensors that take most."},
    {"plait cat model.plait.safetensors lm_head.weight \\-\\-rows 0:16 > rows.bin", "Sixteen rows of a matrix."},
    {"plait decompress model.plait.safetensors", "Writes model.safetensors, byte for byte."},
    {"plait kv encode \\-\\-profile m.kvprofile cache.safetensors", "Writes cache.pkv, or a directory of this name."},
    {"plait kv decode \\-\\-profile m.kvprofile \\-\\-quality 1 cache.pkv", "Writes the cache, not exact but soon."},
    {"plait export dfloat11 model/ \\-o model\\-df11/", "Writes a checkpoint that DFloat11 loads."},
    {"plait import dfloat11 model\\-df11/ \\-o model.safetensors", "Writes the weights that such a checkpoint holds."}};

// Text that holds no requests of its own.
std::string Plain(const std::string& text) {
  std::string plain = absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}});
  return plain.starts_with('.') || plain.starts_with('\'') ? "\\&" + plain : plain;
}

std::string Tagged(const std::string& tag, const std::string& about) {
  return absl::StrCat(".TP\n", tag, "\n", Plain(about), "\n");
}

std::string OptionTag(const OptionText& option) {
  const std::string names = absl::StrJoin(option.names, ", ", [](std::string* out, const std::string& name) {
    absl::StrAppend(out, "\\fB", Plain(name), "\\fR");
  });
  return option.value.empty() ? names : absl::StrCat(names, " \\fI", Plain(option.value), "\\fR");
}

std::string VerbSection(const VerbText& verb) {
  std::string text = absl::StrCat(".SS ", Plain(verb.synopsis), "\n", Plain(verb.about), ".\n");
  for (const OptionText& operand : verb.operands) {
    absl::StrAppend(&text, Tagged(absl::StrCat("\\fI", operand.names[0], "\\fR"), operand.about));
  }
  for (const OptionText& option : verb.options) absl::StrAppend(&text, Tagged(OptionTag(option), option.about));
  return text;
}

}  // namespace

std::string ManualPage(const CommandText& command) {
  std::string text = absl::StrCat(".TH PLAIT 1 \"\" \"plait ", kVersion, "\" \"User Commands\"\n", ".SH NAME\n",
                                  "plait \\- make model weights smaller without changing one bit\n", ".SH SYNOPSIS\n",
                                  ".B plait\n", "\\fIVERB\\fR [\\fIOPTION\\fR...] [\\fIFILE\\fR...]\n",
                                  ".SH DESCRIPTION\n", Plain(kDescription), "\n.SH VERBS\n");
  for (const VerbText& verb : command.verbs) absl::StrAppend(&text, VerbSection(verb));
  absl::StrAppend(&text, ".SH OPTIONS\n");
  for (const OptionText& option : command.options) absl::StrAppend(&text, Tagged(OptionTag(option), option.about));
  for (const VerbAlias& alias : kVerbAliases) {
    absl::StrAppend(&text, Tagged(absl::StrCat("\\fB\\-", std::string(1, alias.letter), "\\fR"),
                                  absl::StrCat("The verb ", std::string(alias.verb), ".")));
  }
  absl::StrAppend(&text, ".SH EXIT STATUS\n");
  for (const Meaning& code : ExitCodes()) absl::StrAppend(&text, Tagged(code.name, code.about));
  absl::StrAppend(&text, ".SH ENVIRONMENT\n");
  for (const Meaning& variable : kEnvironment) absl::StrAppend(&text, Tagged(variable.name, variable.about));
  absl::StrAppend(&text, ".SH EXAMPLES\n");
  for (const Meaning& example : kExamples) absl::StrAppend(&text, Tagged(example.name, example.about));
  absl::StrAppend(&text, ".SH SEE ALSO\n.BR zstd (1)\n");
  return text;
}

}  // namespace plait
