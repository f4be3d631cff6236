// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/hostile_outcome.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "pinion/tests/bench/support/report.h"

namespace pinion::bench {
namespace {

// JSON has no number that is none.
std::string ForJson(double value, int decimals) {
  if (std::isnan(value)) return "null";
  return absl::StrFormat("%.*f", decimals, value);
}

const char* ForJson(bool value) { return value ? "true" : "false"; }

}  // namespace

void HostileOutcome::Add(const HostileRound& round) {
  p99_ratios_.push_back(round.p99_ratio);
  worst_us_ = std::fmax(worst_us_, round.worst_us);
  errors_ += round.errors;
  grown_mib_ = std::fmax(grown_mib_, round.grown_mib);
  refused_ = refused_ && round.refused;
}

bool HostileOutcome::harmless() const {
  return errors_ == 0 && grown_mib_ <= bar_.grown_mib && refused_;
}

bool HostileOutcome::IsFast() const {
  return !bar_.p99_ratio.has_value() || Median(p99_ratios_) <= *bar_.p99_ratio;
}

std::string HostileOutcome::Json() const {
  return absl::StrFormat(
      R"({"bench":"hostile","attack":"%s","p99_ratio":%s,)"
      R"("max_p99_ratio":%s,"worst_us":%s,"errors":%d,"max_errors":0,)"
      R"("grown_mib":%s,"max_grown_mib":%s,"refused":%s,"met":%s})",
      attack_, ForJson(Median(p99_ratios_), 3),
      ForJson(bar_.p99_ratio.value_or(std::nan("")), 1), ForJson(worst_us_, 0),
      errors_, ForJson(grown_mib_, 1), ForJson(bar_.grown_mib, 0),
      ForJson(refused_), ForJson(met()));
}

std::string HostileOutcome::Text() const {
  const double ratio = Median(p99_ratios_);
  return absl::StrFormat(
      "%s: %s; p99 %s (%s), worst %.1f ms, errors %d (at most 0), "
      "memory %.1f MiB (at most %.0f)%s",
      attack_, met() ? "met" : "NOT MET",
      std::isnan(ratio) ? "not measured" : absl::StrFormat("%.2f times", ratio),
      bar_.p99_ratio.has_value() ? absl::StrCat("at most ", *bar_.p99_ratio)
                                 : "not judged",
      worst_us_ / 1e3, errors_, grown_mib_, bar_.grown_mib,
      refused_ ? "" : ", what was too much was NOT REFUSED");
}

}  // namespace pinion::bench
