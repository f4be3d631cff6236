// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/failure_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "pinion/client/failure.h"
#include "pinion/proto/wire/json_string.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion::cli {
namespace {

absl::string_view ExecutedName(v1::Executed executed) {
  return absl::StripPrefix(v1::Executed_Name(executed), "EXECUTED_");
}

}  // namespace

absl::string_view ReasonName(int reason) {
  if (reason == v1::REASON_UNSPECIFIED || !v1::Reason_IsValid(reason)) {
    return "";
  }
  return absl::StripPrefix(v1::Reason_Name(static_cast<v1::Reason>(reason)),
                           "REASON_");
}

std::string ReasonText(int reason) {
  const absl::string_view name = ReasonName(reason);
  return name.empty() ? absl::StrCat("reason ", reason) : std::string(name);
}

std::string DescribeError(const absl::Status& status) {
  // What a server says may be anything, and a terminal may take it for
  // commands.
  std::string text = absl::StrCat(absl::StatusCodeToString(status.code()), ": ",
                                  Printable(status.message()));
  const auto failure = FailureOf(status);
  if (!failure.has_value()) return text;
  const absl::string_view reason = ReasonName(failure->reason());
  if (!reason.empty()) absl::StrAppend(&text, "\n  reason: ", reason);
  absl::StrAppend(&text, "\n  executed: ", ExecutedName(failure->executed()));
  if (failure->has_worker()) {
    absl::StrAppend(&text, "\n  worker: ", failure->worker());
  }
  if (failure->retry_after_us() > 0) {
    absl::StrAppend(
        &text, "\n  retry after: ",
        absl::FormatDuration(absl::Microseconds(failure->retry_after_us())));
  }
  return text;
}

std::string ErrorJson(const absl::Status& status) {
  const auto failure = FailureOf(status);
  const absl::string_view reason =
      failure.has_value() ? ReasonName(failure->reason()) : "";
  const bool executed_is_said =
      failure.has_value() && failure->executed() != v1::EXECUTED_UNSPECIFIED &&
      v1::Executed_IsValid(failure->executed());
  return absl::StrCat(
      "{\"code\":\"", absl::StatusCodeToString(status.code()),
      "\",\"message\":", JsonString(status.message()),
      ",\"reason\":", reason.empty() ? "null" : JsonString(reason),
      ",\"executed\":\"",
      executed_is_said ? ExecutedName(failure->executed()) : "MAYBE", "\"}");
}

}  // namespace pinion::cli
