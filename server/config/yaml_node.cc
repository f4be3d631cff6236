// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config/yaml_node.h"

#include <yaml.h>

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "pinion/core/base/check.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

// More than any configuration needs. libyaml takes quadratic time for lists
// within lists in one line, and is not asked to read on at this depth.
constexpr size_t kMostDepth = 32;

// YAML takes a longer text for no field's name.
constexpr size_t kMostNameBytes = 1024;

// Of a name or a text, in an error.
constexpr size_t kMostShown = 40;

// ---- libyaml's objects, which end with their scope --------------------------

class YamlParser {
 public:
  explicit YamlParser(absl::string_view text) {
    // Fails only if there is no memory.
    PINION_CHECK(yaml_parser_initialize(&parser_) == 1, "no memory");
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(
        &parser_, reinterpret_cast<const unsigned char*>(text.data()),
        text.size());
  }
  ~YamlParser() { yaml_parser_delete(&parser_); }

  YamlParser(const YamlParser&) = delete;
  YamlParser& operator=(const YamlParser&) = delete;

  bool Next(yaml_event_t* event) {
    return yaml_parser_parse(&parser_, event) == 1;
  }
  // What went wrong after Next() has returned false.
  const yaml_parser_t& failed() const { return parser_; }

 private:
  yaml_parser_t parser_;
};

struct YamlEvent {
  YamlEvent() = default;
  ~YamlEvent() { yaml_event_delete(&event); }

  YamlEvent(const YamlEvent&) = delete;
  YamlEvent& operator=(const YamlEvent&) = delete;

  yaml_event_t event = {};
};

std::string TextOf(const yaml_char_t* text) {
  return text == nullptr ? "" : reinterpret_cast<const char*>(text);
}

// libyaml has written out the "!!".
std::string TagAsWritten(const yaml_char_t* tag) {
  const std::string text = TextOf(tag);
  absl::string_view name = text;
  return absl::ConsumePrefix(&name, "tag:yaml.org,2002:")
             ? absl::StrCat("!!", name)
             : text;
}

ConfigPlace PlaceOf(const yaml_mark_t& mark) {
  return {.line = static_cast<int>(mark.line) + 1,
          .column = static_cast<int>(mark.column) + 1};
}

// ---- What libyaml says, in plain words --------------------------------------

// Where libyaml found it, or where the thing began that it was reading.
enum class Where { kProblem, kContext };

struct Translation {
  absl::string_view problem;  // libyaml's.
  Where where;
  absl::string_view text;
};

constexpr Translation kTranslations[] = {
    {"found unexpected end of stream", Where::kContext,
     "the quote that begins here is never closed"},
    {"found unexpected document indicator", Where::kContext,
     "the quote that begins here is never closed"},
    {"could not find expected ':'", Where::kContext,
     "this is no field: a colon is missing behind its name"},
    {"mapping values are not allowed in this context", Where::kProblem,
     "a colon is not expected here; write each field in a line of its own, "
     "the fields of one section with the same indentation, and a text with "
     "\": \" in quotes"},
    {"did not find expected key", Where::kProblem,
     "a field of the same indentation as the ones before it is expected here; "
     "write a text with other signs in quotes"},
    {"did not find expected ',' or ']'", Where::kContext,
     "the list that begins here is not closed by a ], or lacks a comma"},
    {"did not find expected ',' or '}'", Where::kContext,
     "the section that begins here is not closed by a }, or lacks a comma"},
    {"did not find expected '-' indicator", Where::kProblem,
     "an entry of the list, which begins with \"- \", is expected here"},
    {"did not find expected node content", Where::kProblem,
     "a value is expected here; write a text with brackets or other signs in "
     "quotes"},
    {"did not find expected <document start>", Where::kProblem,
     "nothing is expected here, behind the end of the configuration"},
    {"did not find expected alphabetic or numeric character", Where::kContext,
     "a text that begins with * or & must be in quotes"},
    {"found unknown escape character", Where::kProblem,
     "this escape is unknown in double quotes; write \\\\ for a backslash, or "
     "use single quotes"},
    {"found a tab character that violates indentation", Where::kProblem,
     "a tab must not indent a line; use spaces"},
    {"found a tab character where an indentation space is expected",
     Where::kProblem, "a tab must not indent a line; use spaces"},
};

