// SPDX-License-Identifier: Apache-2.0
//
// The echo service with a fixed cost of 50 us, such as a write to a log has:
// for each call, for each batch that a handler is given, or for the end of each
// batch.
//
// Threads: a server for as long as the process lives.
// Example: {"batch", StartBatchEcho}
#ifndef PINION_TESTS_BENCH_ECHO_BATCH_SERVERS_H_
#define PINION_TESTS_BENCH_ECHO_BATCH_SERVERS_H_

#include <string>

namespace pinion::bench {

// pinion::Server with one worker, by three forms of handler; each returns its
// address.
std::string StartMethodEcho();    // absl::Status Echo(const Request&, ...)
std::string StartBatchEcho();     // void Echo(absl::Span<Call<...>>)
std::string StartEndBatchEcho();  // The first, and absl::Status EndBatch()

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_BATCH_SERVERS_H_
