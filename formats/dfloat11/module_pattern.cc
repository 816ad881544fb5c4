#include "formats/dfloat11/module_pattern.h"

#include <utility>

#include "codec/base/status.h"

namespace plait {
namespace {

constexpr size_t kMaxPatternBytes = 1024;
constexpr unsigned kMaxDepth = 32;  // of groups
constexpr std::string_view kPunctuation = ".-_/:()[]{}|*+?^$\\&~# ";
constexpr std::string_view kSpecial = "()[]{}|*+?^$\\.";

using Bytes = std::bitset<256>;

Bytes Range(uint8_t first, uint8_t last) {
  Bytes bytes;
  for (unsigned byte = first; byte <= last; ++byte) bytes.set(byte);
  return bytes;
}

}  // namespace

// Thompson's construction: a part of a pattern is a start and an end among the states; the end, without bytes, is to be
// led on.
class ModulePatternParser {
 public:
  explicit ModulePatternParser(std::string_view pattern) : left_(pattern) {}

  absl::StatusOr<ModulePattern> Parse() {
    PLAIT_ASSIGN_OR_RETURN(const Part whole, Alternatives(0));
    if (!left_.empty()) return NotUnderstood();
    result_.start_ = whole.start;
    result_.accept_ = whole.end;
    return std::move(result_);
  }

 private:
  struct Part {
    int start;
    int end;
  };

  int Add(ModulePattern::State state = {}) {
    result_.states_.push_back(state);
    return static_cast<int>(result_.states_.size()) - 1;
  }

  bool Take(std::string_view text) {
    if (!left_.starts_with(text)) return false;
    left_.remove_prefix(text.size());
    return true;
  }

  absl::Status NotUnderstood() const {
    return absl::UnimplementedError(FoundExpected("module pattern", Absl(left_.empty() ? "its end" : left_),
                                                  "literals, escapes, \\d, \\w, classes, groups, |, *, + and ?"));
  }

  Part One(const Bytes& bytes) {
    const int end = Add();
    return {Add({.bytes = bytes, .next = end}), end};
  }

  absl::StatusOr<Part> Alternatives(unsigned depth) {
    PLAIT_ASSIGN_OR_RETURN(Part whole, Sequence(depth));
    while (Take("|")) {
      PLAIT_ASSIGN_OR_RETURN(const Part part, Sequence(depth));
      const int end = Add();
      result_.states_[whole.end].next = end;
      result_.states_[part.end].next = end;
      whole = {Add({.bytes = {}, .next = whole.start, .other = part.start}), end};
    }
    return whole;
  }

  absl::StatusOr<Part> Sequence(unsigned depth) {
    const int start = Add();
    Part whole = {start, start};
    while (!left_.empty() && left_[0] != '|' && left_[0] != ')') {
      PLAIT_ASSIGN_OR_RETURN(Part part, Atom(depth));
      part = Repeated(part);
      result_.states_[whole.end].next = part.start;
      whole.end = part.end;
    }
    return whole;
  }

  Part Repeated(const Part& part) {
    const bool may_repeat = left_.starts_with('*') || left_.starts_with('+');
    const bool may_lack = left_.starts_with('*') || left_.starts_with('?');
    if (!may_repeat && !may_lack) return part;
    left_.remove_prefix(1);
    const int end = Add();
    result_.states_[part.end] = {.bytes = {}, .next = end, .other = may_repeat ? part.start : -1};
    return {Add({.bytes = {}, .next = part.start, .other = may_lack ? end : -1}), end};
  }

  absl::StatusOr<Part> Atom(unsigned depth) {
    if (Take("(")) {
      Take("?:");
      if (depth == kMaxDepth) return NotUnderstood();
      PLAIT_ASSIGN_OR_RETURN(const Part part, Alternatives(depth + 1));
      if (!Take(")")) return NotUnderstood();
      return part;
    }
    if (Take(".")) return One(~Bytes().set('\n'));
    if (Take("[")) return Class();
    PLAIT_ASSIGN_OR_RETURN(const Bytes bytes, Byte());
    return One(bytes);
  }

  // A literal or an escape.
  absl::StatusOr<Bytes> Byte() {
    if (Take("\\d")) return Range('0', '9');
    if (Take("\\w")) return Range('0', '9') | Range('a', 'z') | Range('A', 'Z') | Range('_', '_');
    const bool is_escaped = left_.size() >= 2 && left_[0] == '\\' && kPunctuation.find(left_[1]) != kPunctuation.npos;
    if (is_escaped) left_.remove_prefix(1);
    if (left_.empty() || (!is_escaped && kSpecial.find(left_[0]) != kSpecial.npos)) return NotUnderstood();
    const auto byte = static_cast<uint8_t>(left_[0]);
    if (byte >= 0x80) return NotUnderstood();
    left_.remove_prefix(1);
    return Range(byte, byte);
  }

  absl::StatusOr<Part> Class() {
    const bool is_negated = Take("^");
    Bytes bytes;
    while (!Take("]")) {
      const char first = left_.empty() ? '\0' : left_[0];
      // Inside brackets a dot is a literal.
      PLAIT_ASSIGN_OR_RETURN(const Bytes one, Take(".") ? absl::StatusOr<Bytes>(Range('.', '.')) : Byte());
      bytes |= one;
      if (left_.size() < 2 || left_[0] != '-' || left_[1] == ']') continue;
      if (left_[1] < first || left_[1] == '\\' || one.count() != 1) return NotUnderstood();
      bytes |= Range(static_cast<uint8_t>(first), static_cast<uint8_t>(left_[1]));
      left_.remove_prefix(2);
    }
    if (bytes.none()) return NotUnderstood();
    return One(is_negated ? ~bytes : bytes);
  }

  std::string_view left_;
  ModulePattern result_;
};

absl::StatusOr<ModulePattern> ModulePattern::Parse(std::string_view pattern) {
  if (pattern.size() > kMaxPatternBytes) {
    return absl::UnimplementedError(
        FoundExpected("bytes of a module pattern", pattern.size(), absl::StrCat("at most ", kMaxPatternBytes)));
  }
  return ModulePatternParser(pattern).Parse();
}

void ModulePattern::Enter(int state, std::vector<bool>* reached, std::vector<int>* active) const {
  std::vector<int> open = {state};
  while (!open.empty()) {
    const int at = open.back();
    open.pop_back();
    if (at < 0 || (*reached)[static_cast<size_t>(at)]) continue;
    (*reached)[static_cast<size_t>(at)] = true;
    active->push_back(at);
    if (states_[at].bytes.any()) continue;
    open.push_back(states_[at].next);
    open.push_back(states_[at].other);
  }
}

bool ModulePattern::Matches(std::string_view name) const {
  std::vector<bool> reached(states_.size());
  std::vector<int> active;
  Enter(start_, &reached, &active);
  for (char byte : name) {
    const std::vector<int> before = std::exchange(active, {});
    reached.assign(states_.size(), false);
    for (int state : before) {
      if (states_[state].bytes[static_cast<uint8_t>(byte)]) Enter(states_[state].next, &reached, &active);
    }
  }
  return reached[static_cast<size_t>(accept_)];
}

std::string ModulePattern::Escaped(std::string_view text) {
  std::string pattern;
  for (char byte : text) {
    if (kSpecial.find(byte) != kSpecial.npos) pattern.push_back('\\');
    pattern.push_back(byte);
  }
  return pattern;
}

}  // namespace plait
