// SPDX-License-Identifier: Apache-2.0
//
// AdminAnswers: what each path of the admin page's listener answers.
//
// Threads: the owner's only.
// Cost:    /metrics is made once for all who ask within
//          kMetricsLast, so that a flood of scrapes takes little
//          from others.
// Order:   access is checked first, so that a request that is refused learns
//          nothing of the paths.
// Example: AdminAnswers answers(source, AdminAccess({...}));
//          HttpAnswer answer = answers.Answer(request);
#ifndef PINION_SERVER_ADMIN_ADMIN_ANSWERS_H_
#define PINION_SERVER_ADMIN_ADMIN_ANSWERS_H_

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "pinion/core/clock.h"
#include "pinion/server/admin/admin_access.h"
#include "pinion/server/admin/admin_source.h"
#include "pinion/server/http/http_answer.h"
#include "pinion/server/http/http_request.h"

namespace pinion {

class AdminAnswers {
 public:
  // Less than two scrapes of Prometheus are apart.
  static constexpr std::chrono::milliseconds kMetricsLast{100};

  // `source` outlives it.
  AdminAnswers(AdminSource& source, AdminAccess access, const Clock& clock)
      : source_(source), access_(std::move(access)), clock_(clock) {}

  HttpAnswer Answer(const HttpRequest& request);

 private:
  HttpAnswer Read(const HttpRequest& request);
  const std::string& Metrics();
  HttpAnswer Api(absl::string_view what, const HttpRequest& request);
  HttpAnswer Why(const HttpRequest& request);
  HttpAnswer Config();
  HttpAnswer Set(const HttpRequest& request, absl::string_view name);

  AdminSource& source_;
  const AdminAccess access_;
  const Clock clock_;
  std::string metrics_;
  std::optional<Moment> metrics_made_;
};

}  // namespace pinion

#endif  // PINION_SERVER_ADMIN_ADMIN_ANSWERS_H_
