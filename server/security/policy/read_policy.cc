// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/policy/read_policy.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "pinion/core/base/file_kind.h"
#include "pinion/proto/wire/metadata_rules.h"
#include "pinion/proto/wire/nearest_first.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/config/plain_text.h"
#include "pinion/server/config/read_config.h"
#include "pinion/server/config/yaml_node.h"

namespace pinion {
namespace {

// More are no help to anybody.
constexpr size_t kMostMistakes = 100;

// Of a text, in a mistake.
constexpr size_t kMostShown = 64;

// Of a mistake that is the whole file's.
constexpr ConfigPlace kBeginning = {.line = 1, .column = 1};

// Opening a session needs an identity only; its calls are judged.
constexpr absl::string_view kSessionPath = "/pinion.v1.SessionService/Open";

constexpr absl::string_view kOnlyAtOneEnd =
    "; a * may stand at the beginning or at the end, and there once";

std::string Joined(const std::string& path, absl::string_view name) {
  return path.empty() ? std::string(name) : absl::StrCat(path, ".", name);
}

std::string At(const std::string& path, size_t index) {
  return absl::StrCat(path, "[", index, "]");
}

// Why a policy may not name this header; empty: it may.
absl::string_view WhyNoHeader(absl::string_view name) {
  if (absl::StartsWith(name, ":")) {
    return "names that begin with : are HTTP/2's own; the path is judged by "
           "request.paths";
  }
  if (!IsMetadataName(name)) {
    return "a header's name has lower case letters, digits, '-', '_' and '.'";
  }
  for (const absl::string_view own : {"grpc-", "pinion-"}) {
    if (absl::StartsWith(name, own)) {
      return "names that begin with grpc- and pinion- are for the protocol, "
             "and "
             "no policy sees them";
    }
  }
  if (absl::EndsWith(name, "-bin")) {
    return "the values of names that end in -bin are bytes, and no policy sees "
           "them";
  }
  for (const absl::string_view hop :
       {"host", "connection", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade"}) {
    if (name == hop) return "it is of one connection, and no policy sees it";
  }
  for (const absl::string_view proof :
       {"authorization", "x-forwarded-client-cert"}) {
    if (name == proof) {
      return "any client can send it; what it proves is a principal, which "
             "source.principals matches";
    }
  }
  return "";
}

// A pipe would keep a reload waiting until somebody writes.
absl::Status WhyNotFile(const std::string& path) {
  struct stat file;
  if (stat(path.c_str(), &file) != 0 || S_ISREG(file.st_mode)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("it is ", FileKind(file.st_mode), ", not a plain file"));
}

constexpr absl::string_view kSpiffe = "spiffe://";

// Why a pattern of certificates' names must not stand in a policy; empty: it
// may. Whoever gets certificates with DNS names or common names can choose
// their beginnings and ends; of a SPIFFE ID the trust domain cannot be chosen.
absl::string_view WhyNotX509(const TextPattern& pattern) {
  using Kind = TextPattern::Kind;
  absl::string_view name = pattern.text;
  if (pattern.kind == Kind::kPresence) return "";
  if (absl::StartsWithIgnoreCase(name, kSpiffe) &&
      !absl::StartsWith(name, kSpiffe)) {
    return " matches no certificate; spiffe:// must be in lower case";
  }
  if (pattern.kind == Kind::kExact) return "";
  if (pattern.kind == Kind::kSuffix || !absl::ConsumePrefix(&name, kSpiffe)) {
    return " matches names that others can get; write the whole name, or "
           "x509:spiffe://DOMAIN/*";
  }
  // Position 0: there is no domain.
  const size_t slash = name.find('/');
  if (slash != 0 && slash != absl::string_view::npos) return "";
  return " cuts the trust domain off, so that others match; write "
         "x509:spiffe://DOMAIN/*";
}

// The same of a token's issuer and subject. Whoever chooses a subject at one
// issuer could choose the end of it; and an issuer that is cut off is the
// beginning of others.
absl::string_view WhyNotJwt(const TextPattern& pattern) {
  using Kind = TextPattern::Kind;
  if (pattern.kind == Kind::kPresence) return "";
  const size_t hash = pattern.text.find('#');
  if (pattern.kind != Kind::kSuffix && hash != 0 && hash != std::string::npos) {
    return "";
  }
  return " does not say whose tokens count; write jwt:ISSUER#SUBJECT, or "
         "jwt:ISSUER#*";
}

absl::string_view WhyNotPrincipal(std::optional<Principal::Kind> kind,
                                  const TextPattern& pattern) {
  if (!kind.has_value()) return "";
  return *kind == Principal::Kind::kX509 ? WhyNotX509(pattern)
                                         : WhyNotJwt(pattern);
}

class Walk {
 public:
  Walk(absl::string_view file, PolicyReading* reading)
      : file_(file), reading_(*reading) {}

  void Tell(ConfigPlace place, std::string path, std::string text) {
    if (reading_.mistakes.size() == kMostMistakes) {
      reading_.mistakes.push_back(
          {.file = file_,
           .text = absl::StrCat("there are more mistakes than these ",
                                kMostMistakes)});
    }
    if (reading_.mistakes.size() > kMostMistakes) return;
    reading_.mistakes.push_back({.file = file_,
                                 .place = place,
                                 .path = std::move(path),
                                 .text = std::move(text)});
  }

  void Root(const YamlNode& node) {
    if (node.refused.empty() && node.IsNull()) {
      return Tell(kBeginning, "",
                  "the policy is empty; write its name and its allow_rules, or "
                  "leave the option policy_file out");
    }
    Fields(node, "", {"name", "allow_rules", "deny_rules"},
           [&](const YamlField& field, const std::string& path) {
             if (field.name == "name") {
               reading_.rules.name = Text(field.value, path);
             } else if (field.name == "allow_rules") {
               Rules(field.value, path, &reading_.rules.allow);
             } else {
               Rules(field.value, path, &reading_.rules.deny);
             }
           });
    Require(node, "", "name", "the policy has no name");
    Require(node, "", "allow_rules",
            "the policy has no allow_rules, so it would deny every call");
    if (reading_.mistakes.empty()) CheckRules();
  }

 private:
  // Calls `take` for each field of a map whose name is one of `names`.
  template <typename Take>
  void Fields(const YamlNode& node, const std::string& path,
              const std::vector<std::string>& names, Take take) {
    if (!IsA(node, YamlNode::Kind::kMap, path,
             absl::StrCat("a map with ", absl::StrJoin(names, ", ")))) {
      return;
    }
    std::set<std::string> seen;
    for (const YamlField& field : node.fields) {
      if (!field.refused.empty()) {
        Tell(field.place, path, field.refused);
      } else if (std::find(names.begin(), names.end(), field.name) ==
                 names.end()) {
        Tell(field.place, path, WhyUnknown(field.name, names));
      } else if (!seen.insert(field.name).second) {
        Tell(field.place, Joined(path, field.name),
             "it is there twice; leave one of the two out");
      } else {
        take(field, Joined(path, field.name));
      }
    }
  }

  static std::string WhyUnknown(absl::string_view name,
                                const std::vector<std::string>& names) {
    const std::string quoted = Quoted(name, kMostShown);
    const std::string meant = LikelyMeant(name, names);
    if (!meant.empty()) {
      return absl::StrCat(quoted, " is unknown here; did you mean ", meant,
                          "?");
    }
    return absl::StrCat(quoted, " is unknown here; valid are ",
                        absl::StrJoin(names, ", "));
  }

  // Tells of a field that a map must have.
  void Require(const YamlNode& node, const std::string& path,
               absl::string_view name, absl::string_view without) {
    if (node.kind != YamlNode::Kind::kMap || !node.refused.empty()) return;
    const bool has =
        std::any_of(node.fields.begin(), node.fields.end(),
                    [&](const YamlField& field) { return field.name == name; });
    if (!has) Tell(node.place, path, std::string(without));
  }

  bool IsA(const YamlNode& node, YamlNode::Kind kind, const std::string& path,
           absl::string_view what) {
    if (!node.refused.empty()) {
      Tell(node.place, path, node.refused);
      return false;
    }
    if (node.kind == kind) return true;
    Tell(node.place, path, absl::StrCat("this must be ", what));
    return false;
  }

  // Empty: it was told why.
  std::string Text(const YamlNode& node, const std::string& path) {
    if (!IsA(node, YamlNode::Kind::kText, path, "a text")) return "";
    if (node.IsNull() || node.text.empty()) {
      Tell(node.place, path, "it is empty; write a text");
      return "";
    }
    return node.text;
  }

  // Calls `take` for each entry of a list.
  template <typename Take>
  void Entries(const YamlNode& node, const std::string& path,
               absl::string_view without, Take take) {
    if (!IsA(node, YamlNode::Kind::kList, path, "a list")) return;
    if (node.items.empty()) {
      Tell(node.place, path, absl::StrCat("the list is empty; ", without));
    }
    for (size_t i = 0; i < node.items.size(); ++i) {
      take(node.items[i], At(path, i));
    }
  }

  void Rules(const YamlNode& node, const std::string& path,
             std::vector<PolicyRule>* rules) {
    const absl::string_view without =
        path == "allow_rules"
            ? "then every call would be denied: write what is allowed"
            : "leave the field out if nothing is to be denied by a rule";
    Entries(node, path, without,
            [&](const YamlNode& rule, const std::string& at) {
              if (rules->size() > kMostPolicyRules) return;
              Rule(rule, at, &rules->emplace_back());
            });
    if (rules->size() > kMostPolicyRules) {
      Tell(node.place, path,
           absl::StrCat("there are more than ", kMostPolicyRules,
                        " rules; put several paths or principals into one"));
    }
  }

  void Rule(const YamlNode& node, const std::string& path, PolicyRule* rule) {
    rule->place = node.place;
    Fields(node, path, {"name", "source", "request"},
           [&](const YamlField& field, const std::string& at) {
             if (field.name == "name") {
               rule->name = Text(field.value, at);
             } else if (field.name == "source") {
               Source(field.value, at, rule);
             } else {
               Request(field.value, at, rule);
             }
           });
    Require(node, path, "name",
            "the rule has no name, by which it is counted and logged");
  }

  void Source(const YamlNode& node, const std::string& path, PolicyRule* rule) {
    Fields(node, path, {"principals"},
           [&](const YamlField& field, const std::string& at) {
             Entries(field.value, at,
                     "leave it out if the rule is about anyone, with an "
                     "identity or without",
                     [&](const YamlNode& entry, const std::string& where) {
                       AddPrincipal(entry, where, rule);
                     });
           });
  }

  void AddPrincipal(const YamlNode& node, const std::string& path,
                    PolicyRule* rule) {
    const std::string text = Text(node, path);
    if (text.empty()) return;
    PrincipalPattern pattern;
    absl::string_view name = text;
    if (absl::ConsumePrefix(&name, "x509:")) {
      pattern.kind = Principal::Kind::kX509;
    } else if (absl::ConsumePrefix(&name, "jwt:")) {
      pattern.kind = Principal::Kind::kJwt;
    } else if (text != "*") {
      return Tell(
          node.place, path,
          absl::StrCat(Quoted(text, kMostShown),
                       " says not what proves it; write x509: before "
                       "the name of a certificate, or jwt:ISSUER# before "
                       "the subject of a token"));
    }
    const auto parsed = TextPattern::Parse(name);
    if (!parsed.has_value()) {
      return Tell(node.place, path,
                  name.empty() ? absl::StrCat(Quoted(text, kMostShown),
                                              " has no name behind its kind")
                               : absl::StrCat(Quoted(text, kMostShown),
                                              " is no pattern", kOnlyAtOneEnd));
    }
    if (const absl::string_view why = WhyNotPrincipal(pattern.kind, *parsed);
        !why.empty()) {
      return Tell(node.place, path,
                  absl::StrCat(Quoted(text, kMostShown), why));
    }
    pattern.name = *parsed;
    rule->principals.push_back(std::move(pattern));
  }

  void Request(const YamlNode& node, const std::string& path,
               PolicyRule* rule) {
    Fields(node, path, {"paths", "headers"},
           [&](const YamlField& field, const std::string& at) {
             if (field.name == "paths") {
               Entries(field.value, at,
                       "leave it out if the rule is about any path",
                       [&](const YamlNode& entry, const std::string& where) {
                         AddPath(entry, where, rule);
                       });
             } else {
               Entries(field.value, at,
                       "leave it out if the rule is about any header",
                       [&](const YamlNode& entry, const std::string& where) {
                         AddHeader(entry, where, rule);
                       });
             }
           });
  }

  void AddPath(const YamlNode& node, const std::string& path,
               PolicyRule* rule) {
    const std::string text = Text(node, path);
    if (text.empty()) return;
    const auto pattern = TextPattern::Parse(text);
    if (!pattern.has_value()) {
      return Tell(node.place, path,
                  absl::StrCat(Quoted(text, kMostShown), " is no pattern",
                               kOnlyAtOneEnd));
    }
    using Kind = TextPattern::Kind;
    const bool has_begin =
        pattern->kind == Kind::kExact || pattern->kind == Kind::kPrefix;
    const bool is_whole = pattern->kind == Kind::kExact;
    if ((has_begin && pattern->text.front() != '/') ||
        (is_whole && pattern->text.find('/', 1) == std::string::npos)) {
      return Tell(node.place, path,
                  absl::StrCat(Quoted(text, kMostShown),
                               " matches no call; a path is written as in "
                               "/shop.v1.Cart/Add"));
    }
    if (is_whole && pattern->text == kSessionPath) {
      return Tell(
          node.place, path,
          "no rule is asked when a session is opened; name the paths of the "
          "calls within it");
    }
    rule->paths.push_back(*pattern);
  }

  void AddHeader(const YamlNode& node, const std::string& path,
                 PolicyRule* rule) {
    HeaderCondition header;
    Fields(node, path, {"key", "values"},
           [&](const YamlField& field, const std::string& at) {
             if (field.name == "key") {
               header.name = HeaderName(field.value, at);
             } else {
               Entries(field.value, at, "\"*\" is any value",
                       [&](const YamlNode& entry, const std::string& where) {
                         AddValue(entry, where, &header);
                       });
             }
           });
    Require(node, path, "key", "the header has no key, which is its name");
    Require(node, path, "values", "the header has no values; \"*\" is any");
    rule->headers.push_back(std::move(header));
  }

  std::string HeaderName(const YamlNode& node, const std::string& path) {
    const std::string text = Text(node, path);
    if (text.empty()) return "";
    const absl::string_view why = WhyNoHeader(text);
    if (why.empty()) return text;
    Tell(node.place, path,
         absl::StrCat(Quoted(text, kMostShown), " must not stand here: ", why));
    return "";
  }

  void AddValue(const YamlNode& node, const std::string& path,
                HeaderCondition* header) {
    const std::string text = Text(node, path);
    if (text.empty()) return;
    const auto pattern = TextPattern::Parse(text);
    if (pattern.has_value()) {
      header->values.push_back(*pattern);
    } else {
      Tell(node.place, path,
           absl::StrCat(Quoted(text, kMostShown), " is no pattern",
                        kOnlyAtOneEnd));
    }
  }

  // What can be told only of all rules together.
  void CheckRules() {
    CheckNames();
    for (size_t i = 0; i < reading_.rules.allow.size(); ++i) {
      const PolicyRule& allow = reading_.rules.allow[i];
      const auto& deny = reading_.rules.deny;
      const auto covers = std::find_if(
          deny.begin(), deny.end(),
          [&](const PolicyRule& rule) { return rule.Covers(allow); });
      if (covers == deny.end()) continue;
      Tell(allow.place, At("allow_rules", i),
           absl::StrCat("the deny rule ", Quoted(covers->name, kMostShown),
                        " in line ", covers->place.line,
                        " denies everything that this rule allows; leave one "
                        "of the two out"));
    }
  }

  void CheckNames() {
    std::map<std::string, int> lines;
    for (const auto& [path, rules] :
         {std::pair("deny_rules", &reading_.rules.deny),
          std::pair("allow_rules", &reading_.rules.allow)}) {
      for (size_t i = 0; i < rules->size(); ++i) {
        const PolicyRule& rule = (*rules)[i];
        const auto [first, is_new] = lines.emplace(rule.name, rule.place.line);
        if (is_new) continue;
        Tell(rule.place, At(path, i),
             absl::StrCat("another rule, in line ", first->second,
                          ", has the name ", Quoted(rule.name, kMostShown),
                          "; rules are counted and logged by name, so each "
                          "needs its own"));
      }
    }
  }

  const std::string file_;
  PolicyReading& reading_;
};

}  // namespace

absl::Status PolicyReading::status() const {
  if (mistakes.empty()) return absl::OkStatus();
  std::string text = mistakes.front().ToString();
  if (mistakes.size() > 1) {
    absl::StrAppend(&text, " (and ", mistakes.size() - 1, " more mistakes)");
  }
  return absl::InvalidArgumentError(text);
}

PolicyReading ReadPolicy(absl::string_view file, absl::string_view text) {
  PolicyReading reading;
  Walk walk(file, &reading);
  if (const auto why = WhyNotPlainText(text)) {
    // Of one that is too large, the end is not read.
    walk.Tell(why->place.line == 0 ? kBeginning : why->place, why->path,
              why->text);
    return reading;
  }
  const YamlDocument document = ReadYaml(text);
  if (document.mistake.has_value()) {
    // What stands before it may be part of it.
    const ConfigMistake& mistake = *document.mistake;
    walk.Tell(mistake.place, mistake.path, mistake.text);
    return reading;
  }
  walk.Root(document.root);
  return reading;
}

PolicyReading ReadPolicyFile(const std::string& path) {
  std::string text;
  absl::Status read = WhyNotFile(path);
  if (read.ok()) read = ReadConfigText(path, &text);
  if (read.ok()) return ReadPolicy(path, text);
  PolicyReading reading;
  reading.mistakes.push_back(
      {.file = path, .text = std::string(read.message())});
  return reading;
}

}  // namespace pinion
