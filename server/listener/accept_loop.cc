// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/listener/accept_loop.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/core/base/duration_text.h"
#include "pinion/server/listener/accept_shortage.h"
#include "pinion/server/listener/last_files.h"
#include "pinion/server/log/server_log.h"

namespace pinion {
namespace {

// From one socket, before it looks at the others, and whether to end.
constexpr int kAcceptedAtOnce = 64;

// What accept() says of a connection that was lost, or of one that a firewall
// forbids, before it could be accepted. The next is not concerned.
bool ConcernsOneConnection(int error) {
  switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
      return true;
    default:
      return false;
  }
}

std::string ToText(std::chrono::nanoseconds span) {
  return DurationText(absl::FromChrono(span));
}

}  // namespace

AcceptLoop::AcceptLoop(ListeningSockets sockets, AcceptOptions options,
                       Take take)
    : options_(std::move(options)),
      take_(std::move(take)),
      connections_(options_.limits),
      sockets_(std::move(sockets)) {}

AcceptLoop::~AcceptLoop() { Stop(); }

absl::Status AcceptLoop::Start() {
  bell_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (bell_ < 0) {
    return absl::UnavailableError(absl::StrCat(
        "there is no descriptor for an eventfd: ", std::strerror(errno)));
  }
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "pinion-accept");
    accept_thread_.Claim();
    Run();
  });
  return absl::OkStatus();
}

void AcceptLoop::Stop() {
  if (thread_.joinable()) {
    eventfd_write(bell_, 1);
    thread_.join();
    close(bell_);
  }
  sockets_.Close();
}

void AcceptLoop::Run() {
  polled_.push_back({.fd = bell_, .events = POLLIN, .revents = 0});
  for (const int listener : sockets_.descriptors()) {
    polled_.push_back({.fd = listener, .events = POLLIN, .revents = 0});
  }
  while (Sleep()) {
    AcceptFromAll();
    SayWhatIsOver();
  }
}

bool AcceptLoop::Sleep() {
  // While it is paused, sockets that have connections must not wake it.
  const size_t polled = paused_until_.has_value() ? 1 : polled_.size();
  poll(polled_.data(), polled, SleepMillis());
  return polled_[0].revents == 0;
}

int AcceptLoop::SleepMillis() const {
  std::optional<Moment> until = paused_until_;
  for (const Episode* episode : {&pauses_, &refusals_}) {
    const std::optional<Moment> end = episode->ends_at();
    if (end.has_value() && (!until.has_value() || *end < *until)) until = end;
  }
  if (!until.has_value()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(
      *until - options_.clock.Now());
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

void AcceptLoop::AcceptFromAll() {
  if (paused_until_.has_value()) {
    if (options_.clock.Now() < *paused_until_) return;
    paused_until_.reset();
    if (OnlyLastFilesAreFree(bell_)) return Pause(EMFILE);
  }
  for (size_t i = 1; i < polled_.size() && !paused_until_.has_value(); ++i) {
    AcceptFrom(polled_[i].fd);
  }
}

void AcceptLoop::AcceptFrom(int listener) {
  for (int i = 0; i < kAcceptedAtOnce; ++i) {
    SocketAddress peer;
    const int descriptor =
        accept4(listener, peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      Receive(descriptor, listener, peer);
      // It has taken one of the last: leave the others.
      if (IsAmongLastFiles(descriptor)) return Pause(EMFILE);
    } else if (errno == EAGAIN) {
      return;
    } else if (!ConcernsOneConnection(errno)) {
      return Pause(errno);
    }
  }
}

void AcceptLoop::Receive(int descriptor, int listener,
                         const SocketAddress& peer) {
  const Moment now = options_.clock.Now();
  const auto outcome =
      connections_.Add(descriptor, GroupOf(peer, options_.proxies), now);
  if (outcome == OpenConnections::Outcome::kRoom) {
    take_(descriptor, listener);
    return;
  }
  close(descriptor);
  if (!refusals_.Note(now)) return;
  const ConnectionLimits limits = connections_.limits();
  Log(options_.log,
      {.level = LogLevel::kWarning,
       .area = LogArea::kListener,
       .event = "connections_refused",
       .message =
           outcome == OpenConnections::Outcome::kFull
               ? absl::StrCat("max_connections, ", limits.in_all,
                              ", are open: new ones are closed at once")
               : absl::StrCat(
                     "max_connections_per_address, ", limits.per_group,
                     ", are open of ", ToString(peer),
                     " or its network: its new ones are closed at once")});
}

void AcceptLoop::Pause(int error) {
  const Moment now = options_.clock.Now();
  paused_until_ = now + kAcceptPause;
  if (pauses_.Note(now)) Log(options_.log, WhyPaused(error));
}

LogRecord AcceptLoop::WhyPaused(int error) {
  LogRecord record = {.level = LogLevel::kError, .area = LogArea::kListener};
  if (error == EMFILE) {
    record.event = "files_ran_out";
    record.message = absl::StrCat(
        "open files run out: the process may have ", MaxFiles(), ", and ",
        connections_.Counts().open,
        " connections are open; new ones wait. Raise the limit (ulimit -n), or "
        "set max_connections well below it");
  } else {
    record.event = "accept_failed";
    record.message = absl::StrCat(
        "cannot accept connections: ", std::strerror(error), "; new ones wait");
  }
  return record;
}

void AcceptLoop::SayWhatIsOver() {
  const Moment now = options_.clock.Now();
  if (pauses_.EndBy(now)) {
    Log(options_.log,
        {.area = LogArea::kListener,
         .event = "accepting_again",
         .message = absl::StrCat("connections are accepted again; for ",
                                 ToText(pauses_.lasted()), " they waited")});
  }
  if (refusals_.EndBy(now)) {
    Log(options_.log,
        {.area = LogArea::kListener,
         .event = "refusals_over",
         .message = absl::StrCat(
             refusals_.times(), " connections were refused within ",
             ToText(refusals_.lasted()), ", and none since for ",
             ToText(Episode::kCalm))});
  }
}

}  // namespace pinion
