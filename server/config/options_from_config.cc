// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config/options_from_config.h"

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "pinion/core/base/check.h"
#include "pinion/core/cpu/cpu_plan.h"
#include "pinion/server/config/each_option.h"
#include "pinion/server/config/setting_value.h"
#include "pinion/server/log.h"
#include "pinion/server/tls_options.h"

namespace pinion {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

// ---- A field's value as an option's, and back -------------------------------

// The field of the section, whose type is that of the option, or the program is
// not right.

void Get(const Message& section, const FieldDescriptor& field, bool* option) {
  *option = section.GetReflection()->GetBool(section, &field);
}
void Set(bool option, const FieldDescriptor& field, Message* section) {
  section->GetReflection()->SetBool(section, &field, option);
}

void Get(const Message& section, const FieldDescriptor& field, int* option) {
  *option = section.GetReflection()->GetInt32(section, &field);
}
void Set(int option, const FieldDescriptor& field, Message* section) {
  section->GetReflection()->SetInt32(section, &field, option);
}

void Get(const Message& section, const FieldDescriptor& field,
         int64_t* option) {
  *option = section.GetReflection()->GetInt64(section, &field);
}
void Set(int64_t option, const FieldDescriptor& field, Message* section) {
  section->GetReflection()->SetInt64(section, &field, option);
}

void Get(const Message& section, const FieldDescriptor& field,
         uint64_t* option) {
  *option = section.GetReflection()->GetUInt64(section, &field);
}
void Set(uint64_t option, const FieldDescriptor& field, Message* section) {
  section->GetReflection()->SetUInt64(section, &field, option);
}

void Get(const Message& section, const FieldDescriptor& field, double* option) {
  *option = section.GetReflection()->GetDouble(section, &field);
}
void Set(double option, const FieldDescriptor& field, Message* section) {
  section->GetReflection()->SetDouble(section, &field, option);
}

void Get(const Message& section, const FieldDescriptor& field,
         std::string* option) {
  *option = section.GetReflection()->GetString(section, &field);
}
void Set(const std::string& option, const FieldDescriptor& field,
         Message* section) {
  section->GetReflection()->SetString(section, &field, option);
}

void Get(const Message& section, const FieldDescriptor& field,
         absl::Duration* option) {
  *option = DurationOf(section.GetReflection()->GetMessage(section, &field));
}
void Set(absl::Duration option, const FieldDescriptor& field,
         Message* section) {
  SetDuration(option,
              section->GetReflection()->MutableMessage(section, &field));
}

void Get(const Message& section, const FieldDescriptor& field,
         CpuPolicy* option) {
  const absl::StatusOr<CpuPolicy> policy =
      ParseCpuPolicy(ValueText(section, field));
  if (policy.ok()) *option = *policy;  // Not so for CPU_POLICY_UNSPECIFIED.
}
void Set(CpuPolicy option, const FieldDescriptor& field, Message* section) {
  const absl::Status set =
      SetValue(section, field, option == CpuPolicy::kPin ? "pin" : "float");
  PINION_CHECK(set.ok(), set.message());
}

void Get(const Message& section, const FieldDescriptor& field,
         LogFormat* option) {
  const absl::StatusOr<LogFormat> format =
      ParseLogFormat(ValueText(section, field));
  if (format.ok()) *option = *format;  // Not so if it is unspecified.
}
void Set(LogFormat option, const FieldDescriptor& field, Message* section) {
  const absl::Status set = SetValue(section, field, ToString(option));
  PINION_CHECK(set.ok(), set.message());
}

void Get(const Message& section, const FieldDescriptor& field,
         LogLevel* option) {
  const absl::StatusOr<LogLevel> level =
      ParseLogLevel(ValueText(section, field));
  if (level.ok()) *option = *level;
}
void Set(LogLevel option, const FieldDescriptor& field, Message* section) {
  const absl::Status set = SetValue(section, field, ToString(option));
  PINION_CHECK(set.ok(), set.message());
}

void Get(const Message& section, const FieldDescriptor& field,
         ClientAuth* option) {
  const absl::StatusOr<ClientAuth> client_auth =
      ParseClientAuth(ValueText(section, field));
  if (client_auth.ok()) *option = *client_auth;
}
void Set(ClientAuth option, const FieldDescriptor& field, Message* section) {
  const absl::Status set = SetValue(section, field, ToString(option));
  PINION_CHECK(set.ok(), set.message());
}

void Get(const Message& section, const FieldDescriptor& field,
         TlsVersion* option) {
  const absl::StatusOr<TlsVersion> version =
      ParseTlsVersion(ValueText(section, field));
  if (version.ok()) *option = *version;
}
void Set(TlsVersion option, const FieldDescriptor& field, Message* section) {
  const absl::Status set = SetValue(section, field, ToString(option));
  PINION_CHECK(set.ok(), set.message());
}

// ---- Paths ------------------------------------------------------------------

struct Place {
  const FieldDescriptor& section;
  const FieldDescriptor& field;
};

// "SECTION.FIELD", both of which the schema has.
Place PlaceOf(absl::string_view path) {
  const std::pair<std::string, std::string> names =
      absl::StrSplit(path, absl::MaxSplits('.', 1));
  const FieldDescriptor* const section =
      config::v1::ServerConfig::descriptor()->FindFieldByName(names.first);
  PINION_CHECK(section != nullptr, path);
  const FieldDescriptor* const field =
      section->message_type()->FindFieldByName(names.second);
  PINION_CHECK(field != nullptr, path);
  return {*section, *field};
}

// The path of the option that an error of Validate() begins with; empty: none.
std::string PathOf(const absl::Status& mistake) {
  const ConfiguredOptions any;
  std::string path;
  EachOption(any, [&](absl::string_view at, const auto&) {
    const absl::string_view option = at.substr(at.find('.') + 1);
    if (absl::StartsWith(mistake.message(), absl::StrCat(option, " "))) {
      path = std::string(at);
    }
  });
  return path;
}

}  // namespace

