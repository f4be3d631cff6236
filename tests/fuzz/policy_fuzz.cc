// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a policy. Each mistake must have a place in the file, or none,
// and text for one line of a log. A policy without a mistake must judge some
// calls as its rules say one by one, at once and when the verdict is kept.
// README.md tells how to run it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/core/clock.h"
#include "pinion/server/config/config_mistake.h"
#include "pinion/server/log.h"
#include "pinion/server/security/identity/identity.h"
#include "pinion/server/security/policy/policy_rules.h"
#include "pinion/server/security/policy/policy_state.h"
#include "pinion/server/security/policy/read_policy.h"
#include "pinion/server/security/policy/verdicts.h"

namespace pinion::testing {
namespace {

void Demand(bool holds, absl::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", std::string(what).c_str());
  std::abort();
}

void CheckMistake(const ConfigMistake& mistake, absl::string_view text) {
  const std::string said = mistake.ToString();
  // The end of the file is a line, too.
  const auto lines = 2 + std::count(text.begin(), text.end(), '\n') +
                     std::count(text.begin(), text.end(), '\r');
  Demand(mistake.place.line >= 0 && mistake.place.line <= lines, said);
  Demand(mistake.place.column >= 0 &&
             mistake.place.column <= static_cast<int64_t>(text.size()) + 1,
         said);
  Demand(!mistake.text.empty() && said.size() < 4000, said);
  for (const char c : said) {
    Demand(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, said);
  }
}

using Headers = std::vector<std::pair<std::string, std::string>>;

// What a rule's own words make of a call: the first texts that match it, if any
// do, without their star.
struct Call {
  Identity identity;
  std::string path;
  Headers headers;
};

std::vector<Call> CallsFor(const PolicyRules& rules) {
  std::vector<Call> calls = {{Identity("10.0.0.1"), "/a.B/C", {}}};
  for (const auto* list : {&rules.deny, &rules.allow}) {
    for (const PolicyRule& rule : *list) {
      if (calls.size() > 64) return calls;
      std::vector<Principal> principals;
      if (!rule.principals.empty()) {
        const PrincipalPattern& pattern = rule.principals.front();
        principals.push_back(
            {pattern.kind.value_or(Principal::Kind::kX509),
             pattern.name.text.empty() ? "a" : pattern.name.text});
      }
      Headers headers;
      for (const HeaderCondition& header : rule.headers) {
        const std::string& text = header.values.front().text;
        headers.emplace_back(header.name, text.empty() ? "a" : text);
      }
      const std::string path =
          rule.paths.empty() ? "/a.B/C" : rule.paths.front().text;
      calls.push_back(
          {Identity("10.0.0.1", principals, std::nullopt), path, headers});
      calls.push_back({Identity("10.0.0.1"), path, headers});
    }
  }
  return calls;
}

void CheckVerdict(const PolicyRules& rules,
                  const std::shared_ptr<const PolicyState>& state,
                  const Call& call) {
  const auto headers =
      [&](absl::string_view name) -> std::optional<std::string> {
    for (const auto& [known, value] : call.headers) {
      if (known == name) return value;
    }
    return std::nullopt;
  };
  const auto matches = [&](const PolicyRule& rule) {
    return rule.Matches(call.identity.principals(), call.path, headers);
  };
  const bool allows =
      std::none_of(rules.deny.begin(), rules.deny.end(), matches) &&
      std::any_of(rules.allow.begin(), rules.allow.end(), matches);
  Verdicts verdicts(state, call.identity, 1);
  const std::string what = absl::StrCat("the verdict on ", call.path);
  Demand(verdicts.WouldAllow(call.path, headers) == allows, what);
  for (int i = 0; i < 2; ++i) {
    Demand(verdicts.Allows(0, call.path, headers, call.identity) == allows,
           what);
  }
  if (verdicts.IsStranger()) Demand(!allows, what);
}

void Check(absl::string_view text) {
  const PolicyReading reading = ReadPolicy("f", text);
  for (const ConfigMistake& mistake : reading.mistakes) {
    CheckMistake(mistake, text);
  }
  Demand(reading.status().ok() == reading.mistakes.empty(), "the status");
  if (!reading.mistakes.empty()) return;
  const auto state = std::make_shared<const PolicyState>(
      reading.rules, /*dry_run=*/false, Clock(), LogSink(), nullptr);
  for (const Call& call : CallsFor(reading.rules)) {
    CheckVerdict(reading.rules, state, call);
  }
}

}  // namespace
}  // namespace pinion::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pinion::testing::Check(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
