#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "app/demo_text.h"
#include "app/eval_report.h"

namespace triage::app {

namespace {

constexpr std::string_view kStyle = R"(
:root { --page: #ffffff; --ink: #1c1e21; --soft: #667080; --line: #d8dde3; --router: #2f6fde; --length: #8a8f98;
  --single: #b4442f; --chosen: #0b6e4f; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171a; --ink: #e8eaed; --soft: #9aa3ae; --line: #343a41; --router: #7aa7ff; --length: #8a8f98;
    --single: #ff8d76; --chosen: #4cc38a; } }
body { background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { padding: .35rem .6rem; text-align: right;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; } th { color: var(--soft); font-weight: 500; }
small, .note { color: var(--soft); } small { white-space: nowrap; }
svg { width: 100%; max-width: 44rem; height: auto; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .soft { fill: var(--soft); } svg .axis { stroke: var(--line); fill: none; }
svg .router { stroke: var(--router); fill: none; stroke-width: 2.5; }
svg .length { stroke: var(--length); fill: none; stroke-width: 1.5; stroke-dasharray: 5 4; }
svg .dot { fill: var(--router); } svg .single { fill: var(--single); } svg .chosen { fill: var(--chosen); }
)";

/// A frame with both axes from `low` to 1 (or a little above).
class Plot {
 public:
  Plot(double low_x, double high_x, double low_y, double high_y)
      : low_x_(low_x), high_x_(high_x), low_y_(low_y), high_y_(high_y) {}

  double X(double x) const { return 60 + 560 * (x - low_x_) / (high_x_ - low_x_); }

  double Y(double y) const { return 350 - 320 * (y - low_y_) / (high_y_ - low_y_); }

  std::string Open(std::string_view label, std::string_view x_title,
                   std::string_view y_title) const {
    std::string svg =
        fmt::format(R"(<svg viewBox="0 0 700 396" role="img" aria-label="{}">)", EscapeHtml(label));
    auto to = std::back_inserter(svg);
    constexpr int kTicks = 5;
    for (int i = 0; i <= kTicks; ++i) {
      const double x = low_x_ + (high_x_ - low_x_) * i / kTicks;
      const double y = low_y_ + (high_y_ - low_y_) * i / kTicks;
      fmt::format_to(
          to,
          R"(<line class="axis" x1="{0:.1f}" y1="30" x2="{0:.1f}" y2="350"/><text x="{0:.1f}" y="368" text-anchor="middle">{1:.2f}</text>)"
          R"(<line class="axis" x1="60" y1="{2:.1f}" x2="620" y2="{2:.1f}"/><text x="52" y="{3:.1f}" text-anchor="end">{4:.2f}</text>)",
          X(x), x, Y(y), Y(y) + 4, y);
    }
    fmt::format_to(to,
                   R"(<text class="soft" x="340" y="388" text-anchor="middle">{}</text>)"
                   R"(<text class="soft" x="60" y="18">{}</text>)",
                   EscapeHtml(x_title), EscapeHtml(y_title));
    return svg;
  }

  std::string Curve(std::string_view style, std::span<const learn::CurvePoint> points) const {
    std::string list;
    for (const learn::CurvePoint& point : points) {
      fmt::format_to(std::back_inserter(list), "{:.1f},{:.1f} ", X(point.cost), Y(point.quality));
    }
    return fmt::format(R"(<polyline class="{}" points="{}"/>)", style, list);
  }

  std::string Dot(std::string_view style, double x, double y, std::string_view name) const {
    const bool right = X(x) > 440;
    return fmt::format(
        R"(<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="5"/><text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>)",
        style, X(x), Y(y), X(x) + (right ? -9 : 9), Y(y) + 15, right ? "end" : "start",
        EscapeHtml(name));
  }

 private:
  double low_x_;
  double high_x_;
  double low_y_;
  double high_y_;
};

std::string CostQuality(const Evaluation& evaluation) {
  const learn::EvalReport& all = evaluation.all;
  const double top = all.quality[evaluation.tiers.size() - 1];
  double low = 1;
  double high = 1;
  double dearest = 1;
  for (std::size_t t = 0; t < evaluation.tiers.size(); ++t) {
    const double share = top > 0 ? all.quality[t] / top : 1;
    low = std::min(low, share);
    high = std::max(high, share);
    dearest = std::max(dearest, all.cost_share[t]);
  }
  for (const learn::CurvePoint& point : all.curve) {
    low = std::min(low, point.quality);
    high = std::max(high, point.quality);
    dearest = std::max(dearest, point.cost);
  }
  const Plot plot(0, dearest, low - 0.02, high + 0.02);
  std::string svg =
      plot.Open("Cost and quality of routing", "cost as a share of always the top tier",
                "quality as a share of the top tier's");
  svg += plot.Curve("length", all.length_curve);
  svg += plot.Curve("router", all.curve);
  for (std::size_t t = 0; t < evaluation.tiers.size(); ++t) {
    svg += plot.Dot("single", all.cost_share[t], top > 0 ? all.quality[t] / top : 1,
                    evaluation.tiers[t]);
  }
  const learn::PolicyPoint& at = all.weighed.point;
  svg += plot.Dot("chosen", at.cost_share, at.quality_share,
                  fmt::format("thresholds for {:.0f} %", 100 * evaluation.keep_quality));
  return svg + "</svg>";
}

std::string ReliabilityChart(std::string_view tier,
                             const std::vector<learn::ReliabilityBin>& bins) {
  double low = 1;
  for (const learn::ReliabilityBin& bin : bins) {
    low = std::min({low, bin.predicted, bin.observed});
  }
  low = std::max(0.0, low - 0.05);
  const Plot plot(low, 1, low, 1);
  std::string svg = plot.Open(fmt::format("Reliability of {}", tier), "predicted sufficiency",
                              "observed share of acceptable answers");
  const learn::CurvePoint diagonal[] = {{low, low}, {1, 1}};
  svg += plot.Curve("length", diagonal);
  for (const learn::ReliabilityBin& bin : bins) {
    svg += fmt::format(
        R"(<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="4"><title>{} rows</title></circle>)",
        plot.X(bin.predicted), plot.Y(bin.observed), bin.rows);
  }
  return svg + "</svg>";
}

std::string Cell(const learn::Estimate& estimate) {
  return fmt::format("<td>{:.3f} <small>[{:.3f}, {:.3f}]</small></td>", estimate.value,
                     estimate.interval.low, estimate.interval.high);
}

std::string TableRow(std::string_view name, const learn::RoutingFigures& figures) {
  std::string row = fmt::format("<tr><td>{}</td>", EscapeHtml(name));
  if (figures.gap) {
    row += Cell(figures.gap->apgr) + Cell(figures.gap->cpt50) + Cell(figures.gap->cpt80);
  } else {
    row += "<td>–</td><td>–</td><td>–</td>";
  }
  return row + Cell(figures.cost95) + Cell(figures.cost99) + "</tr>\n";
}

constexpr std::string_view kTableHead =
    "<table><tr><th></th><th>APGR</th><th>CPT 50</th><th>CPT 80</th><th>cost for 95 %</th>"
    "<th>cost for 99 %</th></tr>\n";

}  // namespace

std::string EvaluationHtml(const Evaluation& evaluation) {
  const learn::EvalReport& all = evaluation.all;
  std::string page = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"><title>Router {0}</title>"
      "<style>{1}</style></head><body>\n<h1>Router {0}</h1>\n<p>{2} rows it has not seen in "
      "training, if the data was kept out. Tiers, cheapest first: {3}.</p>\n",
      EscapeHtml(evaluation.router), kStyle, all.rows,
      EscapeHtml(fmt::format("{}", fmt::join(evaluation.tiers, ", "))));
  page += "<h2>Cost and quality</h2>\n" + CostQuality(evaluation);
  page +=
      "<p class=\"note\">Line: the router, by the expected-cost rule. Dashes: prompt length alone. "
      "In brackets 95 % bootstrap intervals.</p>\n";
  page += kTableHead;
  page += TableRow("router", all.router) + TableRow("random mixing", all.random) +
          TableRow("length alone", all.length) + TableRow("router's scores shuffled", all.shuffle) +
          TableRow("oracle", all.oracle) + "</table>\n";
  page += fmt::format(
      "<h2>Reliability</h2>\n<p>ECE {:.3f}; a perfectly calibrated router shows {:.3f} on so many "
      "rows. Brier {:.3f}, log-loss {:.4f}.</p>\n",
      all.calibration_error.value, all.calibration_floor, all.brier.value, all.log_loss.value);
  for (std::size_t t = 0; t < all.reliability.size(); ++t) {
    page += fmt::format("<h3>{}</h3>\n{}\n", EscapeHtml(evaluation.tiers[t]),
                        ReliabilityChart(evaluation.tiers[t], all.reliability[t]));
  }
  for (const learn::Slice& slice : evaluation.slices) {
    page += fmt::format("<h2>{} {}, {} rows</h2>\n",
                        slice.by == learn::SliceBy::kFamily ? "Family" : "Data set",
                        EscapeHtml(slice.name), slice.report.rows);
    page += kTableHead;
    page += TableRow("router", slice.report.router) +
            TableRow("length alone", slice.report.length) + "</table>\n";
  }
  return page + "</body></html>\n";
}

}  // namespace triage::app
