// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/failure.h"

#include "absl/strings/cord.h"

namespace pinion {
namespace {

constexpr char kFailureUrl[] = "type.googleapis.com/pinion.v1.Failure";
constexpr char kDetailsUrl[] = "type.googleapis.com/google.rpc.Status";

}  // namespace

std::optional<v1::Failure> FailureOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kFailureUrl);
  v1::Failure failure;
  if (!payload.has_value() || !failure.ParseFromString(std::string(*payload))) {
    return std::nullopt;
  }
  return failure;
}

bool NotExecuted(const absl::Status& status) {
  const auto failure = FailureOf(status);
  return failure.has_value() && failure->executed() == v1::EXECUTED_NO;
}

std::string DetailsOf(const absl::Status& status) {
  return std::string(status.GetPayload(kDetailsUrl).value_or(absl::Cord()));
}

namespace client_internal {

absl::Status Failed(absl::Status status, const v1::Failure& failure) {
  status.SetPayload(kFailureUrl, absl::Cord(failure.SerializeAsString()));
  return status;
}

absl::Status Failed(absl::Status status, v1::Reason reason,
                    v1::Executed executed) {
  v1::Failure failure;
  failure.set_reason(reason);
  failure.set_executed(executed);
  return Failed(std::move(status), failure);
}

void AddDetails(absl::string_view details, absl::Status& status) {
  if (!details.empty()) status.SetPayload(kDetailsUrl, absl::Cord(details));
}

}  // namespace client_internal
}  // namespace pinion
