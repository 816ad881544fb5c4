// Regular expressions over module names, as the pattern_dict of a DFloat11 checkpoint has them: as much of Python's
// `re.fullmatch` as such patterns use, in time that the length of pattern and name bound.
#ifndef PLAIT_FORMATS_DFLOAT11_MODULE_PATTERN_H_
#define PLAIT_FORMATS_DFLOAT11_MODULE_PATTERN_H_

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace plait {

class ModulePattern {
 public:
  // Understands literals, escaped punctuation, `.`, \d, \w, classes as [a-z_0-9] and [^.], groups, |, *, + and ?.
  // Returns: kUnimplemented for anything else, and for patterns of more than 1024 bytes.
  static absl::StatusOr<ModulePattern> Parse(std::string_view pattern);

  // Whether all of `name` fits.
  bool Matches(std::string_view name) const;

  // A pattern that `text` alone fits.
  static std::string Escaped(std::string_view text);

 private:
  friend class ModulePatternParser;

  // Takes a byte of `bytes` and goes to `next`; without any bytes goes there, and to `other`, at once. -1: nowhere.
  struct State {
    std::bitset<256> bytes = {};
    int next = -1;
    int other = -1;
  };

  void Enter(int state, std::vector<bool>* reached, std::vector<int>* active) const;

  std::vector<State> states_;
  int start_ = 0;
  int accept_ = 0;
};

}  // namespace plait

#endif  // PLAIT_FORMATS_DFLOAT11_MODULE_PATTERN_H_
