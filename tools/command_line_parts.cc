#include "tools/command_line_parts.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace plait {

CLI::Validator Expect(const std::string& expected, const std::function<bool(std::string&)>& fits) {
  return CLI::Validator(
      [=](std::string& text) { return fits(text) ? "" : absl::StrCat("found ", text, ", expected ", expected); }, "");
}

CLI::Validator ExpectNumber(uint64_t least, uint64_t most) {
  return Expect(absl::StrCat("a number from ", least, " to ", most), [=](const std::string& text) {
    uint64_t number = 0;
    return absl::SimpleAtoi(text, &number) && number >= least && number <= most;
  });
}

CLI::Validator ExpectOneOf(const std::vector<std::string>& words) {
  return Expect(absl::StrCat("one of ", absl::StrJoin(words, ", ")),
                [=](const std::string& text) { return std::ranges::find(words, text) != words.end(); });
}

void AddThreads(CLI::App* verb, int* threads) {
  verb->add_option("-T,--threads", *threads, "threads; 0, the default, is one per core")
      ->type_name("N")
      ->check(ExpectNumber(0, 4096));
}

void AddJson(CLI::App* verb, bool* json) { verb->add_flag("--json", *json, "one JSON document on stdout"); }

void AddOutput(CLI::App* verb, std::string* output) {
  verb->add_option("-o,--output", *output, "name of the result")->type_name("FILE");
}

}  // namespace plait
