// A table for people, as wide as its contents, and on a terminal no wider than that.
#ifndef PLAIT_TOOLS_TABLE_H_
#define PLAIT_TOOLS_TABLE_H_

#include <optional>
#include <string>
#include <vector>

namespace plait {

struct TableColumn {
  std::string title;
  bool right = false;  // aligned to the right, as numbers are
  int drop = 0;        // where the table is too wide, columns go in this order, 1 first; 0: never
};

class Table {
 public:
  explicit Table(std::vector<TableColumn> columns) : columns_(std::move(columns)) {}

  // One cell per column, printable.
  void AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  // Header and rows, each with its line break. With `width`, a table that is wider loses columns, as long as less than
  // kRoomForNames columns are left for the first one, whose cells are then shortened in the middle.
  std::string Text(std::optional<size_t> width) const;

 private:
  static constexpr size_t kRoomForNames = 32;

  std::vector<size_t> Widths() const;
  std::vector<bool> Shown(std::vector<size_t>& widths, size_t width) const;

  std::vector<TableColumn> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace plait

#endif  // PLAIT_TOOLS_TABLE_H_
