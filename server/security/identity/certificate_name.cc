// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/identity/certificate_name.h"

#include <grpc/grpc_security_constants.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

// Of a name, in an error.
constexpr size_t kMostShown = 64;

std::optional<Principal> Named(std::string name) {
  if (name.empty() || OneLine(name) != name) return std::nullopt;
  return Principal{Principal::Kind::kX509, std::move(name)};
}

// The first value of a property; none if it has none.
std::optional<std::string> First(const grpc::AuthContext& context,
                                 const char* property) {
  const std::vector<grpc::string_ref> values =
      context.FindPropertyValues(property);
  if (values.empty()) return std::nullopt;
  return std::string(values[0].data(), values[0].size());
}

bool IsSpiffe(absl::string_view name) {
  return absl::StartsWithIgnoreCase(name, "spiffe://");
}

// A DNS name or a common name. Nobody has proven a URI by one that looks so.
std::optional<Principal> NotSpiffe(std::string name) {
  if (IsSpiffe(name)) return std::nullopt;
  return Named(std::move(name));
}

// Where the quoted text ends that begins at the front of `text`: at the quote
// that has no backslash before it.
size_t EndOfQuoted(absl::string_view text) {
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i;
    }
  }
  return absl::string_view::npos;
}

// One NAME=VALUE of an element.
struct ForwardedField {
  std::string name;         // In lower case.
  absl::string_view value;  // Without its quotes, and with its backslashes.
  bool quoted = false;
};

// Takes NAME=VALUE or NAME="VALUE" from the front of `rest`, up to the next
// semicolon or comma. The grammar is strict, because a client may write what
// stands before the proxy's own element: quotes are around a whole value or
// nowhere, and a backslash means something within them only. So no text of a
// client can take the proxy's comma into itself.
std::optional<ForwardedField> TakeField(absl::string_view* rest) {
  const size_t equals = rest->find_first_of("=,;\"");
  if (equals == absl::string_view::npos || (*rest)[equals] != '=') {
    return std::nullopt;
  }
  ForwardedField field;
  field.name = absl::AsciiStrToLower(
      absl::StripAsciiWhitespace(rest->substr(0, equals)));
  *rest = absl::StripLeadingAsciiWhitespace(rest->substr(equals + 1));
  if (absl::StartsWith(*rest, "\"")) {
    const size_t end = EndOfQuoted(*rest);
    if (end == absl::string_view::npos) return std::nullopt;
    field.quoted = true;
    field.value = rest->substr(1, end - 1);
    *rest = absl::StripLeadingAsciiWhitespace(rest->substr(end + 1));
  } else {
    const size_t end = std::min(rest->find_first_of(",;\""), rest->size());
    field.value = absl::StripAsciiWhitespace(rest->substr(0, end));
    rest->remove_prefix(end);
  }
  const bool ends =
      rest->empty() || rest->front() == ',' || rest->front() == ';';
  if (!ends || field.name.empty()) return std::nullopt;
  return field;
}

// The fields of the header's last element. None if it is not a list of elements
// with commas between them, whose fields have semicolons between them.
std::optional<std::vector<ForwardedField>> LastElement(
    absl::string_view header) {
  std::vector<ForwardedField> fields;
  for (;;) {
    std::optional<ForwardedField> field = TakeField(&header);
    if (!field.has_value()) return std::nullopt;
    fields.push_back(*std::move(field));
    if (header.empty()) return fields;
    if (header.front() == ',') fields.clear();
    header.remove_prefix(1);
  }
}

// Without the backslashes before quotes and backslashes; others belong to the
// value, as those of a distinguished name.
std::string Unescaped(absl::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escapes = text[i] == '\\' && i + 1 < text.size() &&
                         (text[i + 1] == '"' || text[i + 1] == '\\');
    if (escapes) ++i;
    plain += text[i];
  }
  return plain;
}

std::string ValueOf(const ForwardedField& field) {
  return field.quoted ? Unescaped(field.value) : std::string(field.value);
}

// Cuts a distinguished name at each comma that is neither within quotes nor
// after a backslash. None if a quote is not closed.
std::optional<std::vector<absl::string_view>> AttributesOf(
    absl::string_view text) {
  std::vector<absl::string_view> parts;
  size_t begin = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == ',' && !quoted) {
      parts.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  if (quoted) return std::nullopt;
  parts.push_back(text.substr(begin));
  return parts;
}

