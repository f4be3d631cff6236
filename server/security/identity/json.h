// SPDX-License-Identifier: Apache-2.0
//
// Json: a JSON text, read by jansson, which cjose brings. For bytes of
//       strangers: an object that has a name twice is an error.
//
// Threads: one thread at a time.
// Life:    text() points into the Json.
// Example: absl::StatusOr<Json> claims = Json::Parse(bytes);
//          if (claims.ok()) issuer = claims->text("iss");
#ifndef PINION_SERVER_SECURITY_IDENTITY_JSON_H_
#define PINION_SERVER_SECURITY_IDENTITY_JSON_H_

#include <jansson.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pinion {

class Json {
 public:
  // INVALID_ARGUMENT, with the line, the column and what is wrong there, but
  // with nothing of the text, which may be secret.
  static absl::StatusOr<Json> Parse(absl::string_view bytes);

  bool is_object() const { return json_is_object(value_.get()); }

  // Of an object: whether it has the name, and its value if it is of that type.
  bool has(const char* name) const { return Find(name) != nullptr; }
  std::optional<absl::string_view> text(const char* name) const;
  std::optional<double> number(const char* name) const;
  // A text, or a list of texts; empty if it is neither.
  std::vector<std::string> texts(const char* name) const;
  // The elements of a list; none if it is no list.
  std::optional<std::vector<Json>> list(const char* name) const;

  // In one line, names in order: the same for equal values.
  std::string Canonical() const;

 private:
  struct Release {
    void operator()(json_t* value) const { json_decref(value); }
  };

  explicit Json(json_t* value) : value_(value) {}
  json_t* Find(const char* name) const {
    return json_object_get(value_.get(), name);
  }

  std::unique_ptr<json_t, Release> value_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_IDENTITY_JSON_H_
