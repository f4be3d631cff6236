// SPDX-License-Identifier: Apache-2.0
//
// Servers of CounterService, each as a careful author would write it: a shard
// without locks, or a service of gRPC's own whose maps have one or more.
//
// Threads: each is started once, in a process of its own, and serves until that
//          process ends.
// Example: const BenchServers servers = {
//              {"session", StartPinionCounters},
//              {"striped_64", [] { return StartSyncStripedCounters(64); }}};
#ifndef PINION_TESTS_BENCH_COUNTER_COUNTER_SERVERS_H_
#define PINION_TESTS_BENCH_COUNTER_COUNTER_SERVERS_H_

#include <string>

namespace pinion::bench {

// All return the address.

// pinion::Server as it comes: threads as many as it chooses itself.
std::string StartPinionCounters();

// gRPC's synchronous service with all counters in a map under one mutex.
std::string StartSyncMutexCounters();

// The same with so many maps, each under a mutex of its own; the hash of a name
// says which. A power of 2.
std::string StartSyncStripedCounters(int stripes);

// gRPC's callback service with the same; the handler itself answers.
std::string StartCallbackStripedCounters(int stripes);

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_COUNTER_COUNTER_SERVERS_H_
