// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config/read_config.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/config/known_names.h"
#include "pinion/server/config/plain_text.h"
#include "pinion/server/config/setting_value.h"
#include "pinion/server/config/yaml_node.h"

namespace pinion {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::OneofDescriptor;

// More are no help to anybody.
constexpr size_t kMostMistakes = 100;

// The longest text of a value.
constexpr size_t kMostTextBytes = size_t{64} << 10;

// Of a name, in a path.
constexpr size_t kMostShown = 40;

// Where sections of the program's own stand.
constexpr char kServices[] = "services";

// Goes through the tree beside the schema.
class Walk {
 public:
  Walk(absl::Span<const ConfigSection> services, ConfigReading* reading)
      : services_(services), reading_(*reading) {}

  // The whole file.
  void Root(const YamlNode& node, Message* config) {
    names_.Add("", *config->GetDescriptor());
    for (const ConfigSection& section : services_) {
      names_.Add(JoinedPath(kServices, section.name),
                 *section.message->GetDescriptor());
    }
    Section(node, "", config);
  }

  void Tell(ConfigPlace place, const std::string& path, std::string text) {
    if (IsFull()) return;
    reading_.mistakes.push_back({reading_.file, place, path, std::move(text)});
  }

 private:
  // One more than are told, so that it is known.
  bool IsFull() const { return reading_.mistakes.size() > kMostMistakes; }

  // Whether a node is of the kind that the schema wants, and its contents may
  // be looked at; a mistake otherwise. Null is a list or map without entries.
  bool Is(YamlNode::Kind kind, const YamlNode& node, const std::string& path,
          absl::string_view wanted) {
    const bool is_text = kind == YamlNode::Kind::kText;
    if (!node.refused.empty()) {
      Tell(node.place, path, node.refused);
      return node.kind == kind && !is_text;
    }
    if (node.kind == kind) return true;
    if (!node.cut_off && (is_text || !node.IsNull())) {
      Tell(node.place, path,
           absl::StrCat(wanted, " is expected here, and not ", WhatItIs(node)));
    }
    return false;
  }

  static std::string WhatItIs(const YamlNode& node) {
    switch (node.kind) {
      case YamlNode::Kind::kList:
        return "a list";
      case YamlNode::Kind::kMap:
        return "a section with fields";
      case YamlNode::Kind::kText:
        break;
    }
    return Quoted(node.text, kMostShown);
  }

  static std::string Shown(absl::string_view name) {
    return Escaped(BeginningOf(name, kMostShown));
  }

  // Calls `visit` with each entry of a map whose name is one, and stands in it
  // for the first time.
  template <typename Visit>
  void EachField(const YamlNode& map, const std::string& path, Visit visit) {
    std::set<absl::string_view> seen;
    for (const YamlField& entry : map.fields) {
      const std::string below = JoinedPath(path, Shown(entry.name));
      if (!entry.refused.empty()) {
        Tell(entry.place, path, entry.refused);
      } else if (!seen.insert(entry.name).second) {
        Tell(entry.place, below, "the name stands here twice; remove one");
      } else {
        visit(entry, below);
      }
    }
  }

  void Section(const YamlNode& node, const std::string& path,
               Message* message) {
    if (!Is(YamlNode::Kind::kMap, node, path, "a section with fields")) return;
    const Descriptor& type = *message->GetDescriptor();
    EachField(node, path, [&](const YamlField& entry, const std::string& at) {
      const FieldDescriptor* const field = type.FindFieldByName(entry.name);
      if (field != nullptr) {
        Field(entry, at, *field, message);
      } else if (path.empty() && entry.name == kServices &&
                 !services_.empty()) {
        Services(entry.value, at);
      } else if (!IsFull()) {  // The name is compared with all others.
        Unknown(entry, path, at, FieldNames(type));
      }
    });
  }

  void Services(const YamlNode& node, const std::string& path) {
    if (!Is(YamlNode::Kind::kMap, node, path, "a section with fields")) return;
    std::vector<std::string> known;
    for (const ConfigSection& section : services_) {
      known.push_back(section.name);
    }
    EachField(node, path, [&](const YamlField& entry, const std::string& at) {
      const auto section = std::find(known.begin(), known.end(), entry.name);
      if (section != known.end()) {
        Section(entry.value, at, services_[section - known.begin()].message);
      } else if (!IsFull()) {
        Unknown(entry, path, at, known);
      }
    });
  }

  void Unknown(const YamlField& entry, const std::string& path,
               const std::string& at, std::vector<std::string> here) {
    if (path.empty() && !services_.empty()) here.push_back(kServices);
    Tell(entry.place, at, names_.WhyNot(path, entry.name, here));
  }

  void Field(const YamlField& entry, const std::string& path,
             const FieldDescriptor& field, Message* message) {
    if (const OneofDescriptor* const choice = field.real_containing_oneof()) {
      const FieldDescriptor* const other =
          message->GetReflection()->GetOneofFieldDescriptor(*message, choice);
      if (other != nullptr) {
        Tell(entry.place, path,
             absl::StrCat("it must not stand beside ", other->name(),
                          "; remove one of them"));
        return;
      }
    }
    if (field.is_map()) {
      Map(entry.value, path, field, message);
    } else if (field.is_repeated()) {
      List(entry.value, path, field, message);
    } else {
      // What is not written there has the place of its name.
      const ConfigPlace place =
          entry.value.IsNull() ? entry.place : entry.value.place;
      Value(entry.value, place, path, field, message);
    }
  }

