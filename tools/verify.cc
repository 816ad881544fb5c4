// plait verify: is every byte of a container what it should be?
#include <cstdio>
#include <nlohmann/json.hpp>

#include "codec/base/status.h"
#include "tools/exit_code.h"
#include "tools/json_output.h"
#include "tools/names.h"
#include "tools/pipeline/files.h"
#include "tools/pipeline/input.h"
#include "tools/pipeline/plait_input.h"
#include "tools/pipeline/progress.h"
#include "tools/pipeline/where.h"
#include "tools/verbs.h"

namespace plait {
namespace {

// A file with millions of damaged blocks is not reported block by block.
constexpr size_t kMostErrors = 1000;

struct VerifyError {
  std::string tensor = {};  // empty: the file as a whole
  std::optional<uint64_t> block = {};
  std::string where = {};  // of the message; empty: the file as a whole
  absl::Status status = {};
};

class Findings {
 public:
  void Add(VerifyError error) {
    ++count_;
    if (errors_.size() < kMostErrors) errors_.push_back(std::move(error));
  }
  size_t count() const { return count_; }
  const std::vector<VerifyError>& errors() const { return errors_; }

 private:
  size_t count_ = 0;
  std::vector<VerifyError> errors_;
};

void VerifyStructure(const ContainerReader& container, Findings& findings) {
  for (size_t i = 0; i < container.tensors().size(); ++i) {
    const StoredTensor& tensor = container.tensors()[i];
    if (!tensor.framed()) continue;
    if (absl::Status status = container.OpenFrame(i).status(); !status.ok()) {
      const std::string where = Where(container.kind(), tensor.original.name);
      findings.Add({tensor.original.name, std::nullopt, where, status});
    }
  }
}

// Compares `bytes` with those of `source` at `offset`.
absl::Status CompareWithSource(const FileSource& source, uint64_t offset, std::span<const uint8_t> bytes,
                               std::vector<uint8_t>& scratch) {
  scratch.resize(bytes.size());
  PLAIT_RETURN_IF_ERROR(source.ReadAt(offset, scratch));
  const auto [found, expected] = std::ranges::mismatch(bytes, scratch);
  if (found == bytes.end()) return absl::OkStatus();
  return absl::DataLossError(
      FoundExpected(absl::StrCat("byte ", offset + (found - bytes.begin()), " of the original"), *found, *expected));
}

// Adds what is wrong with the pieces to `findings`; compares the good ones with `source`, if there is one.
PieceReceiver Inspector(const FileSource* source, Progress& progress, Findings& findings) {
  return [source, &progress, &findings, scratch = std::vector<uint8_t>()](const DecodedPiece& piece) mutable {
    progress.Add(piece.bytes.size(), piece.coded_bytes);
    absl::Status status = piece.status;
    if (absl::IsCancelled(status)) return status;
    if (status.ok() && source != nullptr) {
      status = CompareWithSource(*source, piece.original_offset, piece.bytes, scratch);
    }
    if (!status.ok()) findings.Add({piece.tensor, piece.block, piece.where, status});
    return absl::OkStatus();
  };
}

VerifyError WrongSize(uint64_t original_bytes, const FileSource& source) {
  return {.status = absl::DataLossError(FoundExpected("original bytes", original_bytes, source.size()))};
}

absl::Status VerifyContents(PlaitInput& input, const FileSource* source, int threads, Progress& progress,
                            Findings& findings) {
  // A container says its size in front; that of a stream is known at the end.
  if (source != nullptr && input.container() != nullptr && source->size() != input.original_bytes_ahead()) {
    findings.Add(WrongSize(input.original_bytes_ahead(), *source));
    return absl::OkStatus();
  }
  const PieceReceiver inspect = Inspector(source, progress, findings);
  uint64_t end = 0;
  PLAIT_RETURN_IF_ERROR(input.Decode(threads, [&](const DecodedPiece& piece) {
    end = std::max(end, piece.original_offset + piece.bytes.size());
    return inspect(piece);
  }));
  if (source != nullptr && findings.count() == 0 && end != source->size()) findings.Add(WrongSize(end, *source));
  return absl::OkStatus();
}

absl::Status VerifyFile(const std::string& path, const VerifyOptions& options, Findings& findings) {
  std::unique_ptr<FileSource> against;
  if (!options.against.empty()) {
    absl::StatusOr<std::unique_ptr<FileSource>> opened = OpenSeekable(options.against);
    if (!opened.ok()) return Annotate(opened.status(), options.against);
    against = *std::move(opened);
  }
  PLAIT_ASSIGN_OR_RETURN(PlaitInput input, PlaitInput::Open(path, ""));
  Progress progress(DisplayName(path), input.original_bytes_ahead());
  if (!options.structure_only) {
    return VerifyContents(input, against.get(), ThreadCount(options.threads), progress, findings);
  }
  if (input.container() == nullptr) {
    return DecodeStream(*input.stream(), 1, StreamCheck::kStructure, Inspector(nullptr, progress, findings));
  }
  VerifyStructure(*input.container(), findings);
  return absl::OkStatus();
}

std::string_view ModeName(const VerifyOptions& options) {
  if (!options.against.empty()) return "against";
  return options.structure_only ? "structure" : "full";
}

nlohmann::ordered_json ToJson(const Findings& findings, const VerifyOptions& options) {
  nlohmann::ordered_json document = {{"ok", findings.count() == 0}, {"mode", ModeName(options)}};
  document["errors"] = nlohmann::ordered_json::array();
  for (const VerifyError& error : findings.errors()) {
    nlohmann::ordered_json entry;
    entry["tensor"] = error.tensor.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(error.tensor);
    entry["block"] = error.block ? nlohmann::ordered_json(*error.block) : nlohmann::ordered_json();
    entry["status"] = absl::StatusCodeToString(error.status.code());
    entry["message"] = std::string(error.status.message());
    document["errors"].push_back(std::move(entry));
  }
  return document;
}

int ReportFindings(const std::string& path, const Findings& findings) {
  int exit_code = kExitOk;
  for (const VerifyError& error : findings.errors()) {
    const absl::Status located = error.where.empty() ? error.status : Annotate(error.status, error.where);
    const int code = Report(path, located);
    if (exit_code == kExitOk) exit_code = code;
  }
  if (findings.count() > findings.errors().size()) {
    std::fprintf(stderr, "plait: %s: %zu errors more\n", path.c_str(), findings.count() - findings.errors().size());
  }
  return exit_code;
}

}  // namespace

int RunVerify(const VerifyOptions& options) {
  if (!options.against.empty() && options.files.size() > 1) {
    return Report("", absl::InvalidArgumentError(FoundExpected("files with --against", options.files.size(), 1)));
  }
  int exit_code = kExitOk;
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const std::string& path : options.files) {
    Findings findings;
    const std::string name = DisplayName(path);
    if (absl::Status status = VerifyFile(path, options, findings); !status.ok()) {
      if (absl::IsCancelled(status)) return Report(name, status);
      findings.Add({.status = status});
    }
    const int code = ReportFindings(name, findings);
    if (exit_code == kExitOk) exit_code = code;
    results.push_back(ToJson(findings, options));
    if (options.files.size() > 1) results.back()["file"] = path;
    if (!options.json && code == kExitOk) std::printf("%s\n", name.c_str());
  }
  if (options.json) {
    nlohmann::ordered_json document = {{"schema", "plait.verify/1"}};
    if (options.files.size() == 1) {
      document.update(results[0]);
    } else {
      document["files"] = results;
    }
    PrintJson(document);
  }
  return exit_code;
}

}  // namespace plait
