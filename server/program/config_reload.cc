// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/program/config_reload.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "pinion/core/base/file_kind.h"
#include "pinion/server/config/options_from_config.h"
#include "pinion/server/hosting/hosting_for_admin.h"
#include "pinion/server/hosting/needs_restart.h"
#include "pinion/server/program/all_mistakes.h"
#include "pinion/server/program/program_settings.h"

namespace pinion {
namespace {

bool IsSection(const ConfigChange& change) {
  return absl::StartsWith(change.path, "services.");
}

// "stop.grace 10s -> 20s". The log must not have what a program's own section
// may keep secret.
std::string InWords(const ConfigChange& change) {
  if (IsSection(change)) return change.path;
  const auto shown = [](const std::string& value) {
    return value.empty() ? "\"\"" : value;
  };
  return absl::StrCat(change.path, " ", shown(change.before), " -> ",
                      shown(change.after));
}

absl::Status MistakesError(const std::vector<ConfigMistake>& mistakes) {
  const size_t more = mistakes.size() - 1;
  return absl::InvalidArgumentError(absl::StrCat(
      mistakes.front().ToString(),
      more == 0
          ? ""
          : absl::StrCat(" (and ", more, more == 1 ? " mistake" : " mistakes",
                         " more, which --check lists)")));
}

}  // namespace

absl::StatusOr<std::string> ConfigReload::Run(Server& server,
                                              RunOptions& options) {
  if (const absl::Status status = WhyNotRead(); !status.ok()) return status;
  auto next = std::make_unique<ProgramConfig>(program_.sections);
  next->Read(flags_.config, flags_.texts);
  const std::vector<ConfigMistake> mistakes = AllMistakes(*next);
  if (!mistakes.empty()) return MistakesError(mistakes);
  const std::vector<ConfigChange> changes = ChangesBetween(*config_, *next);
  const absl::Status taken = TakeOver(*next, changes, server);
  if (!taken.ok()) return taken;
  const RunOptions run = OptionsOf(next->server()).run;
  options.account = run.account;
  options.summary = run.summary;
  config_ = std::move(next);
  internal::HostingForAdmin::Settings(server.hosting())
      .SetProgram(SettingsOf(*config_, program_.reloaded != nullptr));
  return absl::StrJoin(WhatWasRead(changes), "; ");
}

std::vector<std::string> ConfigReload::WhatWasRead(
    const std::vector<ConfigChange>& changes) const {
  std::vector<std::string> parts;
  if (!flags_.config.empty() && changes.empty()) {
    parts.push_back(absl::StrCat(flags_.config, ": nothing has changed"));
  } else if (!flags_.config.empty()) {
    parts.push_back(absl::StrCat(
        flags_.config, ": ",
        absl::StrJoin(changes, ", ", [](std::string* text, const auto& change) {
          absl::StrAppend(text, InWords(change));
        })));
  }
  // Its file may have changed though no option has.
  const std::string policy = PolicyFile();
  if (!policy.empty()) {
    parts.push_back(absl::StrCat("the policy ", policy, " was read"));
  }
  return parts;
}

std::string ConfigReload::PolicyFile() const {
  return OptionsOf(config_->server()).hosting.policy.policy_file;
}

// A pipe would keep the server from hearing of SIGTERM until somebody writes.
absl::Status ConfigReload::WhyNotRead() const {
  if (flags_.config.empty()) {
    if (!PolicyFile().empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        "there is no file: the program was started without --config");
  }
  struct stat file;
  if (stat(flags_.config.c_str(), &file) == 0 && !S_ISREG(file.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(flags_.config, " is ", FileKind(file.st_mode),
                     ", not a plain file, and is not read a second time"));
  }
  return absl::OkStatus();
}

absl::Status ConfigReload::TakeOver(const ProgramConfig& next,
                                    const std::vector<ConfigChange>& changes,
                                    Server& server) {
  std::vector<std::string> fixed;
  for (const ConfigChange& change : changes) {
    const bool reloads =
        change.reloads && (!IsSection(change) || program_.reloaded != nullptr);
    if (!reloads) fixed.push_back(change.path);
  }
  absl::Status status = RestartError(fixed);
  if (!status.ok()) return status;
  const bool sections_change =
      std::any_of(changes.begin(), changes.end(), IsSection);
  if (sections_change) {
    next.GiveTo(program_.sections);
    if (program_.check) status = program_.check();
  }
  if (status.ok()) {
    const ConfiguredOptions options = OptionsOf(next.server());
    status = server.Reload(options.listen, options.hosting);
  }
  if (!status.ok()) {
    if (sections_change) config_->GiveTo(program_.sections);
    return status;
  }
  if (sections_change) program_.reloaded(server);
  return absl::OkStatus();
}

}  // namespace pinion
