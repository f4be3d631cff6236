// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/testing/pending_call.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "pinion/client/failure.h"
#include "pinion/v1/failure.pb.h"

namespace pinion::testing {

std::string DescribeError(absl::string_view what_came,
                          const absl::Status& error) {
  std::string text =
      absl::StrCat(what_came, " ", absl::StatusCodeToString(error.code()), ": ",
                   error.message());
  if (const auto failure = FailureOf(error)) {
    absl::StrAppend(
        &text, " (",
        absl::StripPrefix(v1::Reason_Name(failure->reason()), "REASON_"), ", ",
        v1::Executed_Name(failure->executed()), ")");
  }
  return text;
}

}  // namespace pinion::testing
