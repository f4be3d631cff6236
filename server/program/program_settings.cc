// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/program/program_settings.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "pinion/config/v1/setting.pb.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/config/setting_value.h"

namespace pinion {
namespace {

using ::google::protobuf::FieldDescriptor;

admin::v1::Origin OriginOf(const ProgramConfig& config,
                           const std::string& path) {
  if (config.IsFlag(path)) return admin::v1::ORIGIN_FLAG;
  return config.reading().places.count(path) > 0 ? admin::v1::ORIGIN_FILE
                                                 : admin::v1::ORIGIN_DEFAULT;
}

// Of a field of the server's schema.
std::string ValueOf(const ProgramConfig& config, absl::string_view section,
                    const FieldDescriptor& field) {
  const auto& server = config.server();
  const FieldDescriptor* const of =
      server.GetDescriptor()->FindFieldByName(std::string(section));
  return ValidUtf8(
      ValueText(server.GetReflection()->GetMessage(server, of), field));
}

}  // namespace

ProgramSettings SettingsOf(const ProgramConfig& config, bool takes_sections) {
  ProgramSettings settings;
  for (const FlagSection& section : FlagSectionsOf(config.sections())) {
    for (const FieldDescriptor* field : section.fields) {
      const std::string path = absl::StrCat(section.path, ".", field->name());
      const admin::v1::Origin origin = OriginOf(config, path);
      settings.origins[path] = origin;
      if (LiveSettings::Has(path)) continue;
      const bool is_own = absl::StartsWith(section.path, "services.");
      admin::v1::Setting& other = settings.others.emplace_back();
      other.set_name(field->name());
      other.set_value(is_own ? "(secret)"
                             : ValueOf(config, section.path, *field));
      other.set_origin(origin);
      other.set_reloads(
          field->options().GetExtension(config::v1::setting).reloads() &&
          (!is_own || takes_sections));
    }
  }
  return settings;
}

}  // namespace pinion
