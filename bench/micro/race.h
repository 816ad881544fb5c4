// Contestants that take turns in one process: on a shared machine only runs side by side can be compared.
#ifndef PLAIT_BENCH_MICRO_RACE_H_
#define PLAIT_BENCH_MICRO_RACE_H_

#include <functional>
#include <string>
#include <vector>

namespace plait {

struct Contestant {
  std::string name;
  std::function<void()> run;
  double bits_per_element = 0;  // of what it reads or writes; 0 for none
};

struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};

struct Result {
  std::string name;
  double bits_per_element = 0;
  Spread gigabytes_per_second;  // of original bytes
  Spread of_reference;          // speed over the first contestant's in the same round
};

// Every contestant runs once a round, in order, after one round that does not count. Speeds are `bytes` over the time
// of a run.
std::vector<Result> Race(const std::vector<Contestant>& contestants, size_t rounds, double bytes);

}  // namespace plait

#endif  // PLAIT_BENCH_MICRO_RACE_H_
