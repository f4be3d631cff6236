// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/support/freezable_relay.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace pinion::testing {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

void DoNotBlock(int socket) {
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
}

bool WouldBlock() { return errno == EAGAIN || errno == EINTR; }

}  // namespace

FreezableRelay::FreezableRelay(int server_port)
    : server_port_(server_port),
      listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(listener_, any, size), 0);
  EXPECT_EQ(listen(listener_, SOMAXCONN), 0);
  EXPECT_EQ(getsockname(listener_, any, &size), 0);
  EXPECT_EQ(pipe2(stop_pipe_, O_CLOEXEC), 0);
  DoNotBlock(listener_);
  address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  thread_ = std::thread([this] { Run(); });
}

FreezableRelay::~FreezableRelay() {
  close(stop_pipe_[1]);
  thread_.join();
  for (Connection& connection : connections_) Close(connection);
  close(stop_pipe_[0]);
  close(listener_);
}

void FreezableRelay::Freeze() {
  std::unique_lock lock(mutex_);
  for (Connection& connection : connections_) connection.frozen = true;
}

int FreezableRelay::connections() {
  std::unique_lock lock(mutex_);
  return come_;
}

void FreezableRelay::AwaitBytesOfServer(int64_t bytes) {
  std::unique_lock lock(mutex_);
  const int64_t awaited = bytes_of_server_ + bytes;
  changed_.wait(lock, [&] { return bytes_of_server_ >= awaited; });
}

void FreezableRelay::Run() {
  while (true) {
    std::vector<pollfd> awaited = {{stop_pipe_[0], POLLIN, 0},
                                   {listener_, POLLIN, 0}};
    const auto add = [&](const Way& way) {
      if (way.bytes.empty()) {
        awaited.push_back({way.from, POLLIN, 0});
      } else {
        awaited.push_back({way.to, POLLOUT, 0});
      }
    };
    {
      std::unique_lock lock(mutex_);
      for (const Connection& connection : connections_) {
        if (connection.frozen) continue;
        add(connection.to_server);
        add(connection.to_client);
      }
    }
    poll(awaited.data(), awaited.size(), -1);
    if (awaited[0].revents != 0) return;
    std::unique_lock lock(mutex_);
    for (Connection& connection : connections_) {
      if (connection.frozen) continue;
      int64_t to_server = 0;
      connection.over = !Pass(connection.to_server, &to_server) ||
                        !Pass(connection.to_client, &bytes_of_server_);
      if (connection.over) Close(connection);
    }
    connections_.remove_if([](const auto& it) { return it.over; });
    Accept();
    changed_.notify_all();
  }
}

void FreezableRelay::Accept() {
  const int client =
      accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) return;
  ++come_;
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(server_port_);
  if (connect(server, reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)) != 0) {
    close(client);
    close(server);
    return;
  }
  DoNotBlock(server);
  connections_.push_back({.to_server = {.from = client, .to = server},
                          .to_client = {.from = server, .to = client}});
}

bool FreezableRelay::Pass(Way& way, int64_t* passed) {
  if (way.bytes.empty()) {
    char bytes[16 << 10];
    const ssize_t come = recv(way.from, bytes, sizeof(bytes), 0);
    if (come <= 0) return come < 0 && WouldBlock();
    way.bytes.assign(bytes, static_cast<size_t>(come));
  }
  const ssize_t sent =
      send(way.to, way.bytes.data(), way.bytes.size(), MSG_NOSIGNAL);
  if (sent < 0) return WouldBlock();
  way.bytes.erase(0, static_cast<size_t>(sent));
  *passed += sent;
  return true;
}

void FreezableRelay::Close(Connection& connection) {
  close(connection.to_server.from);
  close(connection.to_server.to);
}

}  // namespace pinion::testing