// Why no value begins at that character. libyaml counts characters, not bytes.
std::string WhyNotBeginning(absl::string_view text, size_t index) {
  while (index > 0 && !text.empty()) {
    text.remove_prefix(FirstCharacter(text));
    --index;
  }
  if (text.empty() || text[0] == '\t') {
    return "a tab must not indent a line; use spaces";
  }
  const absl::string_view character = text.substr(0, FirstCharacter(text));
  return absl::StrCat("a value does not begin with ",
                      Quoted(character, character.size()),
                      "; write it in quotes");
}

ConfigMistake MistakeOf(const yaml_parser_t& failed, absl::string_view text) {
  PINION_CHECK(failed.error != YAML_MEMORY_ERROR, "no memory");
  const absl::string_view problem = absl::NullSafeStringView(failed.problem);
  const ConfigPlace at = PlaceOf(failed.problem_mark);
  if (problem == "found character that cannot start any token") {
    return {.place = at,
            .text = WhyNotBeginning(text, failed.problem_mark.index)};
  }
  for (const Translation& known : kTranslations) {
    if (problem != known.problem) continue;
    const bool context =
        known.where == Where::kContext && failed.context != nullptr;
    return {.place = context ? PlaceOf(failed.context_mark) : at,
            .text = std::string(known.text)};
  }
  return {.place = at, .text = absl::StrCat("this is not YAML: ", problem)};
}

// ---- The tree ---------------------------------------------------------------

class TreeBuilder {
 public:
  // False if the file has ended, or must not be read further.
  bool Take(const yaml_event_t& event) {
    switch (event.type) {
      case YAML_STREAM_END_EVENT:
        return false;
      case YAML_DOCUMENT_START_EVENT:
        return BeginDocument(event);
      case YAML_ALIAS_EVENT:
        return Add(Alias(event));
      case YAML_SCALAR_EVENT:
        return Add(Scalar(event));
      case YAML_SEQUENCE_START_EVENT:
        return Open(event, YamlNode::Kind::kList,
                    event.data.sequence_start.anchor,
                    event.data.sequence_start.tag);
      case YAML_MAPPING_START_EVENT:
        return Open(event, YamlNode::Kind::kMap,
                    event.data.mapping_start.anchor,
                    event.data.mapping_start.tag);
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        return Close();
      default:
        return true;
    }
  }

  // What was read, with the nodes that are still open.
  YamlDocument Finish() && {
    while (!open_.empty()) {
      open_.back().node.cut_off = true;
      Close();
    }
    return {.root = std::move(root_),
            .mistake = std::move(mistake_),
            .follows_from = no_name_};
  }

  // The file must not be read further. Returns false.
  bool Fail(ConfigMistake mistake) {
    mistake.path = Path();
    mistake_ = std::move(mistake);
    return false;
  }

 private:
  // A list or map whose end was not read yet.
  struct OpenNode {
    YamlNode node;
    // Of a map: the field whose value comes next.
    absl::optional<YamlField> field;
  };

  static std::string WhyNotProperties(const yaml_char_t* anchor,
                                      const yaml_char_t* tag) {
    if (anchor != nullptr) {
      return absl::StrCat("the YAML anchor ",
                          Quoted(absl::StrCat("&", TextOf(anchor)), kMostShown),
                          " must not stand here; remove it");
    }
    if (tag == nullptr) return "";
    return absl::StrCat("the YAML tag ", Quoted(TagAsWritten(tag), kMostShown),
                        " must not stand here; remove it");
  }

  static YamlNode Alias(const yaml_event_t& event) {
    YamlNode node;
    node.place = PlaceOf(event.start_mark);
    node.refused = absl::StrCat(
        "the YAML alias ",
        Quoted(absl::StrCat("*", TextOf(event.data.alias.anchor)), kMostShown),
        " must not stand here; write the value itself");
    return node;
  }

