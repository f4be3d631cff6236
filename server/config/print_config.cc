// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config/print_config.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "pinion/server/config/known_names.h"
#include "pinion/server/config/plain_text.h"
#include "pinion/server/config/setting_value.h"

namespace pinion {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

// Writes lines, each with the indentation of what it stands in.
class Printer {
 public:
  using Comment = std::function<std::string(const std::string& path)>;
  explicit Printer(const Comment& comment) : comment_(comment) {}

  // Those that are set, each with what is below it.
  void Fields(const Message& message, const std::string& path, int depth) {
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      Field(message, *field, JoinedPath(path, field->name()), depth);
    }
  }

  // "NAME:", and below it the fields.
  void Section(absl::string_view name, const Message& message,
               const std::string& path, int depth) {
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    Line(depth, absl::StrCat(name, fields.empty() ? ": {}" : ":"));
    Fields(message, path, depth + 1);
  }

  void Line(int depth, absl::string_view text) {
    absl::StrAppend(&text_, std::string(2 * depth, ' '), text, "\n");
  }

  std::string Finish() && { return std::move(text_); }

 private:
  void Field(const Message& message, const FieldDescriptor& field,
             const std::string& path, int depth) {
    if (field.is_map()) {
      Line(depth, absl::StrCat(field.name(), ":"));
      EachEntry(message, field, [&](const Message& entry, int) {
        MapEntry(entry, path, depth + 1);
      });
    } else if (field.is_repeated()) {
      List(message, field, path, depth);
    } else if (IsWrittenAsText(field)) {
      Value(absl::StrCat(field.name(), ": "), message, field, -1, path, depth);
    } else {
      Section(field.name(),
              message.GetReflection()->GetMessage(message, &field), path,
              depth);
    }
  }

  template <typename Visit>
  static void EachEntry(const Message& message, const FieldDescriptor& field,
                        Visit visit) {
    const auto& reflection = *message.GetReflection();
    const int size = reflection.FieldSize(message, &field);
    for (int i = 0; i < size; ++i) {
      visit(reflection.GetRepeatedMessage(message, &field, i), i);
    }
  }

  void MapEntry(const Message& entry, const std::string& map_path, int depth) {
    const FieldDescriptor& key = *entry.GetDescriptor()->map_key();
    const FieldDescriptor& value = *entry.GetDescriptor()->map_value();
    const std::string name = Written(ValueText(entry, key), key);
    const std::string path = JoinedPath(map_path, ValueText(entry, key));
    if (IsWrittenAsText(value)) {
      Value(absl::StrCat(name, ": "), entry, value, -1, path, depth);
    } else {
      Section(name, entry.GetReflection()->GetMessage(entry, &value), path,
              depth);
    }
  }

  void List(const Message& message, const FieldDescriptor& field,
            const std::string& path, int depth) {
    Line(depth, absl::StrCat(field.name(), ":"));
    if (IsWrittenAsText(field)) {
      const int size = message.GetReflection()->FieldSize(message, &field);
      for (int i = 0; i < size; ++i) {
        Value("- ", message, field, i, absl::StrCat(path, "[", i, "]"),
              depth + 1);
      }
      return;
    }
    EachEntry(message, field, [&](const Message& entry, int i) {
      const size_t begin = text_.size();
      Fields(entry, absl::StrCat(path, "[", i, "]"), depth + 2);
      if (text_.size() == begin) Line(depth + 2, "{}");
      text_[begin + 2 * (depth + 1)] =
          '-';  // Where its first line is indented.
    });
  }

  void Value(absl::string_view before, const Message& message,
             const FieldDescriptor& field, int index, const std::string& path,
             int depth) {
    const std::string text = ValueText(message, field, index);
    // An unspecified enum value has no text.
    if (text.empty() && !IsFreeText(field)) return;
    Line(depth,
         absl::StrCat(before, Written(text, field), comment_ ? "  # " : "",
                      comment_ ? comment_(path) : ""));
  }

  static std::string Written(const std::string& text,
                             const FieldDescriptor& field) {
    return IsFreeText(field) ? YamlQuoted(text) : text;
  }

  const Comment& comment_;
  std::string text_;
};

}  // namespace

std::string PrintConfig(
    const Message& config, absl::Span<const ConfigSection> services,
    const std::function<std::string(const std::string& path)>& comment) {
  Printer printer(comment);
  printer.Fields(config, "", 0);
  if (!services.empty()) printer.Line(0, "services:");
  for (const ConfigSection& section : services) {
    printer.Section(section.name, *section.message,
                    JoinedPath("services", section.name), 1);
  }
  return std::move(printer).Finish();
}

}  // namespace pinion
