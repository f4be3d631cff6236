// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config_file.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_join.h"
#include "pinion/config/v1/server_config.pb.h"
#include "pinion/server/config/config_mistake.h"
#include "pinion/server/config/options_from_config.h"
#include "pinion/server/config/read_config.h"

namespace pinion {

absl::StatusOr<FileOptions> ReadOptions(
    const std::string& path, absl::Span<const ConfigSection> sections) {
  config::v1::ServerConfig config;
  const ConfigReading reading = ReadConfigFile(path, &config, sections);
  std::vector<ConfigMistake> mistakes = reading.mistakes;
  ConfiguredOptions options = OptionsOf(config);
  // What has a mistake itself is at its default, by which others would be
  // measured wrongly.
  if (mistakes.empty()) mistakes = OptionMistakes(options, reading);
  if (!mistakes.empty()) {
    return absl::InvalidArgumentError(absl::StrJoin(
        mistakes, "\n", [](std::string* out, const ConfigMistake& mistake) {
          out->append(mistake.ToString());
        }));
  }
  return FileOptions{.hosting = std::move(options.hosting),
                     .listen = std::move(options.listen),
                     .run = std::move(options.run)};
}

}  // namespace pinion
