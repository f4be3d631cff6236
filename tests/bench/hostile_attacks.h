// SPDX-License-Identifier: Apache-2.0
//
// The attacks of the benchmark `hostile`.
//
// Threads: the owner's; what attacks has threads of its own.
// Example: for (const Attack& attack : AllAttacks()) {
//            const Attacker attacker = attack.begin(server.address());
//            ...
//          }  // It stops attacking.
#ifndef PINION_TESTS_BENCH_HOSTILE_ATTACKS_H_
#define PINION_TESTS_BENCH_HOSTILE_ATTACKS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace pinion::bench {

// What the attacker does, which decides what others may notice of it.
enum class AttackKind {
  kSlowReader,  // Asks for much, and reads nothing.
  kFlood,       // Sends without end.
  kLongCalls,   // Fills a lane. Others wait for what it got into the lane.
};

// What attacks, until it goes.
struct Attacker {
  std::shared_ptr<void> parts;
  // Whether the server ended what it had no room for; true if nothing was too
  // much.
  bool refused = true;
};

struct Attack {
  std::string name;
  AttackKind kind;
  Attacker (*begin)(const std::string& address);
};

const std::vector<Attack>& AllAttacks();

// Puts the values that the attacks ask for. Call it once for each server.
absl::Status PutValues(const std::string& address);

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_HOSTILE_ATTACKS_H_
