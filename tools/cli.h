// The command line: parses argv and runs the verb.
#ifndef PLAIT_TOOLS_CLI_H_
#define PLAIT_TOOLS_CLI_H_

namespace plait {

// Returns the exit code.
int RunCommandLine(int argc, char** argv);

}  // namespace plait

#endif  // PLAIT_TOOLS_CLI_H_
