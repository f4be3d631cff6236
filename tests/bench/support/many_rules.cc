// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/support/many_rules.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "pinion/core/base/check.h"

namespace pinion::bench {
namespace {

std::string Rule(absl::string_view name, int i) {
  return absl::StrCat(
      "  - name: ", name, i, "\n    source: {principals: [\"x509:spiffe://d", i,
      ".example/*\", \"jwt:https://login", i, ".example#*\"]}\n",
      "    request: {paths: [\"/other", i, ".v1.Service/*\"]}\n");
}

std::string Policy(int rules, absl::string_view path) {
  std::string deny, allow;
  for (int i = 0; i < rules - 1; ++i) {
    if (i % 10 == 0) {
      deny += Rule("deny", i);
    } else {
      allow += Rule("allow", i);
    }
  }
  return absl::StrCat(
      "name: many\n", deny.empty() ? "" : absl::StrCat("deny_rules:\n", deny),
      "allow_rules:\n", allow, "  - name: measured\n    request: {paths: [\"",
      path, "\"]}\n");
}

}  // namespace

ManyRules::ManyRules(int rules, absl::string_view path) {
  if (rules == 0) return;
  const char* const folder = std::getenv("TMPDIR");
  file_ = absl::StrCat(folder != nullptr ? folder : "/tmp",
                       "/pinion_policy_XXXXXX");
  const int descriptor = mkstemp(file_.data());
  PINION_CHECK(descriptor >= 0, "cannot make ", file_);
  const std::string text = Policy(rules, path);
  const ssize_t written = write(descriptor, text.data(), text.size());
  close(descriptor);
  PINION_CHECK(written == static_cast<ssize_t>(text.size()), "cannot write ",
               file_);
}

ManyRules::~ManyRules() {
  if (!file_.empty()) unlink(file_.c_str());
}

}  // namespace pinion::bench
