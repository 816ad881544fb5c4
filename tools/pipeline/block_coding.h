// One block on its way through an encoder: read, coded, decoded again and compared.
#ifndef PLAIT_TOOLS_PIPELINE_BLOCK_CODING_H_
#define PLAIT_TOOLS_PIPELINE_BLOCK_CODING_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "codec/block/block_codec.h"
#include "formats/frame/frame_header.h"
#include "tools/pipeline/levels.h"

namespace plait {

struct EncodeOptions {
  Level level = *FindLevel(kDefaultLevel);
  int threads = 1;
  bool verify = true;  // decode every block and compare it with what was read before it is written
};

// What the blocks of one frame share.
struct Frame {
  size_t tensor = 0;  // of the original
  FrameHeader header;
  std::vector<uint8_t> header_bytes;
};

struct BlockItem {
  std::shared_ptr<const Frame> frame;
  uint64_t block = 0;
  std::vector<uint8_t> raw;
  std::vector<uint8_t> coded;
  std::vector<uint8_t> decoded;
  BlockWorkspace workspace;
  absl::Status status;

  BlockSpec spec() const { return frame->header.block(block); }
  bool is_last() const { return block + 1 == frame->header.num_blocks(); }
};

// Codes item.raw and, if the options say so, decodes it and compares. Sets item.status to kInternal if that differs.
void CodeBlock(const EncodeOptions& options, BlockItem& item);

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_BLOCK_CODING_H_
