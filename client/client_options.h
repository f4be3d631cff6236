// SPDX-License-Identifier: Apache-2.0
//
// ClientOptions: how a client reaches its server.
//
// Threads: plain data.
// Example: auto client = Client::Connect("127.0.0.1:50051", {.sessions = 2});
#ifndef PINION_CLIENT_CLIENT_OPTIONS_H_
#define PINION_CLIENT_CLIENT_OPTIONS_H_

#include <grpcpp/security/credentials.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/call_options.h"
#include "client/channel_guard.h"

namespace pinion {

// A call that failed before a handler ran, for want of room or time at the
// server, is tried again by itself.
struct RetryOptions {
  // How often a call is tried in all; 1 to 100; 1: never again.
  int most_attempts = 5;
  // How long to rest before the next attempt where the server does not say: the
  // first time, doubled each time, up to the longest; each by up to a fifth
  // more or less. Above 0.
  absl::Duration first_rest = absl::Milliseconds(10);
  absl::Duration longest_rest = absl::Seconds(1);
  // The budget, by the rule of gRPC's retryThrottling: it holds up to
  // `most_tokens` (1 to 1000); each failure that could be retried takes one,
  // each success brings `token_ratio` (above 0, at most 1); no retry while half
  // or less is there. So a server that is full for long sees few retries.
  double most_tokens = 100;
  double token_ratio = 0.1;
};

struct ClientOptions {
  // Plain unary calls, which any gRPC server takes; otherwise within sessions,
  // which cost a small part of it, and for which it must be a Pinion server.
  bool unary = false;
  // How many sessions, 1 to 64, each with a connection of its own where the
  // client makes the channels. Calls of one key take the same one, and so keep
  // their order; others take turns.
  int sessions = 1;
  // For how long calls wait for a session while the server cannot be reached.
  // Then they fail with UNAVAILABLE. 0 and up.
  absl::Duration connect_timeout = absl::Seconds(5);
  // How long a call past its deadline waits for the server's word on whether a
  // handler ran. Then it fails with EXECUTED_MAYBE. 0 and up.
  absl::Duration verdict_timeout = absl::Milliseconds(20);
  // How many bytes of requests may wait in the client for a session to take
  // them; what is more is refused with RESOURCE_EXHAUSTED. Above 0.
  int64_t most_waiting_bytes = int64_t{256} << 20;
  RetryOptions retry = {};
  // The client's name, for the eyes of the server's operators.
  std::string name = {};
  // What connections are made with, as TLS; null: nothing. For Connect() only.
  std::shared_ptr<grpc::ChannelCredentials> credentials = nullptr;
  // What proves who the caller is, as tokens; sent with each unary call, and
  // at the begin of each session. gRPC sends it over secure channels only.
  std::shared_ptr<grpc::CallCredentials> call_credentials = nullptr;
  // For a channel within this process: who keeps calls off it once its server
  // stops.
  std::shared_ptr<ChannelGuard> guard = nullptr;
};

namespace client_internal {

// INVALID_ARGUMENT for the first that is out of its range.
absl::Status CheckClientOptions(const ClientOptions& options);

}  // namespace client_internal
}  // namespace pinion

#endif  // PINION_CLIENT_CLIENT_OPTIONS_H_
