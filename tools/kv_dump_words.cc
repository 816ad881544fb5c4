#include "tools/kv_dump_words.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "codec/base/status.h"

namespace plait {

absl::StatusOr<KvDumpOptions> DumpOptionsOf(const KvDumpWords& words, const KvProfileFile* profile) {
  KvDumpOptions options;
  options.planes = absl::StrSplit(words.planes, ',');
  std::vector<std::string> names = options.planes;
  std::ranges::sort(names);
  const bool is_odd =
      std::ranges::any_of(names, [](const std::string& name) { return name.empty() || name.size() > kMaxKvNameBytes; });
  if (is_odd || std::ranges::adjacent_find(names) != names.end()) {
    return absl::InvalidArgumentError(FoundExpected("--planes", words.planes, "names, each once, with commas between"));
  }
  for (const KvElement element : {KvElement::kBf16, KvElement::kF16, KvElement::kE4m3, KvElement::kE5m2}) {
    if (KvElementName(element) == words.dtype) options.element = element;
  }
  if (profile != nullptr) options.rope = profile->geometry.rope;
  if (!words.rope.empty()) options.rope = words.rope == KvRopeName(KvRope::kPre) ? KvRope::kPre : KvRope::kPost;
  options.layers = words.layers;
  options.heads = words.heads;
  options.head_dim = words.head_dim;
  return options;
}

}  // namespace plait
