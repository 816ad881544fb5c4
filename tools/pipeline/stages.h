// Where the time of a command goes: CPU time of its threads, by stage. Off unless StartStageClocks() was called.
#ifndef PLAIT_TOOLS_PIPELINE_STAGES_H_
#define PLAIT_TOOLS_PIPELINE_STAGES_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace plait {

enum class Stage : uint8_t {
  kRead,    // from a file
  kCode,    // encoding; decoding, with the hashes of coded bytes
  kVerify,  // decoding again and comparing
  kHash,    // of original bytes, and putting frames together
  kWrite,   // to a file, its sync included
};
inline constexpr size_t kNumStages = 5;

// From here on stages are timed, in all threads. Two clock readings a stage and block: about a microsecond.
void StartStageClocks();

// What has been used since StartStageClocks(): a line for each stage, one for all else, one for the wall.
std::string StageReport();

// Times a stage until the end of its scope. A stage inside another one is taken out of the outer one's time.
class StageTimer {
 public:
  explicit StageTimer(Stage stage);
  ~StageTimer();
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  Stage stage_;
  bool is_on_;
  int64_t since_ = 0;  // ns of this thread's CPU time; what came before has been added up
  StageTimer* outer_ = nullptr;
};

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_STAGES_H_
