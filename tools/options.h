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

// What the dump of a KV cache does not say itself.
struct KvDumpWords {
  std::string dtype;           // empty: the file says it
  std::string planes = "k,v";  // names, with commas between
  std::string rope;            // pre or post; empty: as the profile says
  uint32_t layers = 0;         // of elements alone
  uint32_t heads = 0;
  uint32_t head_dim = 0;
};

struct KvEncodeOptions {
  std::string file;
  std::string output;
  KvDumpWords dump;
  uint32_t chunk_tokens = 256;
  std::string form = "layers";
  std::string profile;
  bool inline_profile = false;
  std::string steps_of;
  uint64_t sinks = 4;
  uint64_t recent = 0;
  int threads = 0;
  bool force = false;
  bool verify = true;
  bool json = false;
};

struct KvDecodeOptions {
  std::vector<std::string> files;  // or one directory
  std::string output;
  std::optional<unsigned> quality;
  std::optional<unsigned> min_quality;
  std::vector<std::string> profiles;
  int threads = 0;
  bool force = false;
  bool json = false;
};

struct KvInfoOptions {
  std::string file;
  std::vector<std::string> profiles;
  bool json = false;
};

struct KvProfileOptions {
  std::vector<std::string> files;
  std::string output;
  KvDumpWords dump;
  std::string stats;
  float scale = 0;
  uint32_t classes = 32;
  uint32_t contexts = 10;
  uint32_t refinements = 4;
  std::string model;
  bool force = false;
  bool json = false;
};

struct KvBenchOptions {
  std::string file;
  KvDumpWords dump;
  uint32_t chunk_tokens = 256;
  std::string profile;
  uint64_t max_tokens = 4096;
  int threads = 0;
  bool json = false;
};

// Of plait kv and its own verbs.
struct KvOptions {
  KvEncodeOptions encode;
  KvDecodeOptions decode;
  KvInfoOptions info;
  KvProfileOptions profile;
  KvBenchOptions bench;
};

}  // namespace plait

#endif  // PLAIT_TOOLS_OPTIONS_H_
