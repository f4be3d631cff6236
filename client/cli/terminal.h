// SPDX-License-Identifier: Apache-2.0
//
// Terminal: the terminal of standard input and output as one page that is drawn
//           again and again: the alternate screen, keys that come at once and
//           are not shown.
//
// Threads: one thread; one Terminal at a time.
// Life:    the destructor restores what was there. A signal that ends the
//          program by a crash restores it, too; those that end it otherwise are
//          the caller's to take (top_command.cc).
// Example: if (!Terminal::IsThere()) return PrintOnce();
//          Terminal terminal;
//          terminal.Draw(TopPage(..., terminal.size(), ...));
#ifndef PINION_CLIENT_CLI_TERMINAL_H_
#define PINION_CLIENT_CLI_TERMINAL_H_

#include <vector>

#include "pinion/client/cli/top_page.h"

namespace pinion::cli {

class Terminal {
 public:
  // Whether standard input and output are a terminal that can move its cursor.
  static bool IsThere();

  Terminal() { Enter(); }
  ~Terminal() { Leave(); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  TopSize size() const;

  // Shows these lines and nothing else. Returns false if the terminal is gone.
  bool Draw(const std::vector<TopLine>& lines);

  // Restores the terminal, for example to be stopped; takes it once more.
  void Leave();
  void Enter();
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_TERMINAL_H_
