// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/policy/unknown_paths.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/nearest_first.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/security/policy/text_pattern.h"

namespace pinion {
namespace {

constexpr size_t kMostShown = 128;

// The server's own services: whether it has them is a matter of its options,
// and their versions may have other methods.
constexpr absl::string_view kOwnServices[] = {
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1alpha.ServerReflection/",
    "/grpc.reflection.v1.ServerReflection/",
};
constexpr absl::string_view kOwnMethods[] = {
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/pinion.v1.SessionService/Open",
};

bool IsKnown(const TextPattern& path, const std::vector<std::string>& methods) {
  using Kind = TextPattern::Kind;
  const auto matches = [&](absl::string_view method) {
    return path.Matches(method);
  };
  const auto is_within = [&](absl::string_view service) {
    return path.kind != Kind::kSuffix && absl::StartsWith(path.text, service);
  };
  return std::any_of(methods.begin(), methods.end(), matches) ||
         std::any_of(std::begin(kOwnMethods), std::end(kOwnMethods), matches) ||
         std::any_of(std::begin(kOwnServices), std::end(kOwnServices),
                     is_within);
}

std::string Told(const PolicyRule& rule, const TextPattern& path,
                 const std::vector<std::string>& methods) {
  const std::string meant = path.kind == TextPattern::Kind::kExact
                                ? LikelyMeant(path.text, methods)
                                : "";
  return absl::StrCat("the rule ", Quoted(rule.name, kMostShown),
                      " has the path ", Quoted(path.Written(), kMostShown),
                      ", which no method of this server has; ",
                      meant.empty()
                          ? "is it misspelled, or of another server?"
                          : absl::StrCat("did you mean ", meant, "?"));
}

}  // namespace

std::vector<ConfigMistake> UnknownPaths(
    absl::string_view file, const PolicyRules& rules,
    const std::vector<std::string>& methods) {
  std::vector<ConfigMistake> told;
  size_t unknown = 0;
  for (const auto* const list : {&rules.deny, &rules.allow}) {
    for (const PolicyRule& rule : *list) {
      for (const TextPattern& path : rule.paths) {
        if (IsKnown(path, methods) || ++unknown > kMostUnknownPaths) continue;
        told.push_back({.file = std::string(file),
                        .place = rule.place,
                        .text = Told(rule, path, methods)});
      }
    }
  }
  if (unknown > kMostUnknownPaths) {
    told.push_back({.file = std::string(file),
                    .text = absl::StrCat(
                        "rules have ", unknown - kMostUnknownPaths,
                        " more paths that no method of this server has")});
  }
  return told;
}

}  // namespace pinion
