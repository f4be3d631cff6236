// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/admin_connection.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion::cli {

std::unique_ptr<Client> ConnectToAdmin(const std::string& target) {
  return Client::Connect(target, {.unary = true, .name = "pinion"});
}

absl::Status AdminError(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnimplemented:
      return absl::UnimplementedError(
          absl::StrCat("this is no admin socket, or that of an older server: ",
                       status.message()));
    case absl::StatusCode::kDeadlineExceeded:
      return absl::DeadlineExceededError(
          "the server did not answer in time; it may be frozen, or the machine "
          "overloaded");
    case absl::StatusCode::kUnavailable:
      // The words of a server that is there.
      if (absl::StrContains(status.message(), "has not started")) return status;
      return absl::UnavailableError(absl::StrCat(
          "the server ended the connection to its admin socket before it "
          "answered; either it stops, or more connections than it takes at "
          "once "
          "are opened there: try again (",
          status.message(), ")"));
    case absl::StatusCode::kInvalidArgument:
      // It is told in one line, with nothing else done to it.
      return absl::InvalidArgumentError(OneLine(status.message()));
    default:
      return status;
  }
}

}  // namespace pinion::cli
