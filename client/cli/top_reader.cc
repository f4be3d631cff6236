// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/top_reader.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "pinion/client/cli/admin_connection.h"
#include "pinion/client/cli/admin_methods.h"
#include "pinion/client/cli/admin_target.h"
#include "pinion/core/base/admin_socket_path.h"
#include "pinion/core/base/check.h"

namespace pinion::cli {

TopReader::TopReader(std::string admin, absl::Duration timeout)
    : admin_(std::move(admin)),
      timeout_(timeout),
      ready_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  PINION_CHECK(ready_ >= 0, "no descriptor is left");
}

TopReader::~TopReader() {
  client_.reset();  // After it nobody rings.
  close(ready_);
}

absl::Status TopReader::Connect() {
  if (client_ != nullptr) return absl::OkStatus();
  const auto target = AdminTarget(admin_, AdminSocketPlaces::Ours());
  if (!target.ok()) return target.status();
  client_ = ConnectToAdmin(*target);
  return absl::OkStatus();
}

void TopReader::Ask() {
  if (is_open_) return;
  is_open_ = true;
  const absl::Status connected = Connect();
  {
    MutexLock lock(mutex_);
    open_ = {};
    if (!connected.ok()) open_ = {.status = connected, .missing = 0};
  }
  if (!connected.ok()) {
    eventfd_write(ready_, 1);
    return;
  }
  const CallOptions options = {.timeout = timeout_};
  client_->Start(
      admin::kGetInfo, admin::v1::GetInfoRequest(), options,
      [this](const absl::StatusOr<admin::v1::GetInfoResponse>& info) {
        Arrive(info, &TopReading::info);
      });
  client_->Start(
      admin::kGetState, admin::v1::GetStateRequest(), options,
      [this](const absl::StatusOr<admin::v1::GetStateResponse>& state) {
        Arrive(state, &TopReading::state);
      });
}

template <typename Response>
void TopReader::Arrive(const absl::StatusOr<Response>& response,
                       Response TopReading::*into) {
  {
    MutexLock lock(mutex_);
    if (response.ok()) {
      open_.reading.*into = *response;
    } else {
      open_.status.Update(response.status());
    }
    if (--open_.missing > 0) return;
  }
  eventfd_write(ready_, 1);
}

std::optional<absl::StatusOr<TopReading>> TopReader::Take() {
  eventfd_t rung;
  if (!is_open_ || eventfd_read(ready_, &rung) != 0) return std::nullopt;
  is_open_ = false;
  Open taken;
  {
    MutexLock lock(mutex_);
    std::swap(taken, open_);
  }
  if (taken.status.ok()) return std::move(taken.reading);
  client_.reset();
  return AdminError(taken.status);
}

}  // namespace pinion::cli
