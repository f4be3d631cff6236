// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/systemd.h"

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/core/monotonic_nanos.h"
#include "pinion/server/hosting.h"
#include "pinion/server/log.h"
#include "pinion/server/log/server_log.h"
#include "pinion/server/systemd/notify_loop.h"
#include "pinion/server/systemd/notify_socket.h"
#include "pinion/server/systemd/watchdog_time.h"

namespace pinion {
namespace {

// More than a terminal shows of it.
constexpr size_t kMaxStatusBytes = 512;

void Warn(absl::string_view message) {
  ProcessLog().Write({.level = LogLevel::kWarning,
                      .area = LogArea::kSystemd,
                      .event = "bad_environment",
                      .message = std::string(message)});
}

std::unique_ptr<NotifyLoop> StartLoop() {
  const char* const address = std::getenv("NOTIFY_SOCKET");
  if (address == nullptr || *address == '\0') return nullptr;
  auto socket = NotifySocket::Open(address);
  if (!socket.ok()) {
    Warn(socket.status().message());
    return nullptr;
  }
  auto watchdog = ReadWatchdogTime(std::getenv("WATCHDOG_USEC"),
                                   std::getenv("WATCHDOG_PID"), getpid());
  if (!watchdog.ok()) {
    Warn(watchdog.status().message());
    watchdog = std::nullopt;
  }
  auto loop = std::make_unique<NotifyLoop>(
      *std::move(socket), NotifyOptions{.watchdog = *watchdog});
  loop->Start();
  return loop;
}

// A message has a line for each thing that it says.
std::string StatusLine(absl::string_view status) {
  std::string line = absl::StrCat("STATUS=", status.substr(0, kMaxStatusBytes));
  for (char& c : line) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return line;
}

}  // namespace

SystemdNotifier::SystemdNotifier() : loop_(StartLoop()) {}

SystemdNotifier::~SystemdNotifier() = default;

void SystemdNotifier::Started(Hosting& hosting, absl::string_view status) {
  if (loop_ == nullptr) return;
  loop_->Say(absl::StrCat("READY=1\n", StatusLine(status)));
  loop_->BeatWhile([&hosting] { return hosting.CountBeats() > 0; });
}

void SystemdNotifier::Reloading() {
  if (loop_ == nullptr) return;
  // systemd tells by the time whether a reload is the one that it asked for.
  loop_->Say(absl::StrCat("RELOADING=1\nMONOTONIC_USEC=",
                          MonotonicNanos() / 1000, "\nSTATUS=reloading"));
}

void SystemdNotifier::Reloaded(absl::string_view status) {
  if (loop_ == nullptr) return;
  loop_->Say(absl::StrCat("READY=1\n", StatusLine(status)));
}

void SystemdNotifier::Stopping() {
  if (loop_ == nullptr) return;
  loop_->Say("STOPPING=1\nSTATUS=stopping");
  loop_->BeatAlways();
}

void SystemdNotifier::SetStatus(absl::string_view status) {
  if (loop_ != nullptr) loop_->Say(StatusLine(status));
}

}  // namespace pinion
