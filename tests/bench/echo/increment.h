// SPDX-License-Identifier: Apache-2.0
//
// KvService/Increment as a load: servers of it, and the way of a Client to
// them, over 10,000 keys of which some are far more in demand (Zipf's law with
// the exponent 1.01).
//
// Threads: a server for as long as the process lives; the way as CallWay.
// Example: {"session", StartPinionKv}
//          IncrementWay way(Client::Connect(child->address()));
#ifndef PINION_TESTS_BENCH_ECHO_INCREMENT_H_
#define PINION_TESTS_BENCH_ECHO_INCREMENT_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "pinion/client/client.h"
#include "pinion/tests/bench/support/call_loop.h"

namespace pinion::bench {

// pinion::Server with two workers; returns its address.
std::string StartPinionKv();

// gRPC's callback service with all values in a map under one mutex.
std::string StartLockedKv();

class IncrementWay final : public CallWay {
 public:
  explicit IncrementWay(std::unique_ptr<Client> client);

  void Begin(CallSlot& slot) override;

 private:
  const std::unique_ptr<Client> client_;
  const std::vector<std::string> keys_;  // In the order of their use.
  std::atomic<size_t> next_{0};
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_INCREMENT_H_
