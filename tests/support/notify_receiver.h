// SPDX-License-Identifier: Apache-2.0
//
// NotifyReceiver: stands for systemd: a socket that receives what a service
// says of itself.
//
// Threads: one at a time.
// Example: NotifyReceiver systemd;
//          setenv("NOTIFY_SOCKET", systemd.address().c_str(), 1);
//          EXPECT_THAT(systemd.Await("READY=1"), HasSubstr("STATUS="));
#ifndef PINION_TESTS_SUPPORT_NOTIFY_RECEIVER_H_
#define PINION_TESTS_SUPPORT_NOTIFY_RECEIVER_H_

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace pinion::testing {

class NotifyReceiver {
 public:
  // With an abstract name, or at `path`, whose file it removes at its end.
  explicit NotifyReceiver(std::string path = "") : path_(std::move(path)) {
    static std::atomic<int> made{0};
    address_ = path_.empty()
                   ? absl::StrCat("@pinion-notify-", getpid(), "-", ++made)
                   : path_;
    sockaddr_un name = {};
    name.sun_family = AF_UNIX;
    EXPECT_LT(address_.size(), sizeof(name.sun_path));
    address_.copy(name.sun_path, address_.size());
    if (path_.empty()) name.sun_path[0] = '\0';
    const size_t size = offsetof(sockaddr_un, sun_path) + address_.size();
    EXPECT_EQ(bind(descriptor_, reinterpret_cast<sockaddr*>(&name),
                   static_cast<socklen_t>(size)),
              0);
  }
  ~NotifyReceiver() {
    close(descriptor_);
    if (!path_.empty()) unlink(path_.c_str());
  }
  NotifyReceiver(const NotifyReceiver&) = delete;
  NotifyReceiver& operator=(const NotifyReceiver&) = delete;

  // The value of NOTIFY_SOCKET.
  const std::string& address() const { return address_; }

  // Waits for the next message.
  std::string Next() {
    std::optional<std::string> message = Receive(0);
    return message.has_value() ? *message : "";
  }

  // The next message, if it is there.
  std::optional<std::string> TryNext() { return Receive(MSG_DONTWAIT); }

  // Waits for a message that has `line` as one of its lines.
  std::string Await(absl::string_view line) {
    for (;;) {
      std::string message = Next();
      if (absl::StrContains(absl::StrCat("\n", message, "\n"),
                            absl::StrCat("\n", line, "\n"))) {
        return message;
      }
    }
  }

 private:
  std::optional<std::string> Receive(int flags) {
    char text[4096];
    const ssize_t size = recv(descriptor_, text, sizeof(text), flags);
    if (size < 0) return std::nullopt;
    return std::string(text, static_cast<size_t>(size));
  }

  const std::string path_;
  std::string address_;
  const int descriptor_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_NOTIFY_RECEIVER_H_
