// SPDX-License-Identifier: Apache-2.0
//
// pinion: calls and measures a server from the command line. The commands are
// in client/cli.
//
// Exit codes: the command's; 2 for a mistake in the arguments.
#include <cstdio>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "pinion/client/cli/bench_command.h"
#include "pinion/client/cli/call_command.h"
#include "pinion/client/cli/list_command.h"
#include "pinion/tools/command_line.h"

namespace {

constexpr char kUsage[] =
    "usage: pinion COMMAND [arguments] [flags]\n\n"
    "  pinion call    calls a method: JSON in, JSON out\n"
    "  pinion bench   measures how fast a method answers, and how many calls\n"
    "                 a second a server does\n"
    "  pinion list    shows the methods and messages of a server\n\n"
    "pinion COMMAND --help explains a command and lists its flags.\n";

}  // namespace

int main(int argc, char** argv) {
  // What goes wrong is said once, by us.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  // gRPC's locks would pay for it: see server/hosting/process_setup.h.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const absl::string_view command = argc > 1 ? argv[1] : "";
  if (command == "call") return pinion::cli::CallCommand(argc, argv);
  if (command == "bench") return pinion::cli::BenchCommand(argc, argv);
  if (command == "list") return pinion::cli::ListCommand(argc, argv);
  if (command == "--help" || command == "-h" || command == "help") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (absl::StartsWith(command, "--help=")) {
    pinion::ExitWithUsageError(
        absl::StrCat("--help takes no value, and this is \"", command,
                     "\"; --help alone lists the commands"));
  }
  pinion::ExitWithUsageError(
      command.empty()
          ? "the command is missing; it is \"pinion call\", \"pinion bench\" "
            "or \"pinion list\", and --help tells"
          : absl::StrCat("the command comes first, and \"", command,
                         "\" is none; there are \"pinion call\", \"pinion "
                         "bench\" and \"pinion list\""));
}
