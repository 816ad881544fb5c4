"""The text of bench/RESULTS.md: tables, and sections that scripts replace by themselves."""

import re

PEERS_HEADING = "## Peers in one run"


def markdown_table(header: list[str], lines: list[list[str]]) -> str:
  """Returns a table whose first column is text and whose others are figures."""
  rule = ["---"] + ["---:"] * (len(header) - 1)
  return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, rule, *lines])


def _section_span(text: str, heading: str) -> tuple[int, int]:
  """Returns where the section with that heading line begins and ends; both the end of the text if it is not there."""
  level = heading.split(" ", 1)[0]
  found = re.search(rf"^{re.escape(heading)}\n", text, re.MULTILINE)
  if not found:
    return len(text), len(text)
  after = re.compile(rf"^#{{1,{len(level)}}} ", re.MULTILINE).search(text, found.end())
  return found.start(), after.start() if after else len(text)


def section(text: str, heading: str) -> str:
  """Returns the section with that heading line, up to the next heading of its rank; "" without one."""
  begin, end = _section_span(text, heading)
  return text[begin:end]


def with_section(text: str, heading: str, new: str) -> str:
  """Returns the text with that section replaced by `new`, or with `new` at its end."""
  begin, end = _section_span(text, heading)
  before, behind = text[:begin].rstrip("\n"), text[end:]
  return (before + "\n\n" if before else "") + new.rstrip("\n") + "\n" + ("\n" + behind if behind else "")
