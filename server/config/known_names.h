// SPDX-License-Identifier: Apache-2.0
//
// KnownNames: the fields that a configuration may have, for errors about those
//             that it may not have.
//
// Threads: any thread.
// Cost:    Add() goes through the whole schema.
// Example: KnownNames names;
//          names.Add("", *config.GetDescriptor());
//          names.WhyNot("lanes", "lane_cals", {"lane_calls", "lane_bytes"});
//          // "\"lane_cals\" is unknown; did you mean lane_calls?"
#ifndef PINION_SERVER_CONFIG_KNOWN_NAMES_H_
#define PINION_SERVER_CONFIG_KNOWN_NAMES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace pinion {

// `name` below `path`: "lanes.lane_calls".
std::string JoinedPath(absl::string_view path, absl::string_view name);

// The names of a message's fields.
std::vector<std::string> FieldNames(const google::protobuf::Descriptor& type);

class KnownNames {
 public:
  // Adds the fields of a message that stands at `path`, and those below it.
  void Add(const std::string& path, const google::protobuf::Descriptor& type);

  // What to say of `name`, which is none of the names `here` that may stand
  // below `path`: which name was meant, here or elsewhere, or which there are.
  std::string WhyNot(absl::string_view path, absl::string_view name,
                     const std::vector<std::string>& here) const;

 private:
  struct Known {
    std::string path;
    std::string name;
    bool is_section;
  };

  // The whole paths of the fields with that name which do not stand at `path`.
  std::vector<std::string> Elsewhere(absl::string_view path,
                                     absl::string_view name) const;

  std::vector<Known> names_;
  // Those that Add() is in: a type may contain itself.
  std::vector<const google::protobuf::Descriptor*> within_;
};

}  // namespace pinion

#endif  // PINION_SERVER_CONFIG_KNOWN_NAMES_H_
