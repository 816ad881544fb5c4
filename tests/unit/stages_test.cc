#include "tools/pipeline/stages.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace plait {
namespace {

// Keeps this thread busy long enough to show in a report, which has milliseconds.
void Work() {
  volatile unsigned sum = 0;
  for (unsigned i = 0; i < 40'000'000; ++i) sum = sum + i;
}

// Seconds of the line that begins with `name`; -1 without one.
double SecondsOf(const std::string& report, const std::string& name) {
  std::istringstream lines(report);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name + " ")) return std::stod(line.substr(name.size()));
  }
  return -1;
}

// Counting the inner stage in both would make the stages more than all, and "other" negative.
TEST(StageTimer, StageInsideAnotherCountsOnce) {
  StartStageClocks();
  {
    const StageTimer outer(Stage::kCode);
    for (int i = 0; i < 2; ++i) {
      const StageTimer inner(Stage::kRead);
      Work();
    }
  }
  const std::string report = StageReport();
  EXPECT_GT(SecondsOf(report, "read"), SecondsOf(report, "code")) << report;
  EXPECT_GE(SecondsOf(report, "other"), 0) << report;
  EXPECT_GT(SecondsOf(report, "all"), 0) << report;
}

TEST(StageTimer, OuterStageGoesOnAfterTheInnerOne) {
  StartStageClocks();
  {
    const StageTimer outer(Stage::kHash);
    { const StageTimer inner(Stage::kWrite); }
    Work();
  }
  const std::string report = StageReport();
  EXPECT_GT(SecondsOf(report, "hash"), SecondsOf(report, "write")) << report;
}

TEST(StageTimer, StartForgetsWhatWasBefore) {
  StartStageClocks();
  {
    const StageTimer timer(Stage::kVerify);
    Work();
  }
  StartStageClocks();
  EXPECT_EQ(SecondsOf(StageReport(), "verify"), 0);
}

}  // namespace
}  // namespace plait
