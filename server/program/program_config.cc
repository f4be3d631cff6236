// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/program/program_config.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "pinion/config/v1/setting.pb.h"
#include "pinion/core/base/check.h"
#include "pinion/server/config/print_config.h"
#include "pinion/server/config/setting_value.h"

namespace pinion {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

constexpr absl::string_view kServices = "services.";

const config::v1::Setting& SettingOf(const FieldDescriptor& field) {
  return field.options().GetExtension(config::v1::setting);
}

std::string Joined(absl::string_view path, absl::string_view name) {
  return path.empty() ? std::string(name) : absl::StrCat(path, ".", name);
}

FlagSection FlagSectionOf(std::string path, const Descriptor& type) {
  FlagSection section = {.path = std::move(path), .fields = {}};
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (!field.is_repeated() && IsWrittenAsText(field)) {
      section.fields.push_back(&field);
    }
  }
  return section;
}

// The message in `field`, or its entry `index`.
const Message& Inner(const Message& message, const FieldDescriptor& field,
                     int index) {
  const Reflection& reflection = *message.GetReflection();
  return index < 0 ? reflection.GetMessage(message, &field)
                   : reflection.GetRepeatedMessage(message, &field, index);
}
Message& Inner(Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  return index < 0
             ? *reflection.MutableMessage(&message, &field)
             : *reflection.MutableRepeatedMessage(&message, &field, index);
}

// Calls `visit` with the path and the message of each message in `field`.
template <typename AnyMessage, typename Visit>
void EachMessage(const std::string& path, AnyMessage& message,
                 const FieldDescriptor& field, Visit visit) {
  const Reflection& reflection = *message.GetReflection();
  if (!field.is_repeated()) {
    if (!reflection.HasField(message, &field)) return;
    return visit(path, Inner(message, field, -1));
  }
  const int size = reflection.FieldSize(message, &field);
  for (int i = 0; i < size; ++i) {
    visit(absl::StrCat(path, "[", i, "]"), Inner(message, field, i));
  }
}

// The values of a configuration, by path.
struct FlatValue {
  std::string text;
  bool reloads = false;
};
using FlatValues = std::map<std::string, FlatValue>;

void Flatten(const std::string& path, const Message& message,
             FlatValues* values) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const std::string at = Joined(path, field->name());
    if (!IsWrittenAsText(*field)) {
      EachMessage(at, message, *field,
                  [&](const std::string& below, const Message& inner) {
                    Flatten(below, inner, values);
                  });
      continue;
    }
    const int size =
        field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < size; ++i) {
      const bool repeated = field->is_repeated();
      (*values)[repeated ? absl::StrCat(at, "[", i, "]") : at] = {
          .text = ValueText(message, *field, repeated ? i : -1),
          .reloads = SettingOf(*field).reloads()};
    }
  }
}

FlatValues Flatten(const ProgramConfig& config) {
  FlatValues values;
  Flatten("", config.server(), &values);
  for (const ConfigSection& section : config.sections()) {
    Flatten(absl::StrCat(kServices, section.name), *section.message, &values);
  }
  return values;
}

}  // namespace

std::vector<FlagSection> FlagSectionsOf(
    absl::Span<const ConfigSection> sections) {
  std::vector<FlagSection> found;
  const Descriptor& server = *config::v1::ServerConfig::descriptor();
  for (int i = 0; i < server.field_count(); ++i) {
    const FieldDescriptor& section = *server.field(i);
    found.push_back(FlagSectionOf(section.name(), *section.message_type()));
  }
  for (const ConfigSection& section : sections) {
    found.push_back(FlagSectionOf(absl::StrCat(kServices, section.name),
                                  *section.message->GetDescriptor()));
  }
  return found;
}

ProgramConfig::ProgramConfig(absl::Span<const ConfigSection> sections) {
  for (const ConfigSection& section : sections) {
    messages_.emplace_back(section.message->New());
    sections_.push_back(
        {.name = section.name, .message = messages_.back().get()});
  }
}

void ProgramConfig::Read(const std::string& file, const FlagTexts& flags) {
  reading_ = file.empty() ? ReadConfig("", "", &server_, sections_)
                          : ReadConfigFile(file, &server_, sections_);
  SetFlags(flags);
  SetDefaults();
}

bool ProgramConfig::HasMistakeAt(absl::string_view path) const {
  return std::any_of(
      mistakes().begin(), mistakes().end(),
      [&](const ConfigMistake& mistake) { return mistake.path == path; });
}

