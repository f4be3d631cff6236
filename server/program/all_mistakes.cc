// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/program/all_mistakes.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/admin.h"
#include "pinion/server/config/options_from_config.h"
#include "pinion/server/policy_options.h"
#include "pinion/server/probes.h"
#include "pinion/server/run_options.h"
#include "pinion/server/security/policy/read_policy.h"

namespace pinion {
namespace {

// Whether a mistake in what others are measured by would be told twice.
bool MeasuresAreWrong(const ProgramConfig& config) {
  return config.HasMistakeAt("limits.max_message_bytes") ||
         config.HasMistakeAt("listener.allow_unencrypted_public_traffic");
}

absl::Status CheckProbes(const RunOptions& run) {
  if (run.probe_listen.empty()) return absl::OkStatus();
  return Probes::Check(run.probe_listen);
}

// The error of Admin::Check() begins with the name of a field of section
// `admin`.
ConfigMistake AdminMistake(const ProgramConfig& config,
                           absl::string_view error) {
  const std::string path =
      absl::StrCat("admin.", error.substr(0, error.find_first_of(": ")));
  return config.MistakeAt(path, WithoutOption(path, error));
}

// Those of the policy's own file; one that cannot be read is a mistake of the
// option.
std::vector<ConfigMistake> PolicyMistakes(const ProgramConfig& config,
                                          const PolicyOptions& options) {
  if (options.policy_file.empty()) return {};
  std::vector<ConfigMistake> mistakes =
      ReadPolicyFile(options.policy_file).mistakes;
  for (ConfigMistake& mistake : mistakes) {
    if (mistake.place.line != 0) continue;
    mistake = config.MistakeAt(
        "policy.policy_file",
        absl::StrCat(Quoted(options.policy_file, 256), ": ", mistake.text));
  }
  return mistakes;
}

auto Order(const ConfigMistake& mistake) {
  const ConfigPlace& place = mistake.place;
  return std::make_tuple(place.line == 0, place.line, place.column);
}

}  // namespace

std::vector<ConfigMistake> AllMistakes(const ProgramConfig& config) {
  std::vector<ConfigMistake> mistakes = config.mistakes();
  const ConfiguredOptions options = OptionsOf(config.server());
  if (const absl::Status probes = CheckProbes(options.run); !probes.ok()) {
    const std::string path = "probes.probe_listen";
    mistakes.push_back(
        config.MistakeAt(path, WithoutOption(path, probes.message())));
  }
  if (const absl::Status admin = Admin::Check(options.run.admin); !admin.ok()) {
    mistakes.push_back(AdminMistake(config, admin.message()));
  }
  if (!MeasuresAreWrong(config)) {
    for (ConfigMistake& mistake : OptionMistakes(options, config.reading())) {
      // The file's value of it is not the one that holds.
      if (config.IsFlag(mistake.path)) {
        mistake = config.MistakeAt(mistake.path, mistake.text);
      }
      mistakes.push_back(std::move(mistake));
    }
  }
  std::stable_sort(mistakes.begin(), mistakes.end(),
                   [](const ConfigMistake& a, const ConfigMistake& b) {
                     return Order(a) < Order(b);
                   });
  for (ConfigMistake& mistake :
       PolicyMistakes(config, options.hosting.policy)) {
    mistakes.push_back(std::move(mistake));
  }
  return mistakes;
}

}  // namespace pinion
