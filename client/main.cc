// SPDX-License-Identifier: Apache-2.0
//
// pinion: calls and measures a server from the command line, and shows what it
// does. The commands are in client/cli.
//
// Exit codes: the command's; 2 for a mistake in the arguments.
#include <fcntl.h>
#include <google/protobuf/stubs/logging.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "pinion/client/cli/admin_commands.h"
#include "pinion/client/cli/bench_command.h"
#include "pinion/client/cli/call_command.h"
#include "pinion/client/cli/list_command.h"
#include "pinion/client/cli/top_command.h"
#include "pinion/tools/command_line.h"

namespace {

struct Command {
  absl::string_view name;
  absl::string_view about;
  int (*run)(int argc, char** argv);
};

constexpr Command kCommands[] = {
    {"call", "calls a method: JSON in, JSON out", pinion::cli::CallCommand},
    {"bench", "measures how fast a method answers, at which rate",
     pinion::cli::BenchCommand},
    {"list", "shows the methods and messages of a server",
     pinion::cli::ListCommand},
    {"top", "shows what a server does now, on a page", pinion::cli::TopCommand},
    {"info", "shows who a server is, and whether it is healthy",
     pinion::cli::InfoCommand},
    {"why", "says what a call of one key meets now", pinion::cli::WhyCommand},
    {"slow", "shows the slowest calls", pinion::cli::SlowCommand},
    {"hot", "shows the keys with the most calls and time",
     pinion::cli::HotCommand},
    {"stalls", "shows handlers that held a worker, and their stacks",
     pinion::cli::StallsCommand},
    {"sessions", "shows the open sessions, and what they hold",
     pinion::cli::SessionsCommand},
    {"config", "shows the settings, and where each is from",
     pinion::cli::ConfigCommand},
    {"set", "changes a setting of the running server", pinion::cli::SetCommand},
};

std::string Usage() {
  std::string usage = "usage: pinion COMMAND [arguments] [flags]\n\n";
  for (const Command& command : kCommands) {
    absl::StrAppendFormat(&usage, "  pinion %-8s   %s\n", command.name,
                          command.about);
  }
  return usage +
         "\nCommands from top on ask a server on this machine over its admin "
         "socket, which\nonly the server's user and root may use. pinion "
         "COMMAND --help explains a\ncommand and lists its flags.\n";
}

// "call, bench, list, ..."
std::string Names() {
  return absl::StrJoin(kCommands, ", ",
                       [](std::string* text, const Command& command) {
                         absl::StrAppend(text, command.name);
                       });
}

// What was closed by whoever has started us must not become a socket of gRPC's:
// what is written to it shall fail.
void TakeStandardDescriptors() {
  int descriptor = -1;
  do {
    descriptor = open("/dev/null", O_RDONLY);
  } while (descriptor >= 0 && descriptor <= STDERR_FILENO);
  if (descriptor >= 0) close(descriptor);
}

}  // namespace

int main(int argc, char** argv) {
  TakeStandardDescriptors();
  // What goes wrong is said once, by us.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  google::protobuf::SetLogHandler(nullptr);
  // gRPC's locks would pay for it: see server/hosting/process_setup.h.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const absl::string_view command = argc > 1 ? argv[1] : "";
  for (const Command& known : kCommands) {
    if (command == known.name) return known.run(argc, argv);
  }
  if (command == "--help" || command == "-h" || command == "help") {
    std::fputs(Usage().c_str(), stdout);
    return 0;
  }
  if (absl::StartsWith(command, "--help=")) {
    pinion::ExitWithUsageError(
        absl::StrCat("--help takes no value, and this is \"", command,
                     "\"; --help alone lists the commands"));
  }
  pinion::ExitWithUsageError(
      command.empty() ? absl::StrCat("the command is missing; there are ",
                                     Names(), ", and --help tells of each")
                      : absl::StrCat("the command comes first, and \"", command,
                                     "\" is none; there are ", Names()));
}
