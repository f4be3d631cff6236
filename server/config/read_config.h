// SPDX-License-Identifier: Apache-2.0
//
// ReadConfig: a configuration file, read into a message whose type is the
//             file's schema.
//
// Threads: any thread.
// Errors:  every mistake of the file is told, the first hundred of them, in the
//          file's order. A text that is not YAML is told once, with what is
//          wrong before that place.
// Limits:  a file has at most 1 MiB, a text in it 64 KiB.
// Example: config::v1::ServerConfig config;
//          CartsConfig carts;
//          const ConfigReading reading =
//              ReadConfigFile("/etc/carts.yaml", &config, {{"carts", &carts}});
//          if (!reading.mistakes.empty()) return TellAndEnd(reading.mistakes);
//
// A file is YAML: a map of sections, which are messages, to fields. How a value
// is written says setting_value.h; lists are repeated fields, and map<> fields
// are maps. Quotes do not change what a value means. An empty section is one
// without fields. Names are those of the .proto. There are no aliases, anchors,
// tags or merge keys, no second document, and no name twice.
#ifndef PINION_SERVER_CONFIG_READ_CONFIG_H_
#define PINION_SERVER_CONFIG_READ_CONFIG_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "google/protobuf/message.h"
#include "pinion/server/config/config_mistake.h"
#include "pinion/server/config_section.h"

namespace pinion {

// What a file said beside its values.
struct ConfigReading {
  // The file's name, as it was given.
  std::string file = {};
  // Empty: the file is right, as far as its schema says.
  std::vector<ConfigMistake> mistakes = {};
  // Where each field's value stands, by path: "lanes.lane_calls". For errors
  // that are found later, when the values are used.
  std::map<std::string, ConfigPlace> places = {};

  // A mistake in the value of `path`, with its place if the file has it.
  ConfigMistake MistakeAt(absl::string_view path, absl::string_view text) const;
};

// Reads the beginning of the file at `path`, up to a byte more than a
// configuration may have. UNAVAILABLE if the file cannot be read.
absl::Status ReadConfigText(const std::string& path, std::string* text);

// Reads `text` into `config` and the messages of `services`, which are cleared
// first. `file` names it in errors. Fields that the text does not have, or that
// have a mistake, are not set.
ConfigReading ReadConfig(absl::string_view file, absl::string_view text,
                         google::protobuf::Message* config,
                         absl::Span<const ConfigSection> services = {});

// The same for the file at `path`. A file that cannot be read is a mistake.
ConfigReading ReadConfigFile(const std::string& path,
                             google::protobuf::Message* config,
                             absl::Span<const ConfigSection> services = {});

}  // namespace pinion

#endif  // PINION_SERVER_CONFIG_READ_CONFIG_H_
