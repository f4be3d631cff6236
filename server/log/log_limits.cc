// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/log/log_limits.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace pinion {
namespace {

// "shop.v1.CounterService", of itself and of "/shop.v1.CounterService/Add".
absl::string_view ServiceOf(absl::string_view method) {
  absl::ConsumePrefix(&method, "/");
  return method.substr(0, method.find('/'));
}

}  // namespace

LogLimits::Turn LogLimits::Take(const LogRecord& record) {
  if (record.event.empty()) {
    return {.writes = true, .is_last_of_span = false, .left_out_before = 0};
  }
  const Moment now = clock_.Now();
  MutexLock lock(mutex_);
  Kind& kind = KindOf(record, now);
  if (now - kind.span_begun >= kSpan) {
    kind.span_begun = now;
    kind.in_span = 0;
  }
  if (kind.in_span == kMostInASpan) {
    kind.level = record.level;
    kind.area = record.area;
    ++kind.left_out;
    ++left_out_in_all_;
    return {.writes = false, .is_last_of_span = false, .left_out_before = 0};
  }
  ++kind.in_span;
  return {.writes = true,
          .is_last_of_span = kind.in_span == kMostInASpan,
          .left_out_before = std::exchange(kind.left_out, 0)};
}

std::vector<LogRecord> LogLimits::TakeLeftOut() {
  std::vector<LogRecord> records;
  MutexLock lock(mutex_);
  for (auto& [name, kind] : kinds_) {
    if (kind.left_out == 0) continue;
    records.push_back(
        {.level = kind.level,
         .area = kind.area,
         .event = kind.event,
         .method = kind.service,
         .message = absl::StrCat("lines about ", kind.event,
                                 " were left out after the last one"),
         .left_out = std::exchange(kind.left_out, 0)});
  }
  return records;
}

LogLimits::Kind& LogLimits::KindOf(const LogRecord& record, Moment now) {
  const absl::string_view service = ServiceOf(record.method);
  const std::string name = absl::StrCat(service, " ", record.event);
  const auto found = kinds_.find(name);
  if (found != kinds_.end()) return found->second;
  if (kinds_.size() < kMostKinds) {
    return kinds_
        .try_emplace(name, Kind{.span_begun = now,
                                .event = record.event,
                                .service = std::string(service)})
        .first->second;
  }
  return kinds_
      .try_emplace("", Kind{.span_begun = now, .event = "other events"})
      .first->second;
}

}  // namespace pinion
