#include "tools/pipeline/block_coding.h"

#include "codec/base/status.h"
#include "tools/pipeline/stages.h"

namespace plait {
namespace {

absl::Status CompareWithDecoded(BlockItem& item) {
  const StageTimer timer(Stage::kVerify);
  item.decoded.resize(item.raw.size());
  const absl::Status status = DecodeBlock(item.spec(), item.coded, item.workspace, item.decoded);
  if (status.ok() && item.decoded == item.raw) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("verification: found a block that does not decode to its original; this is a bug or a broken "
                   "memory, the block was not written. ",
                   status.message()));
}

}  // namespace

void CodeBlock(const EncodeOptions& options, BlockItem& item) {
  const StageTimer timer(Stage::kCode);
  EncodeBlock(item.spec(), item.raw, item.workspace, &item.coded, options.level.settings);
  if (options.verify) item.status = CompareWithDecoded(item);
}

}  // namespace plait
