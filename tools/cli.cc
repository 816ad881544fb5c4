#include "tools/cli.h"

#include <unistd.h>

#include <cerrno>
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
#include "tools/cli_words.h"
#include "tools/command_line.h"
#include "tools/exit_code.h"
#include "tools/pipeline/input.h"
#include "tools/pipeline/stages.h"
#include "tools/verbs.h"

namespace plait {
namespace {

// No FILE means stdin if something is piped in, and is a mistake otherwise.
absl::Status DefaultToStdin(const char* verb, std::vector<std::string>& files) {
  if (!files.empty()) return absl::OkStatus();
  if (isatty(STDIN_FILENO) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("FILE is required; plait help ", verb, " says more"));
  }
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

// What PLAIT_PROFILE asks for, if it is set.
class Profile {
 public:
  Profile() {
    const char* wish = std::getenv("PLAIT_PROFILE");
    is_wanted_ = wish != nullptr && *wish != '\0';
    if (is_wanted_) StartStageClocks();
  }
  ~Profile() {
    if (is_wanted_) std::fputs(StageReport().c_str(), stderr);
  }
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

 private:
  bool is_wanted_;
};

int RunVerb(CommandLine line) {
  for (const auto& [verb, files] :
       {std::pair("compress", &line.compress.files), std::pair("decompress", &line.decompress.files),
        std::pair("verify", &line.verify.files)}) {
    if (line.verb != verb) continue;
    if (absl::Status status = DefaultToStdin(verb, *files); !status.ok()) return Report(verb, status);
  }
  if (line.verb == "compress") return RunCompress(line.compress);
  if (line.verb == "decompress") return RunDecompress(line.decompress);
  if (line.verb == "verify") return RunVerify(line.verify);
  if (line.verb == "list") return RunList(line.list);
  if (line.verb == "inspect") return RunInspect(line.inspect);
  if (line.verb == "cat") return RunCat(line.cat);
  if (line.verb == "bench") return RunBench(line.bench);
  if (line.verb == "import") return RunImport(line.import_);
  if (line.verb == "export") return RunExport(line.export_);
  if (line.verb == "doctor") return RunDoctor(line.doctor);
  if (line.verb == "kv encode") return RunKvEncode(line.kv.encode);
  if (line.verb == "kv decode") return RunKvDecode(line.kv.decode);
  if (line.verb == "kv info") return RunKvInfo(line.kv.info);
  if (line.verb == "kv profile") return RunKvProfile(line.kv.profile);
  if (line.verb == "kv bench") return RunKvBench(line.kv.bench);
  std::fputs(line.answer.c_str(), stdout);
  return kExitOk;
}

// Nothing to do is a mistake, but one that wants all of the help.
int ReportNoVerb() {
  const int code = Report("", absl::InvalidArgumentError("no verb given"));
  if (const auto help = ParseCommandLine({"--help"}); help.ok()) std::fprintf(stderr, "\n%s", help->answer.c_str());
  return code;
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  const std::vector<std::string> words = ExpandAliases(argc, argv);
  if (words.empty()) return ReportNoVerb();
  try {
    absl::StatusOr<CommandLine> line = ParseCommandLine(words);
    if (!line.ok()) return Report("", line.status());
    if (absl::Status status = ForceCpuFromEnvironment(); !status.ok()) return Report("PLAIT_CPU", status);
    const Profile profile;
    return FlushStdout(RunVerb(*std::move(line)));
  } catch (const std::bad_alloc&) {
    return Report("", absl::ResourceExhaustedError("out of memory"));
  } catch (const std::exception& exception) {
    return Report("", absl::InternalError(exception.what()));
  }
}

}  // namespace plait
