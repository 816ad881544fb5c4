// Words into the structs of options.h. Only command lines know the parser (CLI11, which compiles slowly).
#ifndef PLAIT_TOOLS_COMMAND_LINE_H_
#define PLAIT_TOOLS_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/options.h"

namespace plait {

struct CommandLine {
  // The verb, whose struct is filled, as "list" or "kv encode"; empty if `answer` is all there is to do.
  std::string verb;
  std::string answer;  // help, version, manual page or completion script: for stdout

  CompressOptions compress;
  DecompressOptions decompress;
  VerifyOptions verify;
  ListOptions list;
  InspectOptions inspect;
  CatOptions cat;
  BenchOptions bench;
  ImportOptions import_;  // import and export are words of the language
  ExportOptions export_;
  DoctorOptions doctor;
  KvOptions kv;
};

// `words` are those of ExpandAliases.
// Returns: kInvalidArgument for a mistake, kUnimplemented for a verb that is not built yet; messages name the verb and
// say what helps.
absl::StatusOr<CommandLine> ParseCommandLine(std::vector<std::string> words);

}  // namespace plait

#endif  // PLAIT_TOOLS_COMMAND_LINE_H_
