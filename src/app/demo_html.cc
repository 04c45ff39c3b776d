#include <algorithm>

#include <fmt/format.h>

#include "app/demo_text.h"

namespace triage::app {

namespace {

constexpr std::string_view kStyle = R"(
:root { --page: #ffffff; --ink: #1c1e21; --soft: #667080; --line: #d8dde3; --routed: #0b6e4f; --curve: #2f6fde;
  --mix: #8a8f98; --single: #b4442f; --good: #0b6e4f; --bad: #b4442f; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171a; --ink: #e8eaed; --soft: #9aa3ae; --line: #343a41; --routed: #4cc38a; --curve: #7aa7ff;
    --mix: #8a8f98; --single: #ff8d76; --good: #4cc38a; --bad: #ff8d76; } }
body { background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { padding: .35rem .6rem; text-align: right;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; } th { color: var(--soft); font-weight: 500; }
tr.routed td { font-weight: 650; color: var(--routed); }
.note { color: var(--soft); } .good { color: var(--good); font-weight: 650; } .bad { color: var(--bad); font-weight: 650; }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .axis { stroke: var(--line); fill: none; } svg .soft { fill: var(--soft); }
svg .curve { stroke: var(--curve); fill: none; stroke-width: 2.5; }
svg .mix { stroke: var(--mix); fill: none; stroke-width: 1.5; stroke-dasharray: 5 4; }
svg .single { fill: var(--single); } svg .routed { fill: var(--routed); }
.bar { background: var(--routed); height: .8rem; display: inline-block; border-radius: 2px; }
blockquote { margin: .5rem 0; padding: .2rem .8rem; border-left: 3px solid var(--line); overflow-wrap: anywhere; }
)";

double CostRatio(const DemoReport& report, const Figures& figures) {
  const auto frontier = static_cast<double>(report.single.back().cost.value());
  return frontier > 0 ? static_cast<double>(figures.cost.value()) / frontier : 0;
}

/// The drawing's frame: cost share 0..1 to the right, quality upwards between round tenths that
/// hold everything.
class Plot {
 public:
  explicit Plot(const DemoReport& report) {
    double least = report.routed.quality;
    double most = report.routed.quality;
    for (const Figures& figures : report.single) {
      least = std::min(least, figures.quality);
      most = std::max(most, figures.quality);
    }
    for (const CurvePoint& point : report.curve) {
      least = std::min(least, point.quality);
      most = std::max(most, point.quality);
    }
    low_ = static_cast<int>(least * 20 - 0.001);
    high_ = std::max(static_cast<int>(most * 20) + 1, low_ + 1);
  }

  double X(double cost_ratio) const { return 60 + 560 * std::clamp(cost_ratio, 0.0, 1.1); }

  double Y(double quality) const { return 350 - 320 * (quality * 20 - low_) / (high_ - low_); }

  std::string Axes() const {
    std::string svg;
    for (int i = 0; i <= 10; i += 2) {
      const double x = X(i / 10.0);
      svg += fmt::format(
          R"(<line class="axis" x1="{0:.1f}" y1="30" x2="{0:.1f}" y2="350"/><text x="{0:.1f}" y="368" text-anchor="middle">{1} %</text>)",
          x, i * 10);
    }
    for (int i = low_; i <= high_; ++i) {
      const double y = Y(i / 20.0);
      svg += fmt::format(
          R"(<line class="axis" x1="60" y1="{0:.1f}" x2="620" y2="{0:.1f}"/><text x="52" y="{1:.1f}" text-anchor="end">{2:.2f}</text>)",
          y, y + 4, i / 20.0);
    }
    return svg +
           R"(<text class="soft" x="340" y="388" text-anchor="middle">cost as a share of always frontier</text>)"
           R"(<text class="soft" x="60" y="18">quality (mean grade)</text>)";
  }

 private:
  int low_ = 0;  // twentieths
  int high_ = 1;
};

std::string CurveSvg(const DemoReport& report) {
  const Plot plot(report);
  std::string svg =
      R"(<svg viewBox="0 0 700 396" role="img" aria-label="Cost and quality of routing, single models and random mixing">)";
  svg += plot.Axes();
  std::string mix;
  for (const Figures& figures : report.single) {
    mix +=
        fmt::format("{:.1f},{:.1f} ", plot.X(CostRatio(report, figures)), plot.Y(figures.quality));
  }
  svg += fmt::format(R"(<polyline class="mix" points="{}"/>)", mix);
  if (!report.curve.empty()) {
    std::string points;
    for (const CurvePoint& point : report.curve) {
      points += fmt::format("{:.1f},{:.1f} ", plot.X(point.cost_ratio), plot.Y(point.quality));
    }
    svg += fmt::format(R"(<polyline class="curve" points="{}"/>)", points);
  }
  for (std::size_t i = 0; i < report.single.size(); ++i) {
    const double x = plot.X(CostRatio(report, report.single[i]));
    const double y = plot.Y(report.single[i].quality);
    const bool right = x > 400;
    svg += fmt::format(
        R"(<circle class="single" cx="{:.1f}" cy="{:.1f}" r="5"/><text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>)",
        x, y, right ? x - 8 : x + 9, y + 16, right ? "end" : "start",
        EscapeHtml(report.tiers[i].model));
  }
  const double x = plot.X(report.cost_ratio);
  const double y = plot.Y(report.routed.quality);
  svg += fmt::format(
      R"(<circle class="routed" cx="{:.1f}" cy="{:.1f}" r="7"/><text x="{:.1f}" y="{:.1f}" text-anchor="end">routed</text>)",
      x, y, x - 10, y - 8);
  return svg + "</svg>";
}

std::string FiguresRow(const DemoReport& report, std::string_view name, const Figures& figures,
                       bool routed) {
  const double best = report.single.back().quality;
  return fmt::format(
      "<tr{}><td>{}</td><td>{:.3f}</td><td>{:.1f} %</td><td>{:.4f}</td><td>{:.1f} "
      "%</td><td>{:.0f}</td><td>{:.0f}</td></tr>\n",
      routed ? R"( class="routed")" : "", EscapeHtml(name), figures.quality,
      best > 0 ? 100 * figures.quality / best : 0, static_cast<double>(figures.cost.value()) / 1e9,
      100 * CostRatio(report, figures), figures.p50_ms, figures.p95_ms);
}

std::string FiguresTable(const DemoReport& report) {
  std::string html =
      "<table><tr><th></th><th>quality</th><th>of frontier</th><th>cost USD</th><th>of "
      "frontier</th>"
      "<th>p50 ms*</th><th>p95 ms*</th></tr>\n";
  html += FiguresRow(report, "routed by Triage", report.routed, true);
  for (std::size_t i = report.single.size(); i-- > 0;) {
    html += FiguresRow(report, SingleName(report, static_cast<int>(i)), report.single[i], false);
  }
  html += FiguresRow(report, "random mixing at the same cost", report.mixing.figures, false);
  return html +
         "</table>\n<p class=\"note\">* Latencies are simulated, by one latency model for all "
         "rows.</p>\n";
}

std::string ShareTable(const DemoReport& report) {
  std::string html = "<table><tr><th>tier</th><th>model</th><th>share</th><th></th></tr>\n";
  for (std::size_t i = 0; i < report.tiers.size(); ++i) {
    html += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{:.1f} %</td><td style=\"width:45%;text-align:left\"><span "
        "class=\"bar\" "
        "style=\"width:{:.1f}%\"></span></td></tr>\n",
        EscapeHtml(report.tiers[i].name), EscapeHtml(report.tiers[i].model),
        100 * report.tier_share[i], 100 * report.tier_share[i]);
  }
  return html + "</table>\n";
}

std::string LostSection(const DemoReport& report) {
  std::string html =
      "<table><tr><th>slice</th><th>questions</th><th>routed</th><th>frontier</th><th>lost</th></"
      "tr>\n";
  for (const SliceLoss& slice : report.worst_slices) {
    html += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{:.3f}</td><td>{:.3f}</td><td>{:.3f}</td></tr>\n",
        EscapeHtml(slice.name), slice.questions, slice.routed, slice.frontier,
        slice.frontier - slice.routed);
  }
  html += "</table>\n";
  for (const LostExample& example : report.examples) {
    html += fmt::format("<blockquote>{}<br><span class=\"note\">{}; went to {}; graded:",
                        EscapeHtml(example.question), EscapeHtml(example.id),
                        EscapeHtml(report.tiers[static_cast<std::size_t>(example.delivered)].name));
    for (std::size_t i = 0; i < example.scores.size(); ++i) {
      html += fmt::format(" {} {:.2f}", EscapeHtml(report.tiers[i].model), example.scores[i]);
    }
    html += "</span></blockquote>\n";
  }
  return html;
}

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      case '\'': safe += "&#39;"; break;
      default: safe += c;
    }
  }
  return safe;
}

