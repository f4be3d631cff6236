// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/base/patient_write.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace pinion {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// Keeps the SIGPIPE of a write from the process, whatever that does with it.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &sigpipe_, &mask_);
  }
  ~WithoutSigpipe() {
    // A write's comes to its own thread, and waits there.
    constexpr timespec kNoWait = {};
    while (!was_pending_ && sigtimedwait(&sigpipe_, nullptr, &kNoWait) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;

 private:
  sigset_t sigpipe_;
  sigset_t mask_;
  bool was_pending_;
};

// Whether `descriptor` takes PIPE_BUF bytes now, or a write fails at once.
bool AwaitRoom(int descriptor, steady_clock::time_point begun,
               nanoseconds patience) {
  for (;;) {
    const nanoseconds left = patience - (steady_clock::now() - begun);
    const auto wait = std::clamp(std::chrono::ceil<milliseconds>(left),
                                 milliseconds(0), milliseconds(60'000));
    pollfd room = {.fd = descriptor, .events = POLLOUT, .revents = 0};
    const int found = poll(&room, 1, static_cast<int>(wait.count()));
    if (found > 0) return true;
    if (found < 0 && errno != EINTR) return false;
    if (left <= nanoseconds(0)) return false;
  }
}

}  // namespace

bool WriteWithin(int descriptor, absl::string_view text, nanoseconds patience) {
  const WithoutSigpipe without_sigpipe;
  const auto begun = steady_clock::now();
  while (!text.empty()) {
    if (!AwaitRoom(descriptor, begun, patience)) return false;
    const ssize_t written =
        write(descriptor, text.data(), std::min<size_t>(text.size(), PIPE_BUF));
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      return false;
    }
  }
  return true;
}

}  // namespace pinion
