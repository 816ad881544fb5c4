// plait: model weights smaller without changing one bit. See tools/command_line.cc for the verbs.
#include "tools/cli.h"
#include "tools/pipeline/files.h"

int main(int argc, char** argv) {
  plait::InstallSignalHandlers();
  return plait::RunCommandLine(argc, argv);
}
