// The --html of plait inspect.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/inspection.h"

namespace plait {
namespace {

constexpr char kStyle[] =
    "body{font:14px/1.4 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.15em .6em;vertical-align:top}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    ".bar{background:#e4e4e4;width:12em;height:.9em}.bar i{display:block;height:100%;background:#3a6ea5}"
    "svg{display:block;background:#f6f6f6}summary{cursor:pointer}small{color:#555}";

// Text that may hold anything, inside HTML.
std::string Escaped(std::string_view text) {
  std::string safe;
  for (char c : text) {
    switch (c) {
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '&': safe += "&amp;"; break;
      case '"': safe += "&quot;"; break;
      default: safe += c;
    }
  }
  return safe;
}

// A bar for each of the 256 byte values; heights are on a square-root scale, so that rare values can be seen.
std::string Histogram(const PlaneReport& plane) {
  const uint64_t most = std::max<uint64_t>(1, *std::ranges::max_element(plane.counts));
  std::string svg = "<svg width=\"512\" height=\"60\" role=\"img\">";
  for (size_t value = 0; value < plane.counts.size(); ++value) {
    if (plane.counts[value] == 0) continue;
    const double height = std::max(1.0, 60 * std::sqrt(static_cast<double>(plane.counts[value]) / most));
    absl::StrAppendFormat(&svg, "<rect x=\"%d\" y=\"%.1f\" width=\"2\" height=\"%.1f\" fill=\"#3a6ea5\"/>", 2 * value,
                          60 - height, height);
  }
  return svg + "</svg>";
}

std::string Planes(const TensorReport& report) {
  std::string html;
  for (const auto& [kind, planes] : report.planes) {
    for (size_t p = 0; p < planes.size(); ++p) {
      const PlaneReport& plane = planes[p];
      const double elements = std::max<uint64_t>(1, plane.elements);
      absl::StrAppendFormat(
          &html, "<p><small>%s plane %d: %.3f bits spent, %.3f bits of order-0 entropy, per element</small></p>",
          std::string(GetPlaneLayout(kind).name), p, 8 * plane.coded_bytes / elements, plane.order0_bits / elements);
      html += Histogram(plane);
    }
  }
  return html;
}

std::string Row(const TensorReport& report) {
  const StoredTensor& tensor = *report.tensor;
  const double percent = tensor.original.bytes() == 0 ? 100 : 100.0 * tensor.coded_bytes / tensor.original.bytes();
  std::string name = Escaped(tensor.original.name);
  if (!report.planes.empty())
    name = absl::StrCat("<details><summary>", name, "</summary>", Planes(report), "</details>");
  return absl::StrFormat(
      "<tr><td>%s</td><td>%s</td><td>[%s]</td><td class=n>%s</td><td class=n>%s</td><td class=n>%.2f %%</td>"
      "<td><div class=bar><i style=\"width:%.1f%%\"></i></div></td><td>%s</td></tr>\n",
      name, std::string(GetDtypeInfo(tensor.original.dtype).name), absl::StrJoin(tensor.original.shape, ", "),
      HumanBytes(tensor.original.bytes()), HumanBytes(tensor.coded_bytes), percent, std::min(100.0, percent),
      tensor.framed() ? std::string(CodecName(tensor.entry.main_codec)) : "plain");
}

}  // namespace

std::string InspectionPage(const std::string& file, const ContainerReader& container,
                           const std::vector<TensorReport>& reports) {
  const uint64_t coded_bytes = container.source().size();
  std::string html = absl::StrFormat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta "
      "charset=\"utf-8\"><title>%s</title><style>%s</style></head><body>\n"
      "<h1>%s</h1><p>%d tensors, %s of %s (%.2f %%). Open a tensor for its planes.</p>\n"
      "<table><tr><th>tensor</th><th>dtype</th><th>shape</th><th class=n>original</th><th class=n>coded</th>"
      "<th class=n></th><th></th><th>codec</th></tr>\n",
      Escaped(file), kStyle, Escaped(file), reports.size(), HumanBytes(coded_bytes),
      HumanBytes(container.original_bytes()),
      container.original_bytes() == 0 ? 100 : 100.0 * coded_bytes / container.original_bytes());
  for (const TensorReport& report : reports) html += Row(report);
  return html + "</table></body></html>\n";
}

}  // namespace plait
