// SPDX-License-Identifier: Apache-2.0
//
// YamlNode: what a YAML file says, as a tree whose every node knows its place.
//
// Threads: plain data and a plain function; any thread.
// Limits:  nodes nest at most 32 deep. libyaml, which reads the text, does not
//          recurse, and neither do we while we read.
// Example: YamlDocument document = ReadYaml(text);
#ifndef PINION_SERVER_CONFIG_YAML_NODE_H_
#define PINION_SERVER_CONFIG_YAML_NODE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "pinion/server/config/config_mistake.h"

namespace pinion {

struct YamlField;

struct YamlNode {
  enum class Kind { kText, kList, kMap };

  // A text that is `plain`, which is without quotes, and empty or null.
  bool IsNull() const;

  Kind kind = Kind::kText;
  ConfigPlace place = {};
  // Why the node must not stand there, such as an alias; empty: it may. What is
  // below a refused list or map may be looked at.
  std::string refused = {};
  // The end was not read, because of a mistake within the node. So its kind may
  // be part of that mistake.
  bool cut_off = false;

  // Of a text only.
  std::string text = {};
  bool plain = true;

  // Of a list, and of a map, only; in the file's order. A name may be doubled.
  std::vector<YamlNode> items;
  std::vector<YamlField> fields;
};

struct YamlField {
  std::string name = {};
  ConfigPlace place = {};
  // Why the name is none, such as "<<"; empty: it is one.
  std::string refused = {};
  YamlNode value = {};
};

struct YamlDocument {
  // Null if the file says nothing. After a mistake: what stands before it.
  YamlNode root = {};
  // What made it impossible to read on, without a file.
  absl::optional<ConfigMistake> mistake = {};
  // The place of the text from which the mistake follows, which then is one
  // itself. If that was told, nobody needs to hear of this one.
  absl::optional<ConfigPlace> follows_from = {};
};

// `text` is plain (plain_text.h).
YamlDocument ReadYaml(absl::string_view text);

}  // namespace pinion

#endif  // PINION_SERVER_CONFIG_YAML_NODE_H_
