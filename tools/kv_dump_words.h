// What the words of the command line say of a dump.
#ifndef PLAIT_TOOLS_KV_DUMP_WORDS_H_
#define PLAIT_TOOLS_KV_DUMP_WORDS_H_

#include "absl/status/statusor.h"
#include "formats/kv/kv_profile_file.h"
#include "tools/options.h"
#include "tools/pipeline/kv_dump.h"

namespace plait {

// `profile` may be null; it says how keys are rotated where the words do not.
// Returns: kInvalidArgument for names of planes that are empty, too long or twice the same.
absl::StatusOr<KvDumpOptions> DumpOptionsOf(const KvDumpWords& words, const KvProfileFile* profile);

}  // namespace plait

#endif  // PLAIT_TOOLS_KV_DUMP_WORDS_H_
