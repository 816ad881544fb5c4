#include "codec/kv/kv_bits.h"

#include "codec/base/bits.h"
#include "codec/base/status.h"

namespace plait {

KvBitSink& KvBitWriter::Reserve(size_t bits) {
  const size_t written = sink_.at == nullptr ? used_ : static_cast<size_t>(sink_.at - out_->data());
  const size_t needed = written + CeilDiv(bits, size_t{8}) + 2 * sizeof(uint64_t);
  if (out_->size() < needed) out_->resize(std::max(needed, out_->size() + out_->size() / 2));
  used_ = written;
  sink_.at = out_->data() + written;
  return sink_;
}

void KvBitWriter::Finish() {
  Reserve(0);
  StoreLe(sink_.pending, sink_.at);
  out_->resize(used_ + CeilDiv(sink_.pending_bits, 8u));
}

absl::Status FinishKvBits(const KvBitSource& source, std::string_view field) {
  const uint64_t used = CeilDiv(source.position, uint64_t{8});
  if (used > source.bytes.size()) {
    return absl::OutOfRangeError(FoundExpected(field, absl::StrCat(source.bytes.size(), " bytes"), "more"));
  }
  if (used < source.bytes.size()) {
    return absl::DataLossError(FoundExpected(field, absl::StrCat(source.bytes.size(), " bytes"), used));
  }
  const unsigned filled = source.position % 8;
  if (filled != 0 && source.bytes.back() >> filled != 0) {
    return absl::DataLossError(FoundExpected(absl::StrCat(Absl(field), ": filling"), "ones", "zeros"));
  }
  return absl::OkStatus();
}

}  // namespace plait
