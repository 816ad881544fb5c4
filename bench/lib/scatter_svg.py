"""A scatter chart as SVG: labelled points over a logarithmic x axis. Readable on light and on dark pages."""

import dataclasses
import html
import math

_WIDTH, _HEIGHT = 820, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 48, 56  # margins around the plot
_FONT = 13
_CHAR_WIDTH = 8.2  # more than an average one has in the widest fonts that a page may take
_RADIUS = 5
_MARGIN_OF_RANGE = 0.08
_LEADER_LENGTH = 16  # from which on a line shows whose label it is

_STYLE = """
  .page { fill: #ffffff; } text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 15px; }
  .axis { stroke: #59636e; } .grid { stroke: #d1d9e0; stroke-width: 0.7; }
  .minor { fill: #59636e; font-size: 12px; }
  .ours { fill: #0969da; } .other { fill: #bc4c00; } .mark { stroke: #59636e; stroke-dasharray: 5 4; }
  .leader { stroke: #818b98; stroke-width: 0.7; }
  text.ours { font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; } text { fill: #f0f6fc; } .axis, .mark { stroke: #9198a1; }
    .grid { stroke: #3d444d; } .minor { fill: #9198a1; }
    .ours { fill: #4493f8; } .other { fill: #f0883e; } .leader { stroke: #656c76; }
  }
"""


@dataclasses.dataclass(frozen=True)
class Point:
  """A dot with its label; `ours` are drawn in another colour."""
  label: str
  x: float
  y: float
  ours: bool = False


@dataclasses.dataclass(frozen=True)
class Box:
  """Where something is drawn, in pixels."""
  left: float
  top: float
  right: float
  bottom: float

  def overlaps(self, other: "Box") -> bool:
    return (self.left < other.right and other.left < self.right and self.top < other.bottom and
            other.top < self.bottom)

  def holds(self, other: "Box") -> bool:
    return (self.left <= other.left and other.right <= self.right and self.top <= other.top and
            other.bottom <= self.bottom)


_PLOT = Box(_LEFT, _TOP, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM)


def log_ticks(least: float, most: float) -> list[float]:
  """Returns 1, 2 and 5 times powers of ten from `least` to `most`."""
  exponents = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
  ticks = [float(f"{digit}e{exponent}") for exponent in exponents for digit in (1, 2, 5)]
  return [tick for tick in ticks if least <= tick <= most]


def linear_ticks(least: float, most: float) -> list[float]:
  """Returns 4 to 10 round numbers from `least` to `most`."""
  step = 10**math.floor(math.log10(most - least))
  step = next(step / part for part in (1, 2, 4, 5, 10) if (most - least) / (step / part) >= 4)
  first = math.ceil(least / step)
  return [round(step * i, 10) for i in range(first, math.floor(most / step) + 1)]


def _padded(values: list[float]) -> tuple[float, float]:
  margin = _MARGIN_OF_RANGE * (max(values) - min(values)) or 0.5
  return min(values) - margin, max(values) + margin


class _Scale:
  """From values to pixels."""

  def __init__(self, xs: list[float], ys: list[float]):
    self._x_range = _padded([math.log10(x) for x in xs])
    self.y_range = _padded(ys)
    self.x_range = tuple(10**x for x in self._x_range)

  def x(self, value: float) -> float:
    low, high = self._x_range
    return _PLOT.left + (math.log10(value) - low) / (high - low) * (_PLOT.right - _PLOT.left)

  def y(self, value: float) -> float:
    low, high = self.y_range
    return _PLOT.bottom - (value - low) / (high - low) * (_PLOT.bottom - _PLOT.top)


def _dot_box(x: float, y: float) -> Box:
  return Box(x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS)


def _label_places(label: str, x: float, y: float):
  """Yields boxes for a label: right, left, above and below of the dot, then the same and diagonals farther away."""
  width, height = _CHAR_WIDTH * len(label), _FONT + 3
  for distance in (_RADIUS + 4, *range(18, 400, 12)):
    for dx, dy in ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1)):
      left = x + dx * distance - (width / 2 if dx == 0 else width if dx < 0 else 0)
      top = y + dy * distance - (height / 2 if dy == 0 else height if dy < 0 else 0)
      yield Box(left, top, left + width, top + height)


