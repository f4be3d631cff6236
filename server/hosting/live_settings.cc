// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/live_settings.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "pinion/config/v1/server_config.pb.h"
#include "pinion/config/v1/setting.pb.h"
#include "pinion/proto/wire/nearest_first.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/config/each_option.h"
#include "pinion/server/config/setting_value.h"

namespace pinion {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

// Of a name or a value that somebody has typed, in an error.
constexpr size_t kMostShown = 40;

// Read with its file, which only a reload does.
constexpr absl::string_view kPolicyFile = "policy.policy_file";
// Whoever knows it can aim keys at one worker.
constexpr absl::string_view kSecret = "keys.key_seed";

enum class Part { kListen, kHosting };

// By path; those of the RunOptions are not there.
const std::map<std::string, Part, std::less<>>& Parts() {
  static const auto& parts = *[] {
    auto* const made = new std::map<std::string, Part, std::less<>>;
    const ConfiguredOptions options;
    const auto lies_in = [](const void* member, const auto& part) {
      const auto at = reinterpret_cast<uintptr_t>(member);
      const auto begin = reinterpret_cast<uintptr_t>(&part);
      return at >= begin && at < begin + sizeof(part);
    };
    EachOption(options, [&](absl::string_view path, const auto& member) {
      if (lies_in(&member, options.listen)) {
        made->emplace(path, Part::kListen);
      } else if (lies_in(&member, options.hosting)) {
        made->emplace(path, Part::kHosting);
      }
    });
    return made;
  }();
  return parts;
}

const config::v1::Setting& SettingOf(const FieldDescriptor& field) {
  return field.options().GetExtension(config::v1::setting);
}

struct Place {
  std::string path;
  const FieldDescriptor* field;
};

// Of each field of the schema, in its order.
const std::vector<Place>& Places() {
  static const auto& places = *[] {
    auto* const made = new std::vector<Place>;
    const auto& server = *config::v1::ServerConfig::descriptor();
    for (int i = 0; i < server.field_count(); ++i) {
      const FieldDescriptor& section = *server.field(i);
      const auto& type = *section.message_type();
      for (int k = 0; k < type.field_count(); ++k) {
        const FieldDescriptor& field = *type.field(k);
        made->push_back(
            {absl::StrCat(section.name(), ".", field.name()), &field});
      }
    }
    return made;
  }();
  return places;
}

// Whether Set() may change it, if this has a part for it.
bool MayChange(const Place& place) {
  return SettingOf(*place.field).reloads() && place.path != kPolicyFile &&
         Parts().count(place.path) > 0;
}

// One field of a configuration.
class FieldOf {
 public:
  FieldOf(config::v1::ServerConfig& config, absl::string_view path) {
    const size_t dot = path.find('.');
    const FieldDescriptor& section = *config.GetDescriptor()->FindFieldByName(
        std::string(path.substr(0, dot)));
    message_ = config.GetReflection()->MutableMessage(&config, &section);
    field_ = section.message_type()->FindFieldByName(
        std::string(path.substr(dot + 1)));
  }

  const std::string& name() const { return field_->name(); }
  std::string Text() const { return ValueText(*message_, *field_); }
  absl::Status Set(absl::string_view text) {
    return SetValue(message_, *field_, text);
  }

 private:
  Message* message_;
  const FieldDescriptor* field_;
};

std::string TextOf(const ConfiguredOptions& options, absl::string_view path) {
  config::v1::ServerConfig config = ConfigOf(options);
  return FieldOf(config, path).Text();
}

// As people write a change: "stall_after 1s -> 250ms".
std::string InWords(absl::string_view name, absl::string_view before,
                    absl::string_view after) {
  const auto shown = [](absl::string_view value) {
    return value.empty() ? "\"\"" : value;
  };
  return absl::StrCat(name, " ", shown(before), " -> ", shown(after));
}

}  // namespace

LiveSettings::LiveSettings(const HostingOptions& made_with, Hooks hooks)
    : hooks_(std::move(hooks)), show_keys_(made_with.show_keys) {
  now_.hosting = made_with;
}

void LiveSettings::Listens(
    const ListenOptions& made_with,
    std::function<void(const ListenOptions& options)> change) {
  MutexLock lock(mutex_);
  now_.listen = made_with;
  change_listen_ = std::move(change);
}

void LiveSettings::Begin() {
  MutexLock lock(mutex_);
  serves_ = true;
}

void LiveSettings::End() {
  MutexLock change(changes_mutex_);
  MutexLock lock(mutex_);
  serves_ = false;
}

ConfiguredOptions LiveSettings::Now() const {
  ConfiguredOptions now = now_;
  const LogSettings log = hooks_.log_settings();
  now.hosting.log_format = log.format;
  now.hosting.log_level = log.level;
  now.hosting.log_keys = log.keys;
  return now;
}

absl::Status LiveSettings::Reload(const ListenOptions* listen,
                                  const HostingOptions& hosting,
                                  absl::FunctionRef<absl::Status()> reload) {
  MutexLock change(changes_mutex_);
  // It reads files, which may take long.
  const absl::Status status = reload();
  if (!status.ok()) return status;
  MutexLock lock(mutex_);
  if (listen != nullptr) now_.listen = *listen;
  now_.hosting = hosting;
  show_keys_.store(hosting.show_keys, std::memory_order_relaxed);
  Forget();
  return status;
}

void LiveSettings::Forget() {
  std::vector<std::string> lost;
  for (const auto& [path, value] : changed_) {
    const std::string after = TextOf(now_, path);
    if (after == value) continue;
    lost.push_back(InWords(path.substr(path.find('.') + 1), value, after));
  }
  changed_.clear();
  if (lost.empty()) return;
  lost_ =
      absl::StrCat("run-time changes are gone: ", absl::StrJoin(lost, ", "));
  if (leaves_lost_) return;
  hooks_.log({.area = LogArea::kConfig,
              .event = "settings_lost",
              .message = absl::StrCat("reloaded: ", lost_)});
  lost_.clear();
}

