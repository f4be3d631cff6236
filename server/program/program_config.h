// SPDX-License-Identifier: Apache-2.0
//
// ProgramConfig: what holds for a program: its file, under the flags of its
//                command line, above the defaults; and where each value is
//                from.
//
// Threads: one thread reads it in; then any thread may look.
// Example: ProgramConfig config(program.sections);
//          config.Read("/etc/carts.yaml", {{"stop.grace", "20s"}});
//          if (!config.mistakes().empty()) ...
//          config.server().stop().grace();
#ifndef PINION_SERVER_PROGRAM_PROGRAM_CONFIG_H_
#define PINION_SERVER_PROGRAM_PROGRAM_CONFIG_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pinion/config/v1/server_config.pb.h"
#include "pinion/server/config/config_mistake.h"
#include "pinion/server/config/read_config.h"
#include "pinion/server/config_section.h"

namespace pinion {

// What flags give, by the path of their field: {"stop.grace", "20s"}.
using FlagTexts = std::map<std::string, std::string>;

// A section whose fields have flags.
struct FlagSection {
  std::string path;  // "stop", "services.carts"
  std::vector<const google::protobuf::FieldDescriptor*> fields;
};

// The server's sections and then the program's, each with its fields of one
// value, in the order of the schema.
std::vector<FlagSection> FlagSectionsOf(
    absl::Span<const ConfigSection> sections);

class ProgramConfig {
 public:
  // Has messages of its own for the sections, of the types of those in
  // `sections`.
  explicit ProgramConfig(absl::Span<const ConfigSection> sections);
  ProgramConfig(const ProgramConfig&) = delete;
  ProgramConfig& operator=(const ProgramConfig&) = delete;

  // Reads `file`, unless that is empty; then the flags, whose texts are valid;
  // then the defaults of all fields that are not set.
  void Read(const std::string& file, const FlagTexts& flags);

  // Those of the file. A field that has one has its flag's value or its
  // default.
  const std::vector<ConfigMistake>& mistakes() const {
    return reading_.mistakes;
  }
  bool HasMistakeAt(absl::string_view path) const;
  const ConfigReading& reading() const { return reading_; }
  // Whether the field at `path` has the value of its flag.
  bool IsFlag(const std::string& path) const { return flags_.count(path) > 0; }
  // A mistake in the value of `path`, where it stands.
  ConfigMistake MistakeAt(const std::string& path,
                          absl::string_view text) const;

  const config::v1::ServerConfig& server() const { return server_; }
  // The program's sections, with their values.
  absl::Span<const ConfigSection> sections() const { return sections_; }

  // Copies the values of its sections into the messages of `sections`, which
  // are those it was made with.
  void GiveTo(absl::Span<const ConfigSection> sections) const;

  // "default", "/etc/carts.yaml:12", "--grace".
  std::string OriginOf(const std::string& path) const;

  // As YAML, each value with its origin; Read() reads it back.
  std::string ToYaml() const;

 private:
  // Where a flag's field is.
  google::protobuf::Message* MessageAt(absl::string_view section_path);
  void SetFlags(const FlagTexts& flags);
  void SetDefaults();
  // Of what stands at `path`, and below it.
  void SetDefaultsIn(const std::string& path,
                     google::protobuf::Message* message);

  config::v1::ServerConfig server_;
  std::vector<std::unique_ptr<google::protobuf::Message>> messages_;
  std::vector<ConfigSection> sections_;
  ConfigReading reading_;
  FlagTexts flags_;
};

// A value that differs.
struct ConfigChange {
  std::string path;
  // As people write them; empty if there is none.
  std::string before;
  std::string after;
  // Whether a running server takes the change.
  bool reloads;
};

// What of `after` differs from `before`, by path. They have the same sections.
std::vector<ConfigChange> ChangesBetween(const ProgramConfig& before,
                                         const ProgramConfig& after);

}  // namespace pinion

#endif  // PINION_SERVER_PROGRAM_PROGRAM_CONFIG_H_
