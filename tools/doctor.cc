// plait doctor: what this build and this machine can do.
#include <xxhash.h>
#include <zstd.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_format.h"
#include "codec/base/cpu.h"
#include "codec/base/status.h"
#include "codec/block/operations.h"
#include "tools/exit_code.h"
#include "tools/json_output.h"
#include "tools/names.h"
#include "tools/verbs.h"
#include "tools/version.h"

namespace plait {
namespace {

struct Missing {
  const char* name;
  const char* without;
};

constexpr Missing kNotBuilt[] = {{"CUDA", "nothing decodes on a GPU; the kernels run on the CPU, in tests only"},
                                 {"libcurl", "nothing is read from a web server or S3"},
                                 {"hiredis", "nothing is read from Redis"}};

void PrintAsJson() {
  nlohmann::ordered_json operations;
  for (const Operation& operation : ActiveOperations())
    operations[std::string(operation.name)] = CpuVariantName(operation.variant);
  nlohmann::ordered_json not_built;
  for (const Missing& missing : kNotBuilt) not_built[missing.name] = missing.without;
  PrintJson({{"schema", "plait.doctor/1"},
             {"version", kVersion},
             {"format_version", kFormatVersion},
             {"cores", ThreadCount(0)},
             {"cpu", {{"best", CpuVariantName(BestCpu())}, {"used", CpuVariantName(ActiveCpu())}}},
             {"operations", std::move(operations)},
             {"libraries", {{"zstd", ZSTD_versionString()}, {"xxhash", XXH_versionNumber()}}},
             {"not_built", std::move(not_built)}});
}

void PrintText() {
  std::string text = absl::StrFormat("plait %s, format version %d (unstable)\n%d cores, CPU %s", kVersion,
                                     kFormatVersion, ThreadCount(0), std::string(CpuVariantName(BestCpu())));
  if (ActiveCpu() != BestCpu()) text += absl::StrFormat(", forced to %s", std::string(CpuVariantName(ActiveCpu())));
  for (const Operation& operation : ActiveOperations()) {
    text +=
        absl::StrFormat("\n  %-14s %s", std::string(operation.name), std::string(CpuVariantName(operation.variant)));
  }
  const unsigned xxhash = XXH_versionNumber();
  text += absl::StrFormat("\nzstd %s, xxHash %d.%d.%d", ZSTD_versionString(), xxhash / 10000, xxhash / 100 % 100,
                          xxhash % 100);
  for (const Missing& missing : kNotBuilt) text += absl::StrFormat("\nwithout %s: %s", missing.name, missing.without);
  std::printf("%s\n", text.c_str());
}

}  // namespace

int RunDoctor(const DoctorOptions& options) {
  if (options.json) {
    PrintAsJson();
  } else {
    PrintText();
  }
  return kExitOk;
}

}  // namespace plait