void LiveSettings::LeaveLost() {
  MutexLock lock(mutex_);
  leaves_lost_ = true;
}

std::string LiveSettings::TakeLost() {
  MutexLock lock(mutex_);
  return std::exchange(lost_, "");
}

absl::StatusOr<admin::v1::SetResponse> LiveSettings::Set(
    absl::string_view name, absl::string_view value, absl::string_view who) {
  MutexLock change(changes_mutex_);
  MutexLock lock(mutex_);
  if (!serves_) {
    return absl::FailedPreconditionError(
        "the server does not serve: it was not started, or has stopped");
  }
  const absl::StatusOr<std::string> path = Find(name);
  if (!path.ok()) return path.status();
  const ConfiguredOptions before = Now();
  config::v1::ServerConfig config = ConfigOf(before);
  FieldOf field(config, *path);
  admin::v1::SetResponse response;
  response.set_old_value(ValidUtf8(field.Text()));
  if (const absl::Status set = field.Set(value); !set.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(field.name(), ": ", set.message()));
  }
  response.set_new_value(ValidUtf8(field.Text()));
  const ConfiguredOptions after = OptionsOf(config, before);
  absl::Status valid = Validate(after.hosting);
  if (valid.ok() && change_listen_) valid = Validate(after.listen);
  if (!valid.ok()) return valid;

  if (Parts().find(*path)->second == Part::kListen) {
    change_listen_(after.listen);
  } else {
    hooks_.change(after.hosting);
  }
  hooks_.log(
      {.area = LogArea::kConfig,
       .event = "setting_changed",
       .message = absl::StrCat(
           InWords(field.name(), response.old_value(), response.new_value()),
           ", changed at run time by ", who)});
  now_ = after;
  changed_[*path] = field.Text();
  show_keys_.store(after.hosting.show_keys, std::memory_order_relaxed);
  return response;
}

absl::StatusOr<std::string> LiveSettings::Find(absl::string_view name) const {
  const Place* found = nullptr;
  std::vector<std::string> names;
  for (const Place& place : Places()) {
    names.push_back(place.field->name());
    if (place.field->name() == name || place.path == name) found = &place;
  }
  if (found == nullptr && program_.has_value()) {
    for (const admin::v1::Setting& other : program_->others) {
      names.push_back(other.name());
      if (other.name() != name) continue;
      return absl::FailedPreconditionError(absl::StrCat(
          other.name(),
          " is the program's own; it may change with the program's file, by a "
          "reload (SIGHUP) or a restart"));
    }
  }
  if (found == nullptr) {
    const std::string quoted = Quoted(name, kMostShown);
    const std::string meant = LikelyMeant(name, names);
    if (!meant.empty()) {
      return absl::NotFoundError(
          absl::StrCat(quoted, " is no setting; did you mean ", meant, "?"));
    }
    return absl::NotFoundError(absl::StrCat(
        quoted, " is no setting; those that may change at run time are ",
        absl::StrJoin(Changeable(), ", ")));
  }
  const std::string& its_name = found->field->name();
  if (!SettingOf(*found->field).reloads()) {
    return absl::FailedPreconditionError(
        absl::StrCat(its_name, " needs a restart"));
  }
  if (!MayChange(*found)) {
    return absl::FailedPreconditionError(absl::StrCat(
        its_name, " may change with the program's file, by a reload (SIGHUP)"));
  }
  if (Parts().find(found->path)->second == Part::kListen && !change_listen_) {
    return absl::FailedPreconditionError(absl::StrCat(
        its_name,
        " is a Server's, and this is a Hosting in a gRPC server of its own"));
  }
  return found->path;
}

admin::v1::Origin LiveSettings::OriginOf(const std::string& path) const {
  if (changed_.count(path) > 0) return admin::v1::ORIGIN_RUN_TIME;
  if (!program_.has_value()) return admin::v1::ORIGIN_UNSPECIFIED;
  const auto found = program_->origins.find(path);
  return found == program_->origins.end() ? admin::v1::ORIGIN_UNSPECIFIED
                                          : found->second;
}

admin::v1::GetSettingsResponse LiveSettings::Get() const {
  MutexLock lock(mutex_);
  admin::v1::GetSettingsResponse response;
  config::v1::ServerConfig config = ConfigOf(Now());
  for (const Place& place : Places()) {
    const auto part = Parts().find(place.path);
    if (part == Parts().end()) continue;
    if (part->second == Part::kListen && !change_listen_) continue;
    admin::v1::Setting& setting = *response.add_settings();
    setting.set_name(place.field->name());
    const std::string value = FieldOf(config, place.path).Text();
    setting.set_value(place.path == kSecret && value != "0" ? "(secret)"
                                                            : ValidUtf8(value));
    setting.set_origin(OriginOf(place.path));
    setting.set_can_change(MayChange(place));
    setting.set_reloads(SettingOf(*place.field).reloads());
  }
  if (program_.has_value()) {
    for (const admin::v1::Setting& other : program_->others) {
      *response.add_settings() = other;
    }
  }
  return response;
}

void LiveSettings::SetProgram(ProgramSettings program) {
  MutexLock lock(mutex_);
  program_ = std::move(program);
}

std::vector<std::string> LiveSettings::Changeable() {
  std::vector<std::string> names;
  for (const Place& place : Places()) {
    if (MayChange(place)) names.push_back(place.field->name());
  }
  return names;
}

bool LiveSettings::Has(absl::string_view path) {
  return Parts().find(path) != Parts().end();
}

}  // namespace pinion
