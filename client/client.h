// SPDX-License-Identifier: Apache-2.0
//
// Client: calls methods of a Pinion server, within sessions, or of any gRPC
//         server, one by one.
//
// Threads: anyone, at the same time. Callbacks run on gRPC's threads and must
//          not block: the answers behind theirs would wait.
// Errors:  the server's, each with a Failure (failure.h); and the client's own:
//          UNAVAILABLE        there is no session, or it broke; whether a
//                             handler may have run, the Failure says
//          DEADLINE_EXCEEDED  the time is over; likewise
//          CANCELLED          by Cancel(), or because the client goes
//          RESOURCE_EXHAUSTED, INVALID_ARGUMENT
//                             the call or the options cannot be; not sent
//          INTERNAL           the response is not of the type asked for
// Retries: what the server refused for a passing reason, before a handler ran,
//          is tried again within the deadline and a budget (RetryOptions).
//          Calls of one key may then start in another order. Nothing else is.
// Example: auto client = pinion::Client::Connect("127.0.0.1:50051");
//          absl::StatusOr<PutResponse> put =
//              client->Call(kPut, request, {.timeout = absl::Seconds(1)});
//
//          client->Start(kPut, request, {}, [](absl::StatusOr<PutResponse> put)
//          {
//            ...
//          });
#ifndef PINION_CLIENT_CLIENT_H_
#define PINION_CLIENT_CLIENT_H_

#include <google/protobuf/message.h>
#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/call_options.h"
#include "client/client_options.h"
#include "client/failure.h"
#include "client/key_places.h"
#include "client/method.h"
#include "client/session_link.h"
#include "client/unary_calls.h"

namespace pinion {

class Client {
 public:
  // A client of `target`, as gRPC names servers: "host:port", "unix:path". It
  // connects when the first call is made. Each call of a client whose options
  // are out of range fails with INVALID_ARGUMENT.
  static std::unique_ptr<Client> Connect(const std::string& target,
                                         const ClientOptions& options = {});

  // A client over a channel of the caller's.
  explicit Client(std::shared_ptr<grpc::Channel> channel,
                  const ClientOptions& options = {});

  // Answers each open call with CANCELLED, and waits until all callbacks have
  // returned; so not from a callback.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Calls a method and waits for the answer; not from a callback.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(const Method<Request, Response>& method,
                                const Request& request,
                                const CallOptions& options = {}) {
    return Call<Response>(method.name(), request, options);
  }
  // The same by name, "/package.Service/Method".
  template <typename Response>
  absl::StatusOr<Response> Call(absl::string_view method,
                                const google::protobuf::Message& request,
                                const CallOptions& options = {}) {
    absl::StatusOr<Response> response;
    Await(
        [&](DoneFunction done) {
          StartMessage(method, request, options, std::move(done));
        },
        [&](const Reply& reply) { response = ResponseOf<Response>(reply); });
    return response;
  }
  // The same with serialized messages.
  RawReply CallRaw(absl::string_view method, absl::string_view request,
                   const CallOptions& options = {});

  // Calls a method and returns at once. `done` is called once with an
  // absl::StatusOr<Response>: later, or, if the call cannot be begun, before
  // Start() returns. Never blocks.
  template <typename Request, typename Response, typename Done>
  CallId Start(const Method<Request, Response>& method, const Request& request,
               const CallOptions& options, Done done) {
    return StartMessage(method.name(), request, options,
                        [done = std::move(done)](const Reply& reply) mutable {
                          done(ResponseOf<Response>(reply));
                        });
  }
  // The same with serialized messages; `done` is called with the Reply.
  CallId StartRaw(absl::string_view method, absl::string_view request,
                  const CallOptions& options,
                  absl::AnyInvocable<void(const Reply&)> done);

  // Takes a call back. Its callback still comes: with CANCELLED, or with the
  // answer that was faster. Nothing happens if that has come already.
  void Cancel(CallId id);

 private:
  using DoneFunction = client_internal::DoneFunction;

  template <typename Response>
  static absl::StatusOr<Response> ResponseOf(const Reply& reply) {
    if (!reply.status.ok()) return reply.status;
    absl::StatusOr<Response> response(absl::in_place);
    if (!response->ParseFromArray(reply.response.data(),
                                  static_cast<int>(reply.response.size()))) {
      response = absl::InternalError(
          absl::StrCat("the response cannot be decoded as a ",
                       Response::descriptor()->full_name()));
    }
    return response;
  }

  Client(std::vector<std::shared_ptr<grpc::Channel>> channels,
         const ClientOptions& options);

  CallId StartMessage(absl::string_view method,
                      const google::protobuf::Message& request,
                      const CallOptions& options, DoneFunction&& done);
  // Starts a call and waits until `take` has had its reply.
  static void Await(absl::FunctionRef<void(DoneFunction)> start,
                    absl::FunctionRef<void(const Reply&)> take);
  absl::Status Check(const CallOptions& options) const;

  // Fixed at construction.
  const absl::Status mistake_;                          // In the options.
  std::unique_ptr<client_internal::UnaryCalls> unary_;  // Or else:
  std::vector<std::unique_ptr<client_internal::SessionLink>> links_;
  std::unique_ptr<client_internal::KeyPlaces> places_;
};

}  // namespace pinion

#endif  // PINION_CLIENT_CLIENT_H_
