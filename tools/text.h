// Text for people: names that cannot garble a terminal, and how many columns they take on it.
#ifndef PLAIT_TOOLS_TEXT_H_
#define PLAIT_TOOLS_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace plait {

// `text` with control characters as \n, \t or \x1b, and with bytes that are no UTF-8 as \xff. A name from a file can
// then neither move the cursor nor begin a line. Plain names stay as they are.
std::string Printable(std::string_view text);

// The same, but bytes that are no UTF-8 stay: a name of a file that the user typed should come back as it was.
std::string WithoutControls(std::string_view text);

// Columns of printable UTF-8 on a terminal: two for East Asian characters and pictures, one for all others.
size_t Columns(std::string_view text);

// `text`, or its begin and end with "..." between them if it takes more than `columns` (at least 3).
std::string ShortenMiddle(std::string_view text, size_t columns);

// `text` in lines of at most `columns`, broken at spaces; the second and later lines begin with `indent` spaces, and
// the first is expected to be printed behind as many.
std::string Wrap(std::string_view text, size_t indent, size_t columns);

// `coded_bytes` in percent of `original_bytes`; 100 for nothing out of nothing.
double PercentOf(uint64_t coded_bytes, uint64_t original_bytes);

// Columns of the terminal that `fd` is; nullopt if it is none.
std::optional<size_t> TerminalColumns(int fd);

}  // namespace plait

#endif  // PLAIT_TOOLS_TEXT_H_
