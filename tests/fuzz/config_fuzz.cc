// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a server's file, with a section of a program's own that has
// every kind of field. Each mistake must have a place in the file, or none, and
// text for one line of a log. A file without a mistake must be printed as one
// that says the same. README.md tells how to run it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/util/message_differencer.h"
#include "pinion/config/v1/server_config.pb.h"
#include "pinion/server/config/config_mistake.h"
#include "pinion/server/config/options_from_config.h"
#include "pinion/server/config/print_config.h"
#include "pinion/server/config/read_config.h"
#include "tests/server/config/garden.pb.h"

namespace pinion::testing {
namespace {

using ::google::protobuf::util::MessageDifferencer;

void Demand(bool holds, absl::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", std::string(what).c_str());
  std::abort();
}

struct Configuration {
  ConfigReading Read(absl::string_view text) {
    return ReadConfig("f", text, &config, {{"garden", &garden}});
  }
  std::string Print() const {
    // Which are not changed.
    return PrintConfig(config, {{"garden", const_cast<Garden*>(&garden)}});
  }

  config::v1::ServerConfig config;
  Garden garden;
};

void CheckMistake(const ConfigMistake& mistake, absl::string_view text) {
  const std::string said = mistake.ToString();
  // The end of the file is a line, too.
  const auto lines = 2 + std::count(text.begin(), text.end(), '\n') +
                     std::count(text.begin(), text.end(), '\r');
  Demand(mistake.place.line >= 0 && mistake.place.line <= lines, said);
  Demand(mistake.place.column >= 0 &&
             mistake.place.column <= static_cast<int64_t>(text.size()) + 1,
         said);
  Demand((mistake.place.line == 0) == (mistake.place.column == 0), said);
  Demand(!mistake.text.empty() && said.size() < 4000, said);
  for (const char c : said) {
    Demand(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, said);
  }
}

void CheckReadsBack(const Configuration& configuration) {
  const std::string text = configuration.Print();
  Configuration read;
  const ConfigReading reading = read.Read(text);
  Demand(reading.mistakes.empty(),
         reading.mistakes.empty() ? "" : reading.mistakes[0].ToString());
  Demand(MessageDifferencer::Equals(configuration.config, read.config), text);
  Demand(MessageDifferencer::Equals(configuration.garden, read.garden), text);
}

void Check(absl::string_view text) {
  Configuration configuration;
  const ConfigReading reading = configuration.Read(text);
  Demand(reading.mistakes.size() <= 101, "no more are told");
  for (const ConfigMistake& mistake : reading.mistakes) {
    CheckMistake(mistake, text);
  }
  const ConfiguredOptions options = OptionsOf(configuration.config);
  for (const ConfigMistake& mistake : OptionMistakes(options, reading)) {
    CheckMistake(mistake, text);
  }
  if (reading.mistakes.empty()) CheckReadsBack(configuration);
}

}  // namespace
}  // namespace pinion::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pinion::testing::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
