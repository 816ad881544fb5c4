// The verbs of the command, one file each. Every function does the whole job, reports its own failures on stderr and
// returns the exit code.
#ifndef PLAIT_TOOLS_VERBS_H_
#define PLAIT_TOOLS_VERBS_H_

#include "tools/options.h"

namespace plait {

int RunCompress(const CompressOptions& options);
int RunDecompress(const DecompressOptions& options);
int RunVerify(const VerifyOptions& options);
int RunList(const ListOptions& options);
int RunInspect(const InspectOptions& options);
int RunCat(const CatOptions& options);
int RunBench(const BenchOptions& options);
int RunImport(const ImportOptions& options);
int RunExport(const ExportOptions& options);
int RunDoctor(const DoctorOptions& options);
int RunKvEncode(const KvEncodeOptions& options);
int RunKvDecode(const KvDecodeOptions& options);
int RunKvInfo(const KvInfoOptions& options);
int RunKvProfile(const KvProfileOptions& options);
int RunKvBench(const KvBenchOptions& options);

}  // namespace plait

#endif  // PLAIT_TOOLS_VERBS_H_
