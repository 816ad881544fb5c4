// The verbs of KV caches: plait kv encode, decode, info, profile, bench.
#ifndef PLAIT_TOOLS_KV_COMMAND_LINE_H_
#define PLAIT_TOOLS_KV_COMMAND_LINE_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "tools/options.h"

namespace plait {

// Adds the verb kv, with these as its own verbs. `options` outlives the parser.
void AddKv(CLI::App& app, KvOptions& options);

// Every word of theirs that a user typed.
std::vector<std::string*> KvWords(KvOptions& options);

}  // namespace plait

#endif  // PLAIT_TOOLS_KV_COMMAND_LINE_H_
