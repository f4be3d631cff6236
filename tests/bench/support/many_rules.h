// SPDX-License-Identifier: Apache-2.0
//
// ManyRules: the file of a policy with so many rules, of which the last allows
//            the calls that are measured.
//
// Threads: the owner's.
// Life:    the file is removed with the object. A server reads it as it starts.
// Example: const ManyRules rules(100, path);
//          ServeOnLoopback({.policy = {.policy_file = rules.file()}},
//          HostEcho);
#ifndef PINION_TESTS_BENCH_SUPPORT_MANY_RULES_H_
#define PINION_TESTS_BENCH_SUPPORT_MANY_RULES_H_

#include <string>

#include "absl/strings/string_view.h"

namespace pinion::bench {

class ManyRules {
 public:
  // A tenth of the rules denies. All but the last name principals and paths of
  // other services; the last one allows `path` to anyone. With 0 rules there is
  // no file.
  ManyRules(int rules, absl::string_view path);
  ~ManyRules();
  ManyRules(const ManyRules&) = delete;
  ManyRules& operator=(const ManyRules&) = delete;

  // Empty: there is none.
  const std::string& file() const { return file_; }

 private:
  std::string file_;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_MANY_RULES_H_
