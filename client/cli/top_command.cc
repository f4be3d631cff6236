// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/top_command.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/client/cli/admin_flags.h"
#include "pinion/client/cli/admin_target.h"
#include "pinion/client/cli/clock.h"
#include "pinion/client/cli/common_flags.h"
#include "pinion/client/cli/terminal.h"
#include "pinion/client/cli/top_page.h"
#include "pinion/client/cli/top_reader.h"
#include "pinion/core/base/admin_socket_path.h"
#include "pinion/tools/command_line.h"

namespace pinion::cli {
namespace {

constexpr int kFailed = 1;
constexpr int kEndedBySignal = 128;  // And the signal's number.

// An admin socket answers at once, unless its process is frozen.
constexpr absl::Duration kTimeout = absl::Seconds(2);

// Of a page that is not on a terminal, unless COLUMNS says another.
constexpr int kUsualWidth = 100;
constexpr int kNarrowest = 20;
// Wider than any terminal: a page of a wider one would fill the memory.
constexpr int kWidest = 1000;

constexpr char kUsage[] =
    "usage: pinion top [flags]\n\n"
    "Shows what a server does now, on a page that is drawn anew each "
    "--interval: each worker, what it runs and for how long, how many calls "
    "wait for it; how fast each method is called and answered; what is "
    "refused, and why. The first page has the rates since the server's start. "
    "A worker that one handler has held for too long is marked STALLED. q or "
    "Ctrl-C quits.\n\n"
    "  pinion top\n"
    "  pinion top --once                   one page, after one interval\n"
    "  COLUMNS=60 pinion top --once        in 60 columns\n\n"
    "It asks the server over its admin socket. If the server goes away, it "
    "says so and keeps trying. Without a terminal, or if TERM is dumb, it "
    "prints one page.\n\n"
    "Exit codes: 0 success, 1 the server could not be asked, 2 a mistake in "
    "the arguments, 129 the terminal is gone, 143 SIGTERM ended it.";

std::vector<FlagGroup> FlagGroups() {
  return {{"Server", {"admin"}}, {"Page", {"interval", "once"}}};
}

// --- Without a terminal

// Waits for the answer.
absl::StatusOr<TopReading> Read(TopReader& reader) {
  reader.Ask();
  pollfd ready = {.fd = reader.ready(), .events = POLLIN, .revents = 0};
  for (;;) {
    poll(&ready, 1, -1);
    if (auto reading = reader.Take()) return *std::move(reading);
  }
}

int WidthOfEnvironment() {
  const char* const columns = std::getenv("COLUMNS");
  int width = 0;
  if (columns == nullptr || !absl::SimpleAtoi(columns, &width)) {
    return kUsualWidth;
  }
  return std::clamp(width, kNarrowest, kWidest);
}

int PrintOnce(TopReader& reader, absl::Duration interval) {
  const auto before = Read(reader);
  if (!before.ok()) ExitWith(before.status());
  SteadyClock clock;
  clock.SleepUntil(clock.Now() + absl::ToInt64Nanoseconds(interval));
  const auto now = Read(reader);
  if (!now.ok()) ExitWith(now.status());
  std::string text;
  for (const TopLine& line :
       TopPage(&*before, *now, {.width = WidthOfEnvironment()},
               absl::LocalTimeZone())) {
    absl::StrAppend(&text, line.text, "\n");
  }
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    std::fprintf(stderr, "pinion: the page cannot be written: %s\n",
                 std::strerror(errno));
    return kFailed;
  }
  return 0;
}

// --- On a terminal

// The signals that the page takes, as a descriptor. They are blocked in all
// threads that are started from now on.
class Signals {
 public:
  Signals() {
    sigemptyset(&taken_);
    for (const int signal :
         {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH}) {
      sigaddset(&taken_, signal);
    }
    pthread_sigmask(SIG_BLOCK, &taken_, nullptr);
    descriptor_ = signalfd(-1, &taken_, SFD_CLOEXEC | SFD_NONBLOCK);
    if (descriptor_ >= 0) return;
    // Blocked, nothing but a key would end the page.
    ExitWith(absl::UnavailableError(absl::StrCat(
        "there is no descriptor for the signals: ", std::strerror(errno))));
  }
  ~Signals() {
    close(descriptor_);
    pthread_sigmask(SIG_UNBLOCK, &taken_, nullptr);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int descriptor() const { return descriptor_; }

  // The next one that came; 0: none.
  int Next() {
    signalfd_siginfo info;
    return read(descriptor_, &info, sizeof(info)) == sizeof(info)
               ? static_cast<int>(info.ssi_signo)
               : 0;
  }

 private:
  sigset_t taken_;
  int descriptor_ = -1;
};

class LivePage {
 public:
  LivePage(TopReader& reader, Signals& signals, absl::Duration interval)
      : reader_(reader),
        signals_(signals),
        interval_(absl::ToInt64Nanoseconds(interval)) {}

