// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/terminal.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace pinion::cli {
namespace {

// The alternate screen, without a cursor, and lines that end at the edge
// instead of going on below.
constexpr absl::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr absl::string_view kLeave = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";

constexpr int kCrashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

// What Leave() restores; also a handler of signals, which finds nothing else.
termios before;
volatile std::sig_atomic_t is_taken = 0;

bool WriteAll(absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// Safe in a handler of signals.
void Restore() {
  if (is_taken == 0) return;
  is_taken = 0;
  (void)WriteAll(kLeave);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
}

// The signal has its usual effect from here on (SA_RESETHAND).
void RestoreAndCrash(int signal) {
  Restore();
  raise(signal);
}

absl::string_view StyleOf(TopLine::Kind kind) {
  switch (kind) {
    case TopLine::kTitle:
      return "\x1b[7m";
    case TopLine::kHeading:
      return "\x1b[1m";
    case TopLine::kAlarm:
      return "\x1b[1;31m";
    case TopLine::kPlain:
      break;
  }
  return "";
}

}  // namespace

bool Terminal::IsThere() {
  const char* const name = std::getenv("TERM");
  return isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0 &&
         name != nullptr && absl::string_view(name) != "dumb" &&
         absl::string_view(name) != "";
}

TopSize Terminal::size() const {
  constexpr TopSize kUsual = {.width = 80, .height = 24};
  winsize found = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &found) != 0 || found.ws_col == 0 ||
      found.ws_row == 0) {
    return kUsual;
  }
  return {.width = found.ws_col, .height = found.ws_row};
}

bool Terminal::Draw(const std::vector<TopLine>& lines) {
  std::string text = "\x1b[H";  // To the beginning, with nothing erased yet.
  for (const TopLine& line : lines) {
    if (&line != &lines.front()) absl::StrAppend(&text, "\r\n");
    absl::StrAppend(&text, StyleOf(line.kind), line.text, "\x1b[0m\x1b[K");
  }
  absl::StrAppend(&text, "\x1b[J");
  return WriteAll(text);
}

void Terminal::Leave() {
  Restore();
  for (const int signal : kCrashes) std::signal(signal, SIG_DFL);
}

void Terminal::Enter() {
  if (tcgetattr(STDIN_FILENO, &before) != 0) return;
  struct sigaction crash = {};
  crash.sa_handler = RestoreAndCrash;
  // To be raised within the handler.
  crash.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int signal : kCrashes) sigaction(signal, &crash, nullptr);
  termios keys = before;
  // Keys come at once and are not shown. Ctrl-C and Ctrl-Z stay signals.
  keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  keys.c_cc[VMIN] = 1;
  keys.c_cc[VTIME] = 0;
  is_taken = 1;
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &keys);
  (void)WriteAll(kEnter);
}

}  // namespace pinion::cli
