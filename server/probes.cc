// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/probes.h"

#include <atomic>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/core/base/check.h"
#include "pinion/core/run_record.h"
#include "pinion/core/scheduler.h"
#include "pinion/server/health.h"
#include "pinion/server/hosting.h"
#include "pinion/server/http/http_answer.h"
#include "pinion/server/http/http_listener.h"
#include "pinion/server/http/http_options.h"
#include "pinion/server/http/http_request.h"
#include "pinion/server/listener/listen_address.h"
#include "pinion/server/listener/listening_sockets.h"

namespace pinion {
namespace {

// How long `worker` has been in what it runs now; zero if it runs nothing.
absl::Duration RunsFor(const Scheduler& scheduler, int worker) {
  const std::optional<RunRecord::Run> run = scheduler.running(worker).Look();
  if (!run.has_value()) return absl::ZeroDuration();
  const Clock& clock = scheduler.clock();
  return absl::Nanoseconds(
      static_cast<int64_t>(clock.TicksToNanos(clock.Ticks() - run->begun)));
}

bool AllAreHeld(const Scheduler& scheduler) {
  for (int i = 0; i < scheduler.worker_count(); ++i) {
    if (RunsFor(scheduler, i) < Probes::kHeld) return false;
  }
  return true;
}

HttpAnswer Tell(bool good) {
  return good ? HttpAnswer{.status = 200, .text = "ok\n"}
              : HttpAnswer{.status = 503, .text = "unavailable\n"};
}

}  // namespace

class Probes::Impl {
 public:
  explicit Impl(std::string probe_listen)
      : probe_listen_(std::move(probe_listen)) {}

  absl::Status Start() {
    PINION_CHECK(!listener_.has_value(), "probes start once");
    absl::Status status = Check(probe_listen_);
    if (!status.ok()) return status;
    auto sockets = ListeningSockets::Open(probe_listen_, {});
    if (!sockets.ok()) {
      return absl::Status(
          sockets.status().code(),
          absl::StrCat("probe_listen: ", sockets.status().message()));
    }
    address_ = WithPort(probe_listen_, sockets->port());
    listener_.emplace(
        *std::move(sockets),
        [this](const HttpRequest& request) { return Answer(request.path()); },
        HttpOptions{.thread_name = "pinion-probes"});
    return listener_->Start();
  }

  void SetStarted(Hosting& hosting) {
    // Release, with the acquire in Answer(): it sees the started hosting.
    hosting_.store(&hosting, std::memory_order_release);
  }

  void Stop() {
    if (listener_.has_value()) listener_->Stop();
  }

  const std::string& address() const { return address_; }

 private:
  // On the listener's thread. It waits for nobody: a worker's run is an atomic,
  // and health has a lock that is held for a few instructions.
  HttpAnswer Answer(absl::string_view path) const {
    Hosting* const hosting = hosting_.load(std::memory_order_acquire);
    const bool started = hosting != nullptr;
    if (path == "/startupz") return Tell(started);
    if (path == "/readyz") return Tell(started && IsReady(*hosting));
    if (path == "/healthz") return Tell(!started || IsAlive(*hosting));
    return {.status = 404, .text = "unknown\n"};
  }

  static bool IsReady(Hosting& hosting) {
    return hosting.health().Of("") == HealthStatus::kServing;
  }

  // A stop ends by itself, and its grace is the handlers'.
  static bool IsAlive(Hosting& hosting) {
    return hosting.health().stopping() || !AllAreHeld(hosting.scheduler());
  }

  const std::string probe_listen_;
  std::string address_;
  std::atomic<Hosting*> hosting_{nullptr};
  std::optional<HttpListener> listener_;
};

Probes::Probes(std::string probe_listen)
    : impl_(std::make_unique<Impl>(std::move(probe_listen))) {}

Probes::~Probes() = default;

absl::Status Probes::Check(absl::string_view probe_listen) {
  if (IsLocalAddress(probe_listen).ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("probe_listen is \"", probe_listen,
                   "\"; valid are host:port with a port of 0 to 65535, "
                   "[ipv6]:port, and unix:path"));
}

absl::Status Probes::Start() { return impl_->Start(); }

void Probes::SetStarted(Hosting& hosting) { impl_->SetStarted(hosting); }

void Probes::Stop() { impl_->Stop(); }

const std::string& Probes::address() const { return impl_->address(); }

}  // namespace pinion
