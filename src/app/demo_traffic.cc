#include "app/demo_traffic.h"

#include <array>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/random.h"

namespace triage::app {

namespace {

constexpr std::array<std::string_view, 24> kUsers = {
    "ada",  "bruno", "chen",  "dalia", "emil",   "fatou", "goran", "hana",
    "ivan", "jonas", "kemal", "lena",  "marta",  "noor",  "olga",  "pavel",
    "quin", "rosa",  "sven",  "tomas", "ursula", "vera",  "wanda", "yuki"};
constexpr std::array<std::string_view, 4> kTeams = {"support", "research", "engineering",
                                                    "finance"};

struct Weighted {
  std::string_view name;
  double share;
};

constexpr std::array<Weighted, 4> kImpacts = {
    {{"low", 0.30}, {"normal", 0.50}, {"high", 0.15}, {"critical", 0.05}}};
constexpr std::array<Weighted, 4> kFeatures = {
    {{"assistant", 0.45}, {"tutor", 0.25}, {"report-draft", 0.20}, {"bulk-answers", 0.10}}};

std::string_view Pick(std::span<const Weighted> choices, Random& random) {
  double left = random.Uniform();
  for (const Weighted& choice : choices) {
    left -= choice.share;
    if (left < 0) return choice.name;
  }
  return choices.back().name;
}

}  // namespace

std::vector<DemoRequest> MakeTraffic(std::span<const simulate::RecordedQuestion> questions,
                                     std::uint64_t seed) {
  Random random(seed);
  std::vector<DemoRequest> traffic(questions.size());
  for (std::size_t i = 0; i < traffic.size(); ++i) {
    DemoRequest& request = traffic[i];
    request.question = i;
    const double skewed = random.Uniform();
    const auto user =
        static_cast<std::size_t>(skewed * skewed * static_cast<double>(kUsers.size()));
    request.user = kUsers[user];
    request.team = kTeams[user % kTeams.size()];
    const std::string_view usual = Pick(kFeatures, random);
    request.feature = questions[i].dataset == "cruxeval" ? "code-review" : usual;
    request.session = request.user + "-" + std::to_string(random.Below(20));
    request.impact = Pick(kImpacts, random);
    request.stream = random.Below(2) == 0;
  }
  for (std::size_t i = traffic.size(); i > 1; --i) {  // Fisher and Yates
    std::swap(traffic[i - 1], traffic[random.Below(i)]);
  }
  return traffic;
}

std::string RequestBody(const DemoRequest& request, std::string_view prompt) {
  nlohmann::ordered_json body = {
      {"model", "auto"},
      {"messages", nlohmann::ordered_json::array({{{"role", "user"}, {"content", prompt}}})}};
  if (request.stream) {
    body["stream"] = true;
    body["stream_options"] = {{"include_usage", true}};
  }
  return body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::vector<net::Header> RequestHeaders(const DemoRequest& request) {
  return {{"Content-Type", "application/json"},  {"x-triage-user", request.user},
          {"x-triage-team", request.team},       {"x-triage-feature", request.feature},
          {"x-triage-session", request.session}, {"x-triage-impact", request.impact}};
}

}  // namespace triage::app