def place_labels(dots: list[tuple[str, float, float]], taken: list[Box] = ()) -> list[Box]:
  """Returns a box inside the plot for the label of every (label, x, y), none over another, a dot or what is taken."""
  taken = [*taken, *(_dot_box(x, y) for _, x, y in dots)]
  boxes = []
  for label, x, y in dots:
    free = (box for box in _label_places(label, x, y)
            if _PLOT.holds(box) and not any(box.overlaps(other) for other in taken))  # yapf: disable
    box = next(free, None)
    if box is None:
      raise ValueError(f"no room for the label {label!r}")
    boxes.append(box)
    taken.append(box)
  return boxes


def _label(x: float, box: Box, label: str, css: str) -> str:
  """Returns a label in its box, near the dot at `x`."""
  place, anchor = (box.left, "start") if box.left > x else (box.right, "end") if box.right < x else (
      (box.left + box.right) / 2, "middle")
  return _text(place, box.bottom - 4, label, css, anchor)


def _text(x: float, y: float, text: str, css: str = "", anchor: str = "start", more: str = "") -> str:
  css = f' class="{css}"' if css else ""
  return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{css}{more}>{html.escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
  return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def _axes(scale: _Scale, x_label: str, y_label: str) -> list[str]:
  parts = []
  for tick in log_ticks(*scale.x_range):
    x = scale.x(tick)
    parts += [_line(x, _PLOT.top, x, _PLOT.bottom, "grid"), _text(x, _PLOT.bottom + 18, f"{tick:g}", "minor", "middle")]
  for tick in linear_ticks(*scale.y_range):
    y = scale.y(tick)
    parts += [_line(_PLOT.left, y, _PLOT.right, y, "grid"), _text(_PLOT.left - 8, y + 4, f"{tick:g}", "minor", "end")]
  middle = (_PLOT.top + _PLOT.bottom) / 2
  return parts + [
      _line(_PLOT.left, _PLOT.bottom, _PLOT.right, _PLOT.bottom, "axis"),
      _line(_PLOT.left, _PLOT.top, _PLOT.left, _PLOT.bottom, "axis"),
      _text((_PLOT.left + _PLOT.right) / 2, _HEIGHT - 14, x_label, anchor="middle"),
      _text(18, middle, y_label, anchor="middle", more=f' transform="rotate(-90 18 {middle:.1f})"'),
  ]


def _leader(x: float, y: float, box: Box) -> list[str]:
  """Returns a line from a dot to its label, if that is not right beside it."""
  end_x, end_y = min(max(x, box.left), box.right), min(max(y, box.top), box.bottom)
  return [_line(x, y, end_x, end_y, "leader")] if math.hypot(end_x - x, end_y - y) > _LEADER_LENGTH else []


def scatter(title: str, x_label: str, y_label: str, points: list[Point], mark: tuple[str, float]) -> str:
  """Returns the chart as the text of an SVG file.

  Args:
    title, x_label, y_label: what they say.
    points: at least two, x > 0.
    mark: a label and the x of a vertical line, such as a limit.
  """
  scale = _Scale([*(point.x for point in points), mark[1]], [point.y for point in points])
  mark_x = scale.x(mark[1])
  # Beside the line, at the bottom; the dots' labels keep clear of both.
  mark_box = Box(mark_x - 4 - _CHAR_WIDTH * len(mark[0]), _PLOT.bottom - 22, mark_x + 2, _PLOT.bottom - 4)
  dots = [(point.label, scale.x(point.x), scale.y(point.y)) for point in points]
  line_box = Box(mark_x - 2, _PLOT.top, mark_x + 2, _PLOT.bottom)
  parts = [_text(_PLOT.left, 26, title, "title"), *_axes(scale, x_label, y_label)]
  parts += [_line(mark_x, _PLOT.top, mark_x, _PLOT.bottom, "mark"),
            _text(mark_x - 6, _PLOT.bottom - 8, mark[0], "minor", "end")]  # yapf: disable
  for point, (label, x, y), box in zip(points, dots, place_labels(dots, [mark_box, line_box]), strict=True):
    css = "ours" if point.ours else "other"
    parts += _leader(x, y, box)
    parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_RADIUS}" class="{css}"/>')
    parts.append(_label(x, box, label, css))
  head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">\n'
          f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n"
          '<rect width="100%" height="100%" class="page"/>\n')
  return head + "\n".join(parts) + "\n</svg>\n"
