// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/admin/admin_service.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/thread_without_signals.h"
#include "pinion/server/listener/accept_shortage.h"

namespace pinion {
namespace {

constexpr size_t kReadAtOnce = 16 * 1024;

// The places in polled_; the connections' follow, in their order.
constexpr size_t kBell = 0;
constexpr size_t kListener = 1;
constexpr size_t kFirstConnection = 2;

bool MayCall(const UnixPeer& peer) {
  return peer.user == 0 || peer.user == geteuid();
}

}  // namespace

AdminService::AdminService(std::string path, AdminSource& source,
                           const Clock& clock)
    : path_(std::move(path)), clock_(clock), methods_(source) {}

absl::Status AdminService::Start() {
  auto socket = AdminSocket::Open(path_);
  if (!socket.ok()) return socket.status();
  bell_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (bell_ < 0) {
    return absl::UnavailableError(absl::StrCat(
        "there is no descriptor for the admin socket: ", std::strerror(errno)));
  }
  socket_ = *std::move(socket);
  thread_ = ThreadWithoutSignals([this] {
    pthread_setname_np(pthread_self(), "pinion-tool");
    thread_role_.Claim();
    Run();
  });
  return absl::OkStatus();
}

void AdminService::Stop() {
  if (thread_.joinable()) {
    eventfd_write(bell_, 1);
    thread_.join();
  }
  if (bell_ >= 0) close(bell_);
  bell_ = -1;
  socket_.Close();
}

void AdminService::Run() {
  while (Sleep()) {
    // The new ones have no place in polled_ yet.
    size_t place = kFirstConnection;
    for (Connection& connection : connections_) {
      Serve(connection, polled_[place++].revents);
    }
    EndOverdue();
    if (polled_[kListener].revents != 0) Accept();
    RemoveClosed();
  }
  for (Connection& connection : connections_) connection.closed = true;
  RemoveClosed();
}

bool AdminService::Sleep() {
  const auto poll_for = [this](int descriptor, int events) {
    thread_role_.Assert();
    polled_.push_back(
        {.fd = descriptor, .events = static_cast<short>(events), .revents = 0});
  };
  const int millis = SleepMillis();
  polled_.clear();
  poll_for(bell_, POLLIN);
  // Without descriptors, connections that wait must not wake it.
  poll_for(paused_until_.has_value() ? -1 : socket_.descriptor(), POLLIN);
  for (Connection& connection : connections_) {
    const size_t unsent = connection.grpc.Unsent().size();
    // It takes no more requests than it can answer.
    const bool reads = unsent < GrpcConnection::kUnsentBytes;
    poll_for(connection.descriptor,
             (reads ? POLLIN : 0) | (unsent != 0 ? POLLOUT : 0));
  }
  poll(polled_.data(), polled_.size(), millis);
  if (paused_until_.has_value() && clock_.Now() >= *paused_until_) {
    paused_until_.reset();
  }
  return polled_[kBell].revents == 0;
}

int AdminService::SleepMillis() {
  std::optional<Moment> until = paused_until_;
  for (const Connection& connection : connections_) {
    const std::optional<Moment> overdue = connection.grpc.overdue_at();
    if (overdue.has_value() && (!until.has_value() || *overdue < *until)) {
      until = overdue;
    }
  }
  if (!until.has_value()) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(*until - clock_.Now());
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

void AdminService::Serve(Connection& connection, short events) {
  if ((events & POLLIN) != 0) {
    Read(connection);
  } else if ((events & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
    connection.closed = true;
  }
  if (!connection.closed) Write(connection);
}

void AdminService::Read(Connection& connection) {
  std::array<char, kReadAtOnce> bytes;
  const ssize_t size =
      recv(connection.descriptor, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (size > 0) {
    connection.heard = ++turns_;
    connection.grpc.Receive({bytes.data(), static_cast<size_t>(size)});
  } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
    connection.closed = true;
  }
}

void AdminService::Write(Connection& connection) {
  const absl::string_view unsent = connection.grpc.Unsent();
  if (!unsent.empty()) {
    const ssize_t size = send(connection.descriptor, unsent.data(),
                              unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size >= 0) {
      connection.grpc.Sent(static_cast<size_t>(size));
    } else if (errno != EAGAIN && errno != EINTR) {
      connection.closed = true;
    }
  }
  if (connection.grpc.over()) connection.closed = true;
}

void AdminService::EndOverdue() {
  const Moment now = clock_.Now();
  for (Connection& connection : connections_) {
    const std::optional<Moment> overdue = connection.grpc.overdue_at();
    if (overdue.has_value() && *overdue <= now) connection.closed = true;
  }
}

void AdminService::RemoveClosed() {
  connections_.remove_if([](const Connection& connection) {
    if (connection.closed) close(connection.descriptor);
    return connection.closed;
  });
}

void AdminService::Accept() {
  for (int i = 0; i < kAcceptedAtOnce; ++i) {
    const int descriptor = accept4(socket_.descriptor(), nullptr, nullptr,
                                   SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      Add(descriptor);
    } else if (IsShortage(errno)) {
      // Only the first error tells that a connection waits.
      if (i == 0) {
        EndMostSilent();
        paused_until_ = clock_.Now() + kAcceptPause;
      }
      return;
    } else if (errno == EAGAIN) {
      return;
    }
    // Otherwise that one connection was lost before it was accepted.
  }
}

void AdminService::Add(int descriptor) {
  const auto peer = PeerOf(descriptor);
  // First: whoever may not call ends no connection of those who may.
  if (!peer.ok() || !MayCall(*peer)) {
    close(descriptor);
    return;
  }
  // Time may have passed since the others of this turn were accepted.
  EndOverdue();
  RemoveClosed();
  if (connections_.size() >= kMostConnections) EndMostSilent();
  connections_.emplace_back(
      descriptor,
      [this, who = peer->ToString()](absl::string_view path,
                                     absl::string_view request) {
        return methods_.Call(path, request, who);
      },
      clock_);
  connections_.back().heard = ++turns_;
}

void AdminService::EndMostSilent() {
  RemoveClosed();
  const auto silent = std::min_element(
      connections_.begin(), connections_.end(),
      [](const auto& a, const auto& b) { return a.heard < b.heard; });
  if (silent == connections_.end()) return;
  silent->closed = true;
  RemoveClosed();
}

}  // namespace pinion