// The value of an attribute in RFC 2253, without its backslashes.
std::string UnescapedAttribute(absl::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      plain += text[i];
    } else if (i + 2 < text.size() && absl::ascii_isxdigit(text[i + 1]) &&
               absl::ascii_isxdigit(text[i + 2])) {
      plain += absl::HexStringToBytes(text.substr(i + 1, 2));
      i += 2;
    } else {
      plain += text[++i];
    }
  }
  return plain;
}

// The common name of a distinguished name as RFC 2253 writes it. In OpenSSL's
// older form, "/O=a/CN=b", a value may look like another attribute, so it has
// none.
std::optional<std::string> CommonName(absl::string_view subject) {
  const auto parts = AttributesOf(subject);
  if (!parts.has_value()) return std::nullopt;
  for (absl::string_view part : *parts) {
    part = absl::StripLeadingAsciiWhitespace(part);
    if (absl::ConsumePrefix(&part, "CN=")) {
      return UnescapedAttribute(part);
    }
  }
  return std::nullopt;
}

absl::Status Refused(absl::string_view why) {
  return absl::UnauthenticatedError(absl::StrCat(
      "the metadata \"x-forwarded-client-cert\" proves nothing: ", why));
}

// That of a subject. Some proxies write it as OpenSSL does, and others escape
// that once more; so a name counts only if both readings have it.
absl::StatusOr<std::optional<Principal>> NameOfSubject(
    const ForwardedField& subject) {
  std::optional<std::string> name = CommonName(subject.value);
  if (name != CommonName(ValueOf(subject))) {
    return Refused("the subject of its last element can be read in two ways");
  }
  if (!name.has_value()) return std::nullopt;
  return NotSpiffe(*std::move(name));
}

// The URIs of a certificate that begin with spiffe://, in any case.
bool ClaimsSpiffe(const grpc::AuthContext& context) {
  const std::vector<grpc::string_ref> uris =
      context.FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME);
  return std::any_of(uris.begin(), uris.end(), [](grpc::string_ref uri) {
    return IsSpiffe({uri.data(), uri.size()});
  });
}

}  // namespace

std::optional<Principal> CertificateName(const grpc::AuthContext& context) {
  if (!context.IsPeerAuthenticated()) return std::nullopt;
  auto spiffe = First(context, GRPC_PEER_SPIFFE_ID_PROPERTY_NAME);
  if (spiffe.has_value()) {
    const size_t uris =
        context.FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME).size();
    if (uris > 1) return std::nullopt;
    return Named(*std::move(spiffe));
  }
  // gRPC gives no SPIFFE ID if there are several URIs or it is not valid. No
  // other name takes its place, or a client could choose by which it is known.
  if (ClaimsSpiffe(context)) return std::nullopt;
  for (const char* const property :
       {GRPC_PEER_DNS_PROPERTY_NAME, GRPC_X509_CN_PROPERTY_NAME}) {
    std::optional<std::string> name = First(context, property);
    if (name.has_value()) return NotSpiffe(*std::move(name));
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<Principal>> ForwardedName(
    absl::string_view header) {
  const auto fields = LastElement(header);
  if (!fields.has_value()) {
    return Refused(
        "it is no list of elements with commas between them, each of "
        "NAME=VALUE or NAME=\"VALUE\" with semicolons between them");
  }
  std::map<std::string, const ForwardedField*> first;
  for (const ForwardedField& field : *fields) {
    if (field.name == "dns" && field.value.empty()) continue;
    if (first.emplace(field.name, &field).second || field.name == "dns") {
      continue;
    }
    return Refused(absl::StrCat("its last element has ",
                                Quoted(field.name, kMostShown), " twice"));
  }
  const auto find = [&](const char* name) -> const ForwardedField* {
    const auto found = first.find(name);
    if (found == first.end() || found->second->value.empty()) return nullptr;
    return found->second;
  };
  if (const ForwardedField* const uri = find("uri")) {
    const std::string value = ValueOf(*uri);
    if (absl::StartsWith(value, "spiffe://")) return Named(value);
    if (IsSpiffe(value)) return std::nullopt;
  }
  if (const ForwardedField* const dns = find("dns")) {
    return NotSpiffe(ValueOf(*dns));
  }
  const ForwardedField* const subject = find("subject");
  if (subject == nullptr) return std::nullopt;
  return NameOfSubject(*subject);
}

}  // namespace pinion
