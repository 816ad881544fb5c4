// What the command line says, one struct per verb. command_line.cc fills them; the verbs read them.
#ifndef PLAIT_TOOLS_OPTIONS_H_
#define PLAIT_TOOLS_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/pipeline/levels.h"

namespace plait {

// What compress and decompress share.
struct JobOptions {
  std::vector<std::string> files;  // "-" is stdin
  std::string output;
  int threads = 0;  // 0: all cores
  bool to_stdout = false;
  bool remove_source = false;
  bool force = false;
  bool json = false;
};

struct CompressOptions : JobOptions {
  int level = kDefaultLevel;
  bool dry_run = false;
  bool verify = true;
  bool strict = false;
  std::string base;
};

struct DecompressOptions : JobOptions {};

struct VerifyOptions {
  std::vector<std::string> files;
  bool structure_only = false;
  std::string against;
  int threads = 0;
  bool json = false;
};

struct ListOptions {
  std::string file;
  std::string sort;  // name, size, coded, ratio or offset; empty: the order of the original's data
  bool reverse = false;
  std::vector<std::string> dtypes;  // as DtypeTable() spells them; empty: all
  std::vector<std::string> names;   // patterns, as a shell has them; empty: all
  std::optional<uint64_t> top;      // so many rows at most
  bool json = false;
};

struct InspectOptions {
  std::string file;
  std::string html;  // where to write a page; empty: none
  bool json = false;
};

struct BenchOptions {
  std::string file;
  uint64_t max_bytes = uint64_t{128} << 20;  // of the file that are measured
  double seconds = 1;                        // that each operation is repeated for, at least
  int threads = 0;
  bool json = false;
};

struct DoctorOptions {
  bool json = false;
};

// What import and export share.
struct ForeignOptions {
  std::string format;  // of the checkpoint that is read or written: dfloat11
  std::string input;
  std::string output;
  std::vector<std::string> patterns;  // EXPRESSION=ATTRIBUTE,...
  int threads = 0;
  bool force = false;
  bool json = false;
};

struct ImportOptions : ForeignOptions {
  std::string shapes;  // a .safetensors file, or a directory of them, that has the shapes; empty: none
};

struct ExportOptions : ForeignOptions {
  bool verify = true;
};

struct CatOptions {
  std::string file;
  std::string tensor;
  std::optional<std::pair<uint64_t, uint64_t>> rows;  // half-open
};

}  // namespace plait

#endif  // PLAIT_TOOLS_OPTIONS_H_
