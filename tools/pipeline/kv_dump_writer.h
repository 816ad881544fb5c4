// Writes a KV cache to a file, whose name says of what kind: .safetensors, .npy, or anything else for the elements
// alone.
#ifndef PLAIT_TOOLS_PIPELINE_KV_DUMP_WRITER_H_
#define PLAIT_TOOLS_PIPELINE_KV_DUMP_WRITER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/kv/kv_geometry.h"
#include "tools/pipeline/files.h"

namespace plait {

class KvDumpWriter {
 public:
  // What KvDump reads: layers.N.PLANE of [tokens, heads, head_dim], or [planes, layers, tokens, heads, head_dim], which
  // asks for the same planes in every model layer. bf16 is <u2 in .npy, 8-bit types are |u1.
  // Returns: kInvalidArgument for a geometry that does not fit in one array; as OutputFile::Create.
  static absl::StatusOr<std::unique_ptr<KvDumpWriter>> Create(const std::string& path, bool overwrite,
                                                              const KvGeometry& geometry, uint64_t tokens);

  // Whole rows of a plane, in any order, each once.
  absl::Status Write(size_t plane, uint64_t first_token, std::span<const uint16_t> x);
  absl::Status Commit() { return file_->Commit(); }
  uint64_t size() const { return file_->size(); }

 private:
  KvDumpWriter(std::unique_ptr<OutputFile> file, KvGeometry geometry)
      : file_(std::move(file)), geometry_(std::move(geometry)) {}
  absl::Status PlaceTensors(uint64_t tokens);
  absl::Status PlaceStacked(bool with_header, uint64_t tokens);

  std::unique_ptr<OutputFile> file_;
  KvGeometry geometry_;
  std::vector<uint64_t> begins_;  // of each plane, in the file
  std::vector<uint8_t> narrow_;
};

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_KV_DUMP_WRITER_H_
