// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/server_main.h"

#include <google/protobuf/stubs/logging.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "pinion/core/base/check.h"
#include "pinion/core/base/patient_write.h"
#include "pinion/server/config/config_mistake.h"
#include "pinion/server/config/options_from_config.h"
#include "pinion/server/hosting/hosting_for_admin.h"
#include "pinion/server/hosting/process_setup.h"
#include "pinion/server/log.h"
#include "pinion/server/log/log_text.h"
#include "pinion/server/program/all_mistakes.h"
#include "pinion/server/program/config_reload.h"
#include "pinion/server/program/program_config.h"
#include "pinion/server/program/program_flags.h"
#include "pinion/server/program/program_settings.h"
#include "pinion/server/program/warnings.h"
#include "pinion/server/run_options.h"
#include "pinion/server/systemd.h"
#include "pinion/tools/command_line.h"

namespace pinion {
namespace {

constexpr int kRight = 0;
constexpr int kMistake = 2;

// Until it is given up that somebody reads why the program does not start.
constexpr std::chrono::seconds kLinesAreTaken(1);

// A SIGHUP that comes before the server runs waits until it does.
void HoldSighup() {
  sigset_t sighup;
  sigemptyset(&sighup);
  sigaddset(&sighup, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &sighup, nullptr);
}

// Before anything uses the libraries.
void SetUpLibraries() {
  // What goes wrong at the start is said once, by us.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  setenv("HWLOC_HIDE_ERRORS", "2", /*overwrite=*/0);
  // What a client sends that cannot be decoded, the client is told.
  google::protobuf::SetLogHandler(nullptr);
  QueueGrpcsLines();
}

// Reads the configuration, and gives the program's sections theirs. Returns
// every mistake.
std::vector<ConfigMistake> ReadAll(const ServerProgram& program,
                                   const std::string& file,
                                   const FlagTexts& flags,
                                   ProgramConfig& config) {
  config.Read(file, flags);
  std::vector<ConfigMistake> mistakes = AllMistakes(config);
  // What the program says of values that are wrong would help nobody.
  if (!mistakes.empty()) return mistakes;
  config.GiveTo(program.sections);
  if (!program.check) return mistakes;
  if (const absl::Status status = program.check(); !status.ok()) {
    mistakes.push_back({.file = file, .text = std::string(status.message())});
  }
  return mistakes;
}

// "carts.yaml:3:5: warning: stop.grace: ..."
std::string AsWarning(const ConfigMistake& warning) {
  ConfigMistake place = warning;
  place.path = "warning";
  place.text = warning.path.empty()
                   ? warning.text
                   : absl::StrCat(warning.path, ": ", warning.text);
  return place.ToString();
}

std::string Count(size_t number, absl::string_view what) {
  return absl::StrCat(number, " ", what, number == 1 ? "" : "s");
}

// The paths of the methods that the program hosts.
std::vector<std::string> MethodPaths(const ServerProgram& program,
                                     const ProgramConfig& config) {
  ConfiguredOptions options = OptionsOf(config.server());
  Server server(std::move(options.listen), std::move(options.hosting));
  program.host(server);
  return server.hosting().MethodPaths();
}

int Check(const ServerProgram& program, const ProgramFlags& flags) {
  ProgramConfig config(program.sections);
  const auto mistakes = ReadAll(program, flags.check, flags.texts, config);
  for (const ConfigMistake& mistake : mistakes) {
    std::fprintf(stderr, "%s\n", mistake.ToString().c_str());
  }
  if (!mistakes.empty()) {
    std::fprintf(stderr, "%s: %s\n", flags.check.c_str(),
                 Count(mistakes.size(), "mistake").c_str());
    return kMistake;
  }
  const auto warnings =
      WarningsOf(config, LookAround(), program.own_bytes,
                 [&] { return MethodPaths(program, config); });
  for (const ConfigMistake& warning : warnings) {
    std::fprintf(stderr, "%s\n", AsWarning(warning).c_str());
  }
  std::printf("%s: no mistakes, %s\n", flags.check.c_str(),
              Count(warnings.size(), "warning").c_str());
  return kRight;
}

void TellSystemd(absl::string_view why) {
  SystemdNotifier().SetStatus(absl::StrCat("cannot start: ", why));
}

// As the server's own lines: nothing runs yet that would take them. If nobody
// reads them, the program ends without. systemd shows the first.
void TellMistakes(const std::vector<ConfigMistake>& mistakes,
                  LogFormat format) {
  std::string lines;
  for (const ConfigMistake& mistake : mistakes) {
    const LogRecord record = {
        .level = LogLevel::kError,
        .area = LogArea::kConfig,
        .event = "cannot_start",
        .message = absl::StrCat("cannot start: ", mistake.ToString()),
        .time = absl::Now()};
    absl::StrAppend(&lines, LineOf(record, format), "\n");
  }
  WriteWithin(STDERR_FILENO, lines, kLinesAreTaken);
  TellSystemd(mistakes.front().ToString());
}

int Serve(const ServerProgram& program, const ProgramFlags& flags,
          std::unique_ptr<ProgramConfig> config) {
  ConfiguredOptions options = OptionsOf(config->server());
  options.hosting.log = program.log;
  options.run.started = program.started;
  Server server(std::move(options.listen), std::move(options.hosting));
  program.host(server);
  internal::HostingForAdmin::Settings(server.hosting())
      .SetProgram(SettingsOf(*config, program.reloaded != nullptr));
  ConfigReload reload(program, flags, std::move(config));
  options.run.reload = [&reload](Server& running, RunOptions& now) {
    return reload.Run(running, now);
  };
  return server.Run(options.run);
}

}  // namespace

int ServerMain(int argc, char** argv, const ServerProgram& program) {
  PINION_CHECK(program.host != nullptr, "a ServerProgram needs `host`");
  HoldSighup();
  TellUsageErrors(TellSystemd);
  const ProgramFlags flags = ParseProgramFlags(argc, argv, program);
  if (!flags.check.empty()) return Check(program, flags);
  auto config = std::make_unique<ProgramConfig>(program.sections);
  const auto mistakes = ReadAll(program, flags.config, flags.texts, *config);
  if (!mistakes.empty()) {
    TellMistakes(mistakes, OptionsOf(config->server()).hosting.log_format);
    return kMistake;
  }
  if (flags.print_config) {
    std::fputs(config->ToYaml().c_str(), stdout);
    return kRight;
  }
  SetUpLibraries();
  return Serve(program, flags, std::move(config));
}

}  // namespace pinion
