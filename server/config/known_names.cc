// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config/known_names.h"

#include <cstddef>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "pinion/proto/wire/nearest_first.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/config/setting_value.h"

namespace pinion {
namespace {

// Of a name, in an error.
constexpr size_t kMostShown = 40;

}  // namespace

std::string JoinedPath(absl::string_view path, absl::string_view name) {
  return path.empty() ? std::string(name) : absl::StrCat(path, ".", name);
}

std::vector<std::string> FieldNames(const google::protobuf::Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) {
    names.push_back(type.field(i)->name());
  }
  return names;
}

void KnownNames::Add(const std::string& path,
                     const google::protobuf::Descriptor& type) {
  if (absl::c_linear_search(within_, &type)) return;
  within_.push_back(&type);
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *type.field(i);
    names_.push_back({path, field.name(), !IsWrittenAsText(field)});
    // A path into a list or a map has an index or a key.
    if (!IsWrittenAsText(field) && !field.is_repeated()) {
      Add(JoinedPath(path, field.name()), *field.message_type());
    }
  }
  within_.pop_back();
}

std::vector<std::string> KnownNames::Elsewhere(absl::string_view path,
                                               absl::string_view name) const {
  std::vector<std::string> paths;
  for (const Known& known : names_) {
    if (known.name != name || known.path == path) continue;
    paths.push_back(JoinedPath(known.path, name));
  }
  return paths;
}

std::string KnownNames::WhyNot(absl::string_view path, absl::string_view name,
                               const std::vector<std::string>& here) const {
  const std::string quoted = Quoted(name, kMostShown);
  const auto did_you_mean = [&](absl::string_view meant) {
    return absl::StrCat(quoted, " is unknown here; did you mean ", meant, "?");
  };
  if (const auto paths = Elsewhere(path, name); !paths.empty()) {
    return did_you_mean(absl::StrJoin(paths, " or "));
  }
  if (const std::string meant = LikelyMeant(name, here); !meant.empty()) {
    return did_you_mean(meant);
  }
  // Sections have names that are short, and near to much.
  std::vector<std::string> values;
  for (const Known& known : names_) {
    if (!known.is_section) values.push_back(known.name);
  }
  if (const std::string meant = LikelyMeant(name, values); !meant.empty()) {
    return did_you_mean(absl::StrJoin(Elsewhere(path, meant), " or "));
  }
  return absl::StrCat(quoted, " is unknown here; valid are ",
                      absl::StrJoin(NearestFirst(name, here), ", "));
}

}  // namespace pinion
