// Frozen files: what was written once is read for ever (accept), what was refused once stays refused (reject).
//
// Version 0 of the formats is unstable: PLAIT_UPDATE_GOLDEN=1 writes both folders anew, from the lists in
// tests/registry/golden.cc and kv_golden.cc. The commit says why. Encoder bytes are not golden: nothing compares
// today's with these.
#include "tests/registry/golden.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "tests/registry/files.h"
#include "tests/registry/kv_caches.h"
#include "tests/registry/kv_golden.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(PLAIT_SOURCE_DIR) / "tests" / "golden";

std::vector<uint8_t> ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const fs::path& path, std::span<const uint8_t> bytes) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
}

absl::StatusOr<std::vector<uint8_t>> DecodeFile(const fs::path& path) {
  const std::vector<uint8_t> bytes = ReadFile(path);
  if (path.extension() == ".pkv") return DecodeKvObject(bytes);
  if (path.extension() == ".kvprofile") return DecodeKvProfileFile(bytes);
  if (path.extension() == ".stream") return DecompressStream(bytes, 1, ~uint64_t{0});
  return path.extension() == ".frame" ? DecodeFrame(bytes) : Decompress(bytes, 1, ~uint64_t{0});
}

// A folder's manifest.tsv: file, outcome, reason. The first line names the columns.
std::map<std::string, std::string> ReadManifest(const fs::path& folder) {
  std::map<std::string, std::string> outcomes;
  std::ifstream lines(folder / "manifest.tsv");
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    std::istringstream columns(line);
    std::string file;
    std::string outcome;
    std::getline(columns, file, '\t');
    std::getline(columns, outcome, '\t');
    outcomes[file] = outcome;
  }
  return outcomes;
}

void CheckFolder(const fs::path& folder, bool accept) {
  const std::map<std::string, std::string> outcomes = ReadManifest(folder);
  ASSERT_FALSE(outcomes.empty()) << folder << ": a manifest that lists nothing holds nothing";
  std::set<std::string> listed = {"manifest.tsv"};
  for (const auto& [file, outcome] : outcomes) {
    listed.insert(file);
    ASSERT_TRUE(fs::exists(folder / file)) << file << " is listed but not there";
    EXPECT_EQ(GoldenOutcome(DecodeFile(folder / file)), outcome) << file;
    EXPECT_EQ(outcome.starts_with("OK"), accept) << file;
  }
  for (const auto& entry : fs::directory_iterator(folder)) {
    EXPECT_TRUE(listed.contains(entry.path().filename())) << entry.path() << " is not listed";
  }
}

void WriteFolder(const fs::path& folder, const std::vector<GoldenFile>& files) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  std::ofstream manifest(folder / "manifest.tsv");
  manifest << "file\toutcome\treason\n";
  for (const GoldenFile& file : files) {
    WriteFile(folder / file.name, file.bytes);
    manifest << file.name << '\t' << file.outcome << '\t' << file.reason << '\n';
  }
}

TEST(Golden, EveryAcceptedFileStillDecodesToItsHash) {
  if (std::getenv("PLAIT_UPDATE_GOLDEN") != nullptr) WriteFolder(kGolden / "accept", GoldenAccept());
  CheckFolder(kGolden / "accept", true);
}

TEST(Golden, EveryRejectedFileIsStillRejectedWithItsStatus) {
  if (std::getenv("PLAIT_UPDATE_GOLDEN") != nullptr) WriteFolder(kGolden / "reject", GoldenReject());
  CheckFolder(kGolden / "reject", false);
}

}  // namespace
}  // namespace plait
