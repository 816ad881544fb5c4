#include "bench/micro/race.h"

#include <time.h>

#include <algorithm>

namespace plait {
namespace {

Spread SpreadOf(std::vector<double> values) {
  std::ranges::sort(values);
  return {values[values.size() / 2], values.front(), values.back()};
}

// Of this thread's own time: what it waits for memory counts, what others take from it does not.
double Now() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double Seconds(const std::function<void()>& run) {
  const double begin = Now();
  run();
  return Now() - begin;
}

}  // namespace

std::vector<Result> Race(const std::vector<Contestant>& contestants, size_t rounds, double bytes) {
  for (const Contestant& contestant : contestants) contestant.run();
  std::vector<std::vector<double>> speeds(contestants.size());
  for (size_t round = 0; round < rounds; ++round) {
    for (size_t c = 0; c < contestants.size(); ++c) speeds[c].push_back(bytes / 1e9 / Seconds(contestants[c].run));
  }
  std::vector<Result> results;
  for (size_t c = 0; c < contestants.size(); ++c) {
    std::vector<double> ratios(rounds);
    for (size_t round = 0; round < rounds; ++round) ratios[round] = speeds[c][round] / speeds[0][round];
    results.push_back({contestants[c].name, contestants[c].bits_per_element, SpreadOf(speeds[c]), SpreadOf(ratios)});
  }
  return results;
}

}  // namespace plait