  void List(const YamlNode& node, const std::string& path,
            const FieldDescriptor& field, Message* message) {
    if (!Is(YamlNode::Kind::kList, node, path, "a list")) return;
    reading_.places[path] = node.place;
    for (size_t i = 0; i < node.items.size(); ++i) {
      Value(node.items[i], node.items[i].place, absl::StrCat(path, "[", i, "]"),
            field, message);
    }
  }

  void Map(const YamlNode& node, const std::string& path,
           const FieldDescriptor& field, Message* message) {
    if (!Is(YamlNode::Kind::kMap, node, path, "a map")) return;
    reading_.places[path] = node.place;
    const Descriptor& type = *field.message_type();
    EachField(node, path, [&](const YamlField& entry, const std::string& at) {
      const std::unique_ptr<Message> added(message->GetReflection()
                                               ->GetMessageFactory()
                                               ->GetPrototype(&type)
                                               ->New());
      const absl::Status key =
          SetValue(added.get(), *type.map_key(), entry.name);
      if (!key.ok()) {
        Tell(entry.place, at, std::string(key.message()));
        return;
      }
      const ConfigPlace place =
          entry.value.IsNull() ? entry.place : entry.value.place;
      Value(entry.value, place, at, *type.map_value(), added.get());
      message->GetReflection()->AddMessage(message, &field)->CopyFrom(*added);
    });
  }

  // The field's value, or another one of its list.
  void Value(const YamlNode& node, ConfigPlace place, const std::string& path,
             const FieldDescriptor& field, Message* message) {
    reading_.places[path] = place;
    if (!IsWrittenAsText(field)) {
      Section(node, path,
              field.is_repeated()
                  ? message->GetReflection()->AddMessage(message, &field)
                  : message->GetReflection()->MutableMessage(message, &field));
      return;
    }
    if (!Is(YamlNode::Kind::kText, node, path, "one value")) return;
    if (node.IsNull()) {
      Tell(place, path, "there is no value; write one, or remove the line");
    } else if (node.text.size() > kMostTextBytes) {
      Tell(place, path,
           absl::StrCat("the value has ", node.text.size(),
                        " bytes; the most is ", kMostTextBytes));
    } else if (const absl::Status set = SetValue(message, field, node.text);
               !set.ok()) {
      Tell(place, path, std::string(set.message()));
    }
  }

  const absl::Span<const ConfigSection> services_;
  ConfigReading& reading_;
  KnownNames names_;
};

// Whether what made it impossible to read on only follows from another mistake.
bool IsTold(const YamlDocument& document, const ConfigReading& reading) {
  if (!document.follows_from.has_value()) return false;
  const ConfigPlace cause = *document.follows_from;
  return absl::c_any_of(reading.mistakes, [&](const ConfigMistake& mistake) {
    return mistake.place.line == cause.line &&
           mistake.place.column == cause.column;
  });
}

void ReadText(absl::string_view text, Message* config,
              absl::Span<const ConfigSection> services,
              ConfigReading* reading) {
  Walk walk(services, reading);
  if (auto why = WhyNotPlainText(text)) {
    walk.Tell(why->place, why->path, std::move(why->text));
    return;
  }
  const YamlDocument document = ReadYaml(text);
  walk.Root(document.root, config);
  if (document.mistake.has_value() && !IsTold(document, *reading)) {
    walk.Tell(document.mistake->place, document.mistake->path,
              document.mistake->text);
  }
}

// Puts them into the file's order.
void Sort(std::vector<ConfigMistake>* mistakes) {
  std::stable_sort(mistakes->begin(), mistakes->end(),
                   [](const ConfigMistake& a, const ConfigMistake& b) {
                     return std::tie(a.place.line, a.place.column) <
                            std::tie(b.place.line, b.place.column);
                   });
}

// Says that there are more than kMostMistakes, if so.
void Shorten(ConfigReading* reading) {
  if (reading->mistakes.size() <= kMostMistakes) return;
  reading->mistakes.resize(kMostMistakes);
  reading->mistakes.push_back(
      {.file = reading->file,
       .text =
           absl::StrCat("there are more mistakes than these ", kMostMistakes)});
}

}  // namespace

ConfigMistake ConfigReading::MistakeAt(absl::string_view path,
                                       absl::string_view text) const {
  const auto found = places.find(std::string(path));
  return {file, found == places.end() ? ConfigPlace() : found->second,
          std::string(path), std::string(text)};
}

ConfigReading ReadConfig(absl::string_view file, absl::string_view text,
                         Message* config,
                         absl::Span<const ConfigSection> services) {
  config->Clear();
  for (const ConfigSection& section : services) section.message->Clear();
  ConfigReading reading = {.file = std::string(file)};
  ReadText(text, config, services, &reading);
  Sort(&reading.mistakes);
  Shorten(&reading);
  return reading;
}

absl::Status ReadConfigText(const std::string& path, std::string* text) {
  errno = 0;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen(path.c_str(), "re"), std::fclose);
  text->resize(kMostConfigBytes + 1);
  if (file != nullptr) {
    text->resize(std::fread(text->data(), 1, text->size(), file.get()));
    if (std::ferror(file.get()) == 0) return absl::OkStatus();
  }
  return absl::UnavailableError(
      absl::StrCat("the file cannot be read: ", std::strerror(errno)));
}

ConfigReading ReadConfigFile(const std::string& path, Message* config,
                             absl::Span<const ConfigSection> services) {
  std::string text;
  const absl::Status read = ReadConfigText(path, &text);
  if (read.ok()) return ReadConfig(path, text, config, services);
  ConfigReading reading = ReadConfig(path, "", config, services);
  reading.mistakes.push_back(
      {.file = path, .text = std::string(read.message())});
  return reading;
}

}  // namespace pinion
