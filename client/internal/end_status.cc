// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/end_status.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/status_details.h"

namespace pinion::client_internal {
namespace {

// What gRPC says of a stream that the other side has reset with CANCEL. Of a
// call that this client has cancelled it says something else.
constexpr char kReset[] = "RST_STREAM with error code 8";

}  // namespace

absl::Status EndStatus(const grpc::Status& status) {
  const std::string& message = status.error_message();
  if (status.error_code() == grpc::StatusCode::CANCELLED &&
      absl::StrContains(message, kReset)) {
    absl::Status told = StatusFromDetails(status.error_details());
    if (!told.ok()) return told;
    return absl::CancelledError(absl::StrCat(
        message,
        ", which gives no reason; HAProxy 2.6 resets a stream like this if the "
        "server ends it early, whatever the server's reason was"));
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      message);
}

}  // namespace pinion::client_internal
