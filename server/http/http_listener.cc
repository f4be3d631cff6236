// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/http/http_listener.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/core/base/thread_without_signals.h"
#include "pinion/server/listener/accept_shortage.h"
#include "pinion/server/listener/socket_address.h"

namespace pinion {
namespace {

// The places in polled_; the one between is of the open connections.
constexpr size_t kBell = 0;
constexpr size_t kFirstListener = 2;

}  // namespace

HttpListener::HttpListener(ListeningSockets sockets,
                           HttpConnections::Answer answer, HttpOptions options,
                           const Clock& clock)
    : clock_(clock),
      thread_name_(options.thread_name),
      sockets_(std::move(sockets)) {
  connections_.emplace(std::move(answer), std::move(options), clock);
}

absl::Status HttpListener::Start() {
  if (!connections_->ok()) {
    // libmicrohttpd does not say which.
    return absl::UnavailableError(
        absl::StrCat("there is no descriptor or no memory for ", thread_name_,
                     ", or GnuTLS does not take its certificate"));
  }
  bell_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (bell_ < 0) {
    return absl::UnavailableError(absl::StrCat("there is no descriptor for ",
                                               thread_name_, ": ",
                                               std::strerror(errno)));
  }
  thread_ = ThreadWithoutSignals([this] {
    pthread_setname_np(pthread_self(), thread_name_.c_str());
    listener_thread_.Claim();
    Run();
  });
  return absl::OkStatus();
}

void HttpListener::Stop() {
  if (thread_.joinable()) {
    eventfd_write(bell_, 1);
    thread_.join();
  }
  if (bell_ >= 0) close(bell_);
  bell_ = -1;
  connections_.reset();
  sockets_.Close();
}

void HttpListener::Run() {
  const auto add = [this](int descriptor) {
    listener_thread_.Assert();
    polled_.push_back({.fd = descriptor, .events = POLLIN, .revents = 0});
  };
  add(bell_);
  add(connections_->descriptor());
  for (const int listener : sockets_.descriptors()) add(listener);
  std::optional<Moment> until;
  while (Sleep(until)) {
    AcceptFromAll();
    until = connections_->Serve();
    if (paused_until_.has_value() &&
        (!until.has_value() || *paused_until_ < *until)) {
      until = paused_until_;
    }
  }
}

bool HttpListener::Sleep(std::optional<Moment> until) {
  int millis = -1;
  if (until.has_value()) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(*until - clock_.Now());
    millis = static_cast<int>(std::max<int64_t>(left.count(), 0));
  }
  // While it is paused, connections that wait must not wake it.
  const size_t polled =
      paused_until_.has_value() ? kFirstListener : polled_.size();
  for (pollfd& one : polled_) one.revents = 0;
  poll(polled_.data(), polled, millis);
  return polled_[kBell].revents == 0;
}

void HttpListener::AcceptFromAll() {
  if (paused_until_.has_value()) {
    if (clock_.Now() < *paused_until_) return;
    paused_until_.reset();
  }
  for (size_t i = kFirstListener; i < polled_.size(); ++i) {
    if (polled_[i].revents != 0) AcceptFrom(polled_[i].fd);
  }
}

void HttpListener::AcceptFrom(int listener) {
  for (int i = 0; i < kAcceptedAtOnce; ++i) {
    SocketAddress peer;
    const int descriptor =
        accept4(listener, peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      connections_->Add(descriptor, peer);
    } else if (IsShortage(errno)) {
      // Only the first error tells that a connection waits.
      if (i == 0) MakeRoom();
      return;
    } else if (errno == EAGAIN) {
      return;
    }
    // Otherwise that one connection was lost before it was accepted.
  }
}

void HttpListener::MakeRoom() {
  connections_->EndOldest();
  paused_until_ = clock_.Now() + kAcceptPause;
}

}  // namespace pinion