ConfiguredOptions OptionsOf(const config::v1::ServerConfig& config,
                            const ConfiguredOptions& base) {
  ConfiguredOptions options = base;
  EachOption(options, [&](absl::string_view path, auto& option) {
    const Place place = PlaceOf(path);
    const Message& section =
        config.GetReflection()->GetMessage(config, &place.section);
    if (section.GetReflection()->HasField(section, &place.field)) {
      Get(section, place.field, &option);
    }
  });
  return options;
}

config::v1::ServerConfig ConfigOf(const ConfiguredOptions& options) {
  config::v1::ServerConfig config;
  EachOption(options, [&](absl::string_view path, const auto& option) {
    const Place place = PlaceOf(path);
    Set(option, place.field,
        config.GetReflection()->MutableMessage(&config, &place.section));
  });
  return config;
}

std::string WithoutOption(absl::string_view path, absl::string_view error) {
  const absl::string_view option = path.substr(path.find('.') + 1);
  if (!path.empty() && absl::ConsumePrefix(&error, option)) {
    return absl::StrCat("it", error);
  }
  return std::string(error);
}

std::vector<ConfigMistake> OptionMistakes(const ConfiguredOptions& options,
                                          const ConfigReading& reading) {
  std::vector<ConfigMistake> mistakes;
  const auto add = [&](const std::vector<absl::Status>& refused) {
    for (const absl::Status& status : refused) {
      const std::string path = PathOf(status);
      ConfigMistake mistake =
          reading.MistakeAt(path, WithoutOption(path, status.message()));
      if (mistake.place.line == 0) {
        // A default is refused only if it does not hold one large message.
        mistake.place = reading.MistakeAt("limits.max_message_bytes", "").place;
      }
      mistakes.push_back(std::move(mistake));
    }
  };
  add(Mistakes(options.listen));
  add(Mistakes(options.hosting));
  return mistakes;
}

}  // namespace pinion