ConfigMistake ProgramConfig::MistakeAt(const std::string& path,
                                       absl::string_view text) const {
  // What the file says of it does not hold.
  if (IsFlag(path)) {
    return {.path = OriginOf(path), .text = std::string(text)};
  }
  return reading_.MistakeAt(path, text);
}

Message* ProgramConfig::MessageAt(absl::string_view section_path) {
  if (absl::ConsumePrefix(&section_path, kServices)) {
    for (const ConfigSection& section : sections_) {
      if (section.name == section_path) return section.message;
    }
    return nullptr;
  }
  const FieldDescriptor* const section =
      server_.GetDescriptor()->FindFieldByName(std::string(section_path));
  if (section == nullptr) return nullptr;
  return server_.GetReflection()->MutableMessage(&server_, section);
}

void ProgramConfig::SetFlags(const FlagTexts& flags) {
  flags_ = flags;
  for (const auto& flag : flags) {
    const std::string& path = flag.first;  // Lambdas of Clang take no binding.
    const size_t dot = path.rfind('.');
    Message* const message = MessageAt(path.substr(0, dot));
    PINION_CHECK(message != nullptr, "there is no section of ", path);
    const FieldDescriptor* const field =
        message->GetDescriptor()->FindFieldByName(path.substr(dot + 1));
    PINION_CHECK(field != nullptr, "there is no field ", path);
    const absl::Status set = SetValue(message, *field, flag.second);
    PINION_CHECK(set.ok(), path, ": ", set.message());
  }
}

void ProgramConfig::SetDefaults() {
  for (const FlagSection& section : FlagSectionsOf(sections_)) {
    SetDefaultsIn(section.path, MessageAt(section.path));
  }
}

void ProgramConfig::SetDefaultsIn(const std::string& path, Message* message) {
  const Reflection& reflection = *message->GetReflection();
  const Descriptor& type = *message->GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string at = Joined(path, field.name());
    if (!IsWrittenAsText(field)) {
      EachMessage(at, *message, field,
                  [&](const std::string& below, Message& inner) {
                    SetDefaultsIn(below, &inner);
                  });
      continue;
    }
    if (field.is_repeated() || field.real_containing_oneof() != nullptr) {
      continue;
    }
    const bool is_set = field.has_presence()
                            ? reflection.HasField(*message, &field)
                            : reading_.places.count(at) > 0 || IsFlag(at);
    const std::string& preset = SettingOf(field).default_value();
    if (is_set || (preset.empty() && !IsFreeText(field))) continue;
    const absl::Status set = SetValue(message, field, preset);
    PINION_CHECK(set.ok(), at,
                 " has a default that is not valid: ", set.message());
  }
}

void ProgramConfig::GiveTo(absl::Span<const ConfigSection> sections) const {
  for (size_t i = 0; i < sections.size(); ++i) {
    sections[i].message->CopyFrom(*sections_[i].message);
  }
}

std::string ProgramConfig::OriginOf(const std::string& path) const {
  if (IsFlag(path)) {
    return absl::StrCat("--", path.substr(path.rfind('.') + 1));
  }
  const auto found = reading_.places.find(path);
  if (found == reading_.places.end()) return "default";
  return absl::StrCat(reading_.file, ":", found->second.line);
}

std::string ProgramConfig::ToYaml() const {
  return PrintConfig(server_, sections_, [this](const std::string& path) {
    return absl::Utf8SafeCEscape(OriginOf(path));
  });
}

std::vector<ConfigChange> ChangesBetween(const ProgramConfig& before,
                                         const ProgramConfig& after) {
  const FlatValues old_values = Flatten(before);
  FlatValues new_values = Flatten(after);
  std::vector<ConfigChange> changes;
  for (const auto& [path, value] : old_values) {
    const auto found = new_values.find(path);
    const bool is_gone = found == new_values.end();
    if (is_gone || found->second.text != value.text) {
      changes.push_back({.path = path,
                         .before = value.text,
                         .after = is_gone ? "" : found->second.text,
                         .reloads = value.reloads});
    }
    if (!is_gone) new_values.erase(found);
  }
  for (const auto& [path, value] : new_values) {
    changes.push_back({.path = path,
                       .before = "",
                       .after = value.text,
                       .reloads = value.reloads});
  }
  std::sort(changes.begin(), changes.end(),
            [](const ConfigChange& a, const ConfigChange& b) {
              return a.path < b.path;
            });
  return changes;
}

}  // namespace pinion
