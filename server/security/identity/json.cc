// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/identity/json.h"

#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace pinion {
namespace {

absl::string_view TextOf(const json_t* value) {
  return {json_string_value(value), json_string_length(value)};
}

// jansson's own text has what stands there, which may be a secret.
absl::string_view WhyNotJson(const json_error_t& error) {
  switch (json_error_code(&error)) {
    case json_error_premature_end_of_input:
      return "the JSON ends too early";
    case json_error_duplicate_key:
      return "a name is twice in one object";
    case json_error_invalid_utf8:
      return "this is not UTF-8";
    case json_error_stack_overflow:
      return "it is nested too deep";
    default:
      return "this is no JSON";
  }
}

}  // namespace

absl::StatusOr<Json> Json::Parse(absl::string_view bytes) {
  json_error_t error;
  json_t* const value =
      json_loadb(bytes.data(), bytes.size(), JSON_REJECT_DUPLICATES, &error);
  if (value == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("line ", error.line,
                                                   ", column ", error.column,
                                                   ": ", WhyNotJson(error)));
  }
  return Json(value);
}

std::optional<absl::string_view> Json::text(const char* name) const {
  const json_t* const value = Find(name);
  if (!json_is_string(value)) return std::nullopt;
  return TextOf(value);
}

std::optional<double> Json::number(const char* name) const {
  const json_t* const value = Find(name);
  if (!json_is_number(value)) return std::nullopt;
  return json_number_value(value);
}

std::vector<std::string> Json::texts(const char* name) const {
  const json_t* const value = Find(name);
  if (json_is_string(value)) return {std::string(TextOf(value))};
  std::vector<std::string> texts;
  for (size_t i = 0; i < json_array_size(value); ++i) {
    const json_t* const element = json_array_get(value, i);
    if (!json_is_string(element)) return {};
    texts.emplace_back(TextOf(element));
  }
  return texts;
}

std::optional<std::vector<Json>> Json::list(const char* name) const {
  const json_t* const value = Find(name);
  if (!json_is_array(value)) return std::nullopt;
  std::vector<Json> elements;
  for (size_t i = 0; i < json_array_size(value); ++i) {
    elements.push_back(Json(json_incref(json_array_get(value, i))));
  }
  return elements;
}

std::string Json::Canonical() const {
  char* const text =
      json_dumps(value_.get(), JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
  std::string result = text != nullptr ? text : "";
  std::free(text);
  return result;
}

}  // namespace pinion
