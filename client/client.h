// SPDX-License-Identifier: Apache-2.0
//
// Client: calls methods of a Pinion server over sessions, or methods of any
//         gRPC server as unary calls; and server-streaming methods of either.
//
// Threads: any threads, at the same time. Callbacks run on gRPC's threads and
//          must not block, because the answers behind theirs would wait.
// Errors:  the server's, each with a Failure (failure.h), and the client's own:
//          UNAVAILABLE        there is no session, or it broke; the Failure
//                             says whether a handler may have run
//          DEADLINE_EXCEEDED  the time is over; the same
//          CANCELLED          by Cancel(), or the client is being destroyed
//          RESOURCE_EXHAUSTED, INVALID_ARGUMENT
//                             the client refuses the call or the options; not
//                             sent
//          INTERNAL           the response does not have the requested type
// Retries: the client retries a call that the server refused for a passing
//          reason before a handler ran, within the call's deadline and a budget
//          (RetryOptions). It retries nothing else. A retry may change the
//          order in which calls of one key start.
// Example: auto client = pinion::Client::Connect("127.0.0.1:50051");
//          absl::StatusOr<PutResponse> put =
//              client->Call(kPut, request, {.timeout = absl::Seconds(1)});
//
//          client->Start(kPut, request, {},
//                        [](const absl::StatusOr<PutResponse>& put) {
//                          ...
//                        });
//
//          auto watch = client->Stream(kWatch, watch_request);
//          while (auto news = watch.Next()) ...  // stream_reader.h
#ifndef PINION_CLIENT_CLIENT_H_
#define PINION_CLIENT_CLIENT_H_

#include <google/protobuf/message.h>
#include <grpcpp/channel.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/client/call_options.h"
#include "pinion/client/client_options.h"
#include "pinion/client/done_function.h"
#include "pinion/client/failure.h"
#include "pinion/client/kept_response.h"
#include "pinion/client/method.h"
#include "pinion/client/stream_reader.h"
#include "pinion/third_party/cpp20.h"

namespace pinion {

namespace client_internal {
class ChannelSource;
class KeyLinks;
class SessionLink;
class StreamCalls;
class UnaryCalls;
}  // namespace client_internal

class Client {
 public:
  // Makes a client of `target`, a gRPC target: "host:port" or "unix:path". It
  // connects at the first call. If an option is out of range, or the path of a
  // Unix socket is too long, each call fails with INVALID_ARGUMENT. An HTTP
  // proxy that the environment names (grpc_proxy, https_proxy, http_proxy) is
  // used as gRPC does, but not for a Unix socket, a loopback address or
  // "localhost".
  static std::unique_ptr<Client> Connect(const std::string& target,
                                         const ClientOptions& options = {});

  // Makes a client over your own channel. The channel's arguments then rule the
  // connection: set GRPC_ARG_KEEPALIVE_TIME_MS on it, or the client never
  // leaves a frozen connection. (Connect() does that for you.)
  explicit Client(std::shared_ptr<grpc::Channel> channel,
                  const ClientOptions& options = {});

  // Answers each open call CANCELLED, ends each open stream likewise, and waits
  // until all callbacks have returned; so do not destroy the client in a
  // callback.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Calls a method and waits for the answer. Do not use it in a callback.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(const Method<Request, Response>& method,
                                const Request& request,
                                const CallOptions& options = {}) {
    return Call<Response>(method.name(), request, options);
  }
  // The same, by the method's name, "/package.Service/Method", of at most 4
  // KiB.
  template <typename Response>
  absl::StatusOr<Response> Call(absl::string_view method,
                                const google::protobuf::Message& request,
                                const CallOptions& options = {}) {
    absl::StatusOr<Response> response;
    Await(
        [&](DoneFunction done) {
          StartMessage(method, request, options, std::move(done));
        },
        [&](const Reply& reply) {
          response = client_internal::ResponseOf<Response>(reply);
        });
    return response;
  }
  // The same, with serialized messages.
  RawReply CallRaw(absl::string_view method, absl::string_view request,
                   const CallOptions& options = {});

  // Starts a call and returns at once; never blocks. `done` is called once with
  // an absl::StatusOr<Response>: later, or before Start() returns if the call
  // cannot be started. If it takes that by const reference, the response is
  // valid until it returns, and the next one uses its memory; if by value, it
  // may keep it. Up to 40 bytes of captures need no memory of their own.
  template <typename Request, typename Response, typename Done>
  CallId Start(const Method<Request, Response>& method, const Request& request,
               const CallOptions& options, Done done) {
    return StartMessage(method.name(), request, options,
                        [done = std::move(done)](const Reply& reply) mutable {
                          client_internal::GiveResponse<Response>(reply, done);
                        });
  }
  // The same, with serialized messages; `done` is any function that can be
  // moved and takes a const Reply&.
  CallId StartRaw(absl::string_view method, absl::string_view request,
                  const CallOptions& options,
                  client_internal::DoneFunction done);

  // Cancels a call. Its callback still comes, within `late_answer_timeout`
  // whatever the server does: with CANCELLED, or with the answer if that is
  // faster. No effect if the callback has come already, or if the id is from
  // another client.
  void Cancel(CallId id);

  // Opens a stream: calls a server-streaming method, and returns at once. It is
  // a gRPC call of its own, since sessions carry no streams: a client of
  // Connect() that uses sessions has one more connection for all its streams,
  // from the first one on. The timeout is for the whole stream, until its end.
  template <typename Request, typename Response>
  StreamReader<Response> Stream(const StreamMethod<Request, Response>& method,
                                const Request& request,
                                const CallOptions& options = {}) {
    return Stream<Response>(method.name(), request, options);
  }
  // The same, by the method's name.
  template <typename Response>
  StreamReader<Response> Stream(absl::string_view method,
                                const google::protobuf::Message& request,
                                const CallOptions& options = {}) {
    return StreamReader<Response>(
        StreamRaw(method, request.SerializeAsString(), options));
  }
  // The same, with serialized messages.
  RawStreamReader StreamRaw(absl::string_view method, absl::string_view request,
                            const CallOptions& options = {});

 private:
  using DoneFunction = client_internal::DoneFunction;

  // `stream_source` returns the channel for streams.
  Client(const std::vector<client_internal::ChannelSource>& sources,
         std::function<client_internal::ChannelSource()> stream_source,
         const ClientOptions& options);

  CallId StartMessage(absl::string_view method,
                      const google::protobuf::Message& request,
                      const CallOptions& options, DoneFunction&& done);
  // Starts a call and waits until `take` has got its reply.
  static void Await(absl::FunctionRef<void(DoneFunction)> start,
                    absl::FunctionRef<void(const Reply&)> take);
  // Whether Check() can only say OK, because there is nothing to check; a quick
  // look, for each call.
  bool IsUsual(absl::string_view method, const CallOptions& options) const;
  absl::Status Check(absl::string_view method,
                     const CallOptions& options) const;
  CallId Own(CallId id) const {
    id.client = number_;
    return id;
  }

  // Fixed at construction.
  const absl::Status mistake_;  // In the options.
  const uint32_t number_;       // No other client of the process has it.
  // Null if the client uses sessions, which are the next two.
  std::unique_ptr<client_internal::UnaryCalls> unary_;
  std::vector<std::unique_ptr<client_internal::SessionLink>> links_;
  std::unique_ptr<client_internal::KeyLinks> key_links_;
  // Null if there is a mistake.
  std::unique_ptr<client_internal::StreamCalls> streams_;
};

}  // namespace pinion

#endif  // PINION_CLIENT_CLIENT_H_