  YamlNode Scalar(const yaml_event_t& event) {
    const auto& scalar = event.data.scalar;
    YamlNode node;
    node.place = PlaceOf(event.start_mark);
    node.refused = WhyNotProperties(scalar.anchor, scalar.tag);
    node.text.assign(reinterpret_cast<const char*>(scalar.value),
                     scalar.length);
    node.plain = scalar.style == YAML_PLAIN_SCALAR_STYLE;
    const bool goes_on =
        node.plain && event.start_mark.line != event.end_mark.line;
    if (!node.text.empty()) {
      no_name_.reset();
      if (goes_on || node.text.size() > kMostNameBytes) no_name_ = node.place;
    }
    if (goes_on && node.refused.empty()) {
      node.refused =
          "the value goes on in the next line; write it in quotes, or give the "
          "next line the indentation of this one and a colon";
    }
    return node;
  }

  bool BeginDocument(const yaml_event_t& event) {
    if (!seen_document_) return seen_document_ = true;
    return Fail({.place = PlaceOf(event.start_mark),
                 .text = "a second YAML document begins here; a configuration "
                         "is one"});
  }

  bool Open(const yaml_event_t& event, YamlNode::Kind kind,
            const yaml_char_t* anchor, const yaml_char_t* tag) {
    const ConfigPlace place = PlaceOf(event.start_mark);
    if (AwaitsName()) {
      return Fail(
          {.place = place, .text = "a field's name must be one word here"});
    }
    if (open_.size() == kMostDepth) {
      return Fail({.place = place,
                   .text = absl::StrCat("values nest more than ", kMostDepth,
                                        " deep here")});
    }
    OpenNode& opened = open_.emplace_back();
    opened.node.kind = kind;
    opened.node.place = place;
    opened.node.refused = WhyNotProperties(anchor, tag);
    return true;
  }

  // A map is open, and a name comes next in it.
  bool AwaitsName() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::kMap &&
           !open_.back().field.has_value();
  }

  bool Close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    return Add(std::move(node));
  }

  bool Add(YamlNode node) {
    if (AwaitsName()) {
      open_.back().field = AsName(std::move(node));
    } else if (open_.empty()) {
      root_ = std::move(node);
    } else if (OpenNode& parent = open_.back(); parent.field.has_value()) {
      parent.field->value = std::move(node);
      parent.node.fields.push_back(*std::move(parent.field));
      parent.field.reset();
    } else {
      parent.node.items.push_back(std::move(node));
    }
    return true;
  }

  static YamlField AsName(YamlNode node) {
    YamlField field;
    field.place = node.place;
    field.refused = std::move(node.refused);
    if (field.refused.empty() && node.IsNull()) {
      field.refused = "a field's name must not be null";
    } else if (field.refused.empty() && node.plain && node.text == "<<") {
      field.refused =
          "the YAML merge key \"<<\" must not stand here; write the fields "
          "themselves";
    }
    field.name = std::move(node.text);
    return field;
  }

  // The names of the fields whose values are still open.
  std::string Path() const {
    std::vector<std::string> names;
    for (const OpenNode& open : open_) {
      if (open.field.has_value()) {
        names.push_back(Escaped(BeginningOf(open.field->name, kMostShown)));
      }
    }
    return absl::StrJoin(names, ".");
  }

  YamlNode root_;
  std::vector<OpenNode> open_;
  bool seen_document_ = false;
  // The place of the last text, if no colon may follow it.
  absl::optional<ConfigPlace> no_name_;
  absl::optional<ConfigMistake> mistake_;
};

}  // namespace

bool YamlNode::IsNull() const {
  return kind == Kind::kText && plain &&
         (text.empty() || text == "~" || text == "null" || text == "Null" ||
          text == "NULL");
}

YamlDocument ReadYaml(absl::string_view text) {
  YamlParser parser(text);
  TreeBuilder tree;
  for (bool more = true; more;) {
    YamlEvent next;
    more = parser.Next(&next.event)
               ? tree.Take(next.event)
               : tree.Fail(MistakeOf(parser.failed(), text));
  }
  return std::move(tree).Finish();
}

}  // namespace pinion