  // Until it is ended; returns the exit code.
  int Run() {
    reader_.Ask();
    next_ = clock_.Now() + interval_;
    Draw();
    while (!code_.has_value()) {
      Wait();
      TakeSignals();
      TakeKeys();
      TakeReading();
      if (clock_.Now() >= next_) {
        reader_.Ask();  // None while one is open.
        next_ = clock_.Now() + interval_;
      }
    }
    return *code_;
  }

 private:
  void Wait() {
    pollfd events[] = {{STDIN_FILENO, POLLIN, 0},
                       {signals_.descriptor(), POLLIN, 0},
                       {reader_.ready(), POLLIN, 0}};
    constexpr int64_t kMilli = 1'000'000;
    const int64_t wait = (next_ - clock_.Now() + kMilli - 1) / kMilli;
    poll(events, std::size(events),
         static_cast<int>(std::max<int64_t>(wait, 0)));
    has_keys_ = events[0].revents != 0;
  }

  void TakeSignals() {
    while (const int signal = signals_.Next()) {
      switch (signal) {
        case SIGINT:
          code_ = 0;
          break;
        case SIGWINCH:
        case SIGCONT:
          Draw();
          break;
        case SIGTSTP:
          terminal_.Leave();
          raise(SIGSTOP);
          terminal_.Enter();
          Draw();
          break;
        default:
          code_ = kEndedBySignal + signal;
      }
    }
  }

  void TakeKeys() {
    if (!has_keys_) return;
    char keys[64];
    const ssize_t got = read(STDIN_FILENO, keys, sizeof(keys));
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0) code_ = kEndedBySignal + SIGHUP;  // The terminal is gone.
    for (ssize_t i = 0; i < got; ++i) {
      if (keys[i] == 'q' || keys[i] == 'Q') code_ = 0;
    }
  }

  void TakeReading() {
    auto reading = reader_.Take();
    if (!reading.has_value()) return;
    if (reading->ok()) {
      previous_ = std::move(current_);
      current_ = **std::move(reading);
      trouble_ = "";
    } else {
      trouble_ = std::string(reading->status().message());
    }
    Draw();
  }

  void Draw() {
    const TopSize size = terminal_.size();
    const std::vector<TopLine> page =
        current_.has_value()
            ? TopPage(previous_.has_value() ? &*previous_ : nullptr, *current_,
                      size, zone_, trouble_)
            : TopPageWithoutReading(trouble_, size);
    if (!terminal_.Draw(page)) code_ = kEndedBySignal + SIGHUP;
  }

  TopReader& reader_;
  Signals& signals_;
  const int64_t interval_;  // In nanoseconds.
  const absl::TimeZone zone_ = absl::LocalTimeZone();

  Terminal terminal_;
  std::optional<TopReading> previous_;
  std::optional<TopReading> current_;
  std::string trouble_;
  // By it the page is drawn also if somebody sets the machine's time.
  SteadyClock clock_;
  int64_t next_ = 0;  // When it asks again.
  bool has_keys_ = false;
  std::optional<int> code_;
};

}  // namespace

int TopCommand(int argc, char** argv) {
  // The first word is the command.
  const std::vector<std::string> words =
      ParseCommandLine(argc, argv, kUsage, FlagGroups());
  if (words.size() > 1) {
    ExitWithUsageError("top takes no arguments but flags; --help lists them");
  }
  const absl::Duration interval = IntervalFlag();
  // A server that is not there from the start is a mistake, or another's.
  const auto found = AdminTarget(AdminFlag(), AdminSocketPlaces::Ours());
  if (!found.ok()) ExitWith(found.status());
  if (OnceFlag() || !Terminal::IsThere()) {
    TopReader reader(AdminFlag(), kTimeout);
    return PrintOnce(reader, interval);
  }
  // Before the client's threads.
  Signals signals;
  TopReader reader(AdminFlag(), kTimeout);
  return LivePage(reader, signals, interval).Run();
}

}  // namespace pinion::cli
