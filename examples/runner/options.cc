#include "examples/runner/options.h"

#include <getopt.h>

#include <filesystem>

#include "absl/strings/numbers.h"
#include "codec/base/status.h"

namespace plait::runner {

const std::string_view kUsage = R"(usage: plait_runner [OPTION]... MODEL

Continues a text with a small language model on the CPU. MODEL is a .safetensors file of bf16 weights, or what
`plait compress` made of it: then the weights stay compressed and are decoded a tile at a time. Token ids are read and
printed as numbers.

  --config FILE    config.json of the model (default: the one beside MODEL); Llama or Gemma 3 (text)
  --ids FILE       ids of the prompt, separated by spaces or lines (default: stdin)
  --tokens N       how many to generate, always the likeliest (default: 64)
  --threads N      (default: one per core)
  --cpu NAME       scalar, avx2 or avx512 (default: the best here)
  --logits FILE    write the fp32 logits of every step, one after another
  --dump-kv FILE   write the KV cache as .safetensors: layers.N.k and layers.N.v, bf16 [tokens, kv_heads, head_dim]
  --pre-rope       with --dump-kv: also layers.N.k_pre_rope, the keys before their rotation by position
  --report FILE    write speeds and memory as JSON
)";

namespace {

constexpr size_t kMostThreads = 256;
constexpr size_t kMostTokens = size_t{1} << 24;

absl::Status ReadNumber(const char* name, const char* text, size_t most, size_t* number) {
  if (absl::SimpleAtoi(text, number) && *number >= 1 && *number <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      FoundExpected(absl::StrCat("--", name), text, absl::StrCat("a number from 1 to ", most)));
}

enum Letter { kConfig = 1, kIds, kTokens, kThreads, kCpu, kLogits, kDumpKv, kPreRope, kReport, kHelp };

constexpr option kLongOptions[] = {
    {"config", required_argument, nullptr, kConfig},
    {"ids", required_argument, nullptr, kIds},
    {"tokens", required_argument, nullptr, kTokens},
    {"threads", required_argument, nullptr, kThreads},
    {"cpu", required_argument, nullptr, kCpu},
    {"logits", required_argument, nullptr, kLogits},
    {"dump-kv", required_argument, nullptr, kDumpKv},
    {"pre-rope", no_argument, nullptr, kPreRope},
    {"report", required_argument, nullptr, kReport},
    {"help", no_argument, nullptr, kHelp},
    {nullptr, 0, nullptr, 0},
};

absl::Status Set(int letter, const char* value, Options* options) {
  switch (letter) {
    case kConfig: options->config = value; break;
    case kIds: options->ids = value; break;
    case kTokens: return ReadNumber("tokens", value, kMostTokens, &options->tokens);
    case kThreads: return ReadNumber("threads", value, kMostThreads, &options->threads);
    case kCpu: options->cpu = value; break;
    case kLogits: options->logits = value; break;
    case kDumpKv: options->kv = value; break;
    case kPreRope: options->pre_rope = true; break;
    case kReport: options->report = value; break;
    case kHelp: options->help = true; break;
    default: return absl::InvalidArgumentError("see --help");  // getopt_long has said what is wrong
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Options> ParseOptions(int argc, char** argv) {
  Options options;
  int letter = 0;
  while ((letter = getopt_long(argc, argv, "", kLongOptions, nullptr)) != -1) {
    PLAIT_RETURN_IF_ERROR(Set(letter, optarg, &options));
  }
  if (options.help) return options;
  if (argc - optind != 1) {
    return absl::InvalidArgumentError(FoundExpected("MODEL", absl::StrCat(argc - optind, " arguments"), "one file"));
  }
  options.model = argv[optind];
  if (options.config.empty()) options.config = std::filesystem::path(options.model).replace_filename("config.json");
  return options;
}

}  // namespace plait::runner
