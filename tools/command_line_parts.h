// Checks and options that the descriptions of several verbs share. Only command lines include this: it knows the
// parser.
#ifndef PLAIT_TOOLS_COMMAND_LINE_PARTS_H_
#define PLAIT_TOOLS_COMMAND_LINE_PARTS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace plait {

// A check that says "found X, expected EXPECTED". It may rewrite the text.
CLI::Validator Expect(const std::string& expected, const std::function<bool(std::string&)>& fits);
CLI::Validator ExpectNumber(uint64_t least, uint64_t most);
CLI::Validator ExpectOneOf(const std::vector<std::string>& words);

void AddThreads(CLI::App* verb, int* threads);
void AddJson(CLI::App* verb, bool* json);
void AddOutput(CLI::App* verb, std::string* output);

}  // namespace plait

#endif  // PLAIT_TOOLS_COMMAND_LINE_PARTS_H_
