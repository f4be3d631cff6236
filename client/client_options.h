// SPDX-License-Identifier: Apache-2.0
//
// ClientOptions: how a client connects to its server.
//
// Threads: plain data.
// Example: auto client = Client::Connect("127.0.0.1:50051", {.sessions = 2});
#ifndef PINION_CLIENT_CLIENT_OPTIONS_H_
#define PINION_CLIENT_CLIENT_OPTIONS_H_

#include <grpcpp/security/credentials.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pinion/client/call_options.h"
#include "pinion/client/channel_guard.h"

namespace pinion {

// The client retries a call that the server refused before a handler ran,
// because of a limit or for lack of time. It does not retry if the server says
// to wait for more than a minute.
struct RetryOptions {
  // The most attempts of one call, the first one included, 1 to 100; 1: no
  // retries. Raise it when deadlines are long and refusals pass quickly.
  int max_attempts = 5;
  // The backoff before the first retry, doubled before each further one up to
  // the longest, each varied by up to a fifth; above 0. The server's own advice
  // replaces it. Raise them for servers that stay full for longer.
  absl::Duration initial_backoff = absl::Milliseconds(10);
  absl::Duration max_backoff = absl::Seconds(1);
  // The retry budget, by the rule of gRPC's retryThrottling. It holds up to
  // `max_tokens`, 1 to 1000. Each failure that could be retried takes one,
  // each success adds `token_ratio`, above 0 and at most 1. The client does not
  // retry while half of the tokens or fewer are left, so a server that is full
  // for long sees few retries. Lower them to burden such a server less.
  double max_tokens = 100;
  double token_ratio = 0.1;
};

// How a client encrypts. Its files are read when it connects, in PEM form, and
// again for each connection that replaces a dead one.
struct ClientTls {
  // The file with the authorities that have issued the server's certificate.
  // Empty: those that this machine trusts. Set it when the server's authority
  // is your own.
  std::string ca = {};
  // The files with the client's own certificate and its key, without a
  // password. Empty: it has none. Set both when the server asks for
  // certificates.
  std::string cert = {};
  std::string key = {};
  // The name that the server's certificate must have. Empty: the host of the
  // target. Set it when the target is an address or a Unix socket, and the
  // certificate has another name.
  std::string server_name = {};
};

// Returns a token, or why there is none.
using TokenSource = std::function<absl::StatusOr<std::string>()>;

struct ClientOptions {
  // Whether calls are plain unary calls, which any gRPC server accepts.
  // Otherwise they go over sessions, which cost a small part of that and need a
  // Pinion server.
  bool unary = false;
  // The number of sessions, 1 to 64. Each has its own connection, unless you
  // gave the client a channel. Calls of one key always use the same session,
  // and so keep their order; other calls take turns. Raise it when one
  // connection is the bottleneck.
  int sessions = 1;
  // How long calls wait for a session while the server cannot be reached, 0 or
  // more. Then they fail with UNAVAILABLE. Lower it to fail sooner; raise it to
  // survive longer restarts of the server.
  absl::Duration connect_timeout = absl::Seconds(5);
  // How long a call that has expired or was cancelled waits for the server to
  // say whether a handler ran, 0 or more. Then it fails with EXECUTED_MAYBE.
  // Raise it when the network is slow and the server's word matters: it makes a
  // retry safe.
  absl::Duration late_answer_timeout = absl::Milliseconds(20);
  // How long a server with open calls may be silent before the client sends a
  // ping, 100 ms or more; InfiniteDuration(): the client sends none. Lower it
  // to find a dead connection sooner when calls have long deadlines or none, or
  // to keep a connection open through a NAT. Each ping costs about as much as a
  // call without a handler.
  absl::Duration keepalive_time = absl::Seconds(20);
  // How long a server may delay a message that it owes at once: the answer to a
  // ping, or that a call has expired; 10 ms or more. Then the client takes the
  // connection for dead: its calls fail with UNAVAILABLE and EXECUTED_MAYBE,
  // and later calls use a new connection. Raise it on slow lines with large
  // messages, which may delay the answer, or when servers pause; lower it to
  // lose less time.
  //
  // A client over your own channel has the channel's keepalive, if any. It also
  // gives up a silent session, but the next session uses whatever connection
  // the channel has.
  absl::Duration keepalive_timeout = absl::Seconds(5);
  // The most bytes that calls may hold that wait in the client for a session,
  // above 0: of each its request, its metadata and 128 bytes. Further calls are
  // refused with RESOURCE_EXHAUSTED. Raise it for large bursts; lower it to
  // save memory.
  int64_t max_waiting_bytes = int64_t{256} << 20;
  RetryOptions retry = {};
  // The client's name, shown to the server's operators.
  std::string name = {};
  // Encryption with the certificates of files; none: connections are not
  // encrypted. For Connect() only. Set it when the server, or a proxy in front
  // of it, encrypts.
  std::optional<ClientTls> tls = std::nullopt;
  // Credentials of connections that you have made, in place of `tls`; null:
  // none. For Connect() only. Set it when certificates are not in files.
  std::shared_ptr<grpc::ChannelCredentials> credentials = nullptr;
  // The caller's own credentials, such as tokens, sent with each unary call and
  // at the start of each session. gRPC sends them over secure channels only.
  std::shared_ptr<grpc::CallCredentials> call_credentials = nullptr;
  // Gives the token (a JWT, without "Bearer") that proves who the client is;
  // TokenFile() (token_file.h) is one. Null: none. The token goes with each
  // unary call and stream, and with each session, where a new one takes the
  // place of the old one. It is sent over TLS and to this machine only: with
  // another target each call fails with INVALID_ARGUMENT. For Connect(), and
  // in-process channels with a guard. The client calls it at the first call and
  // then once for each token_refresh, on a thread that starts a call; so it
  // must be quick. While it returns an error, the client uses the token of
  // before; without one, calls fail with UNAUTHENTICATED.
  TokenSource token_source = nullptr;
  // How often token_source is asked for a new token, 1 ms or more. Lower it for
  // tokens that end within minutes.
  absl::Duration token_refresh = absl::Minutes(1);
  // For an in-process channel: the guard that keeps calls off the channel once
  // its server stops.
  std::shared_ptr<ChannelGuard> guard = nullptr;
};

namespace client_internal {

// Returns INVALID_ARGUMENT for the first option that is out of range.
absl::Status CheckClientOptions(const ClientOptions& options);

}  // namespace client_internal
}  // namespace pinion

#endif  // PINION_CLIENT_CLIENT_OPTIONS_H_