std::string DemoHtml(const DemoReport& report, const DemoRun& run) {
  std::string html =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>Triage demo</title>\n<style>";
  html += kStyle;
  html += "</style>\n</head>\n<body>\n<h1>Triage demo</h1>\n";
  html += fmt::format(
      "<p>{} real questions{} went through the gateway. Answers and grades are recorded from real "
      "models, prices are list prices of their own time.</p>\n",
      report.questions, run.fold_zero ? " that the router has never seen in training" : "");
  html += fmt::format("<p class=\"{}\">{}</p>\n", report.GoalMet() ? "good" : "bad",
                      EscapeHtml(GoalSentence(report)));
  html += "<h2>Cost and quality</h2>\n" + CurveSvg(report);
  html += report.curve.empty() ? "<p class=\"note\">Dashed: random mixing of single models.</p>\n"
                               : "<p class=\"note\">Line: this router at other operating points, "
                                 "each tuned on training data. Dashed: "
                                 "random mixing of single models.</p>\n";
  html += FiguresTable(report);
  html += "<h2>Where the questions went</h2>\n" + ShareTable(report);
  html += fmt::format(
      "<h2>How it ran</h2>\n<p>Deciding took {:.0f} µs at the median, {:.0f} µs at p99. {} "
      "fallbacks, {} "
      "questions without an answer. Random mixing would need {:.1f} % of always-frontier’s cost "
      "for "
      "the routed quality.</p>\n",
      report.decide_p50_us, report.decide_p99_us, report.fallbacks, report.errors,
      100 * report.mixing.cost_ratio_for_same_quality);
  html += "<h2>Where routing lost quality</h2>\n" + LostSection(report);
  return html + "</body>\n</html>\n";
}

}  // namespace triage::app
