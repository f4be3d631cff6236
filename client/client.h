// SPDX-License-Identifier: Apache-2.0
//
// Client: calls methods of a Pinion server, or of any gRPC server.
//
// Threads: anyone, at the same time. Callbacks run on gRPC's threads and must
//          not block.
// Example: pinion::Client client(grpc::CreateChannel(target, credentials));
//          absl::StatusOr<PutResponse> put = client.Call<PutResponse>(
//              "/pinion.kv.v1.KvService/Put", request,
//              {.timeout = absl::Seconds(1)});
#ifndef PINION_CLIENT_CLIENT_H_
#define PINION_CLIENT_CLIENT_H_

#include <google/protobuf/message.h>
#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/channel_guard.h"
#include "pinion/v1/failure.pb.h"
#include "pinion/v1/timing.pb.h"

namespace pinion {

struct CallOptions {
  // From now on; then the call fails with DEADLINE_EXCEEDED.
  absl::Duration timeout = absl::InfiniteDuration();
  // The worker to run on; only for methods without a key.
  std::optional<int> worker = std::nullopt;
  // Asks where the call ran and where its time went.
  bool want_timing = false;
  // Sent along. A name has lower case letters, digits, '-', '_' and '.'; a
  // value is printable ASCII, or any bytes if the name ends in "-bin". Else the
  // call fails with INVALID_ARGUMENT.
  std::vector<std::pair<std::string, std::string>> metadata = {};
};

// What came back: the serialized response, or why there is none.
struct RawReply {
  absl::StatusOr<std::string> response;
  std::optional<v1::Timing> timing;  // When asked for, and the call ran.
};

// What the server said of an error beside its code and message: why, and
// whether a handler ran. None: nothing is known; a handler may have run.
std::optional<v1::Failure> FailureOf(const absl::Status& status);

class Client {
 public:
  // `guard`, if any, is asked before each call.
  explicit Client(std::shared_ptr<grpc::Channel> channel,
                  std::shared_ptr<ChannelGuard> guard = nullptr);

  // Waits until each open call has been answered and its callback has returned,
  // so not from a callback. (A channel whose last reference went on a thread of
  // gRPC's would have that thread wait for itself.)
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Calls "/package.Service/Method" and waits for the answer. Errors are the
  // server's, or gRPC's own (UNAVAILABLE, DEADLINE_EXCEEDED, ...), or INTERNAL
  // if the response is not a `Response`.
  template <typename Response>
  absl::StatusOr<Response> Call(const std::string& method,
                                const google::protobuf::Message& request,
                                const CallOptions& options = {}) {
    RawReply reply = CallRaw(method, request.SerializeAsString(), options);
    if (!reply.response.ok()) return reply.response.status();
    Response response;
    if (!response.ParseFromString(*reply.response)) {
      return absl::InternalError("the response cannot be decoded");
    }
    return response;
  }

  // The same with serialized messages.
  RawReply CallRaw(const std::string& method, absl::string_view request,
                   const CallOptions& options = {});

  // The same without waiting: `done` is called once, later, on a thread of
  // gRPC's or, if the call cannot be begun, at once.
  void CallRaw(const std::string& method, absl::string_view request,
               const CallOptions& options,
               absl::AnyInvocable<void(RawReply)> done);

 private:
  grpc::GenericStub stub_;
  const std::shared_ptr<ChannelGuard> guard_;

  absl::Mutex mutex_;
  int open_calls_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace pinion

#endif  // PINION_CLIENT_CLIENT_H_
