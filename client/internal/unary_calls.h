// SPDX-License-Identifier: Apache-2.0
//
// UnaryCalls: the open calls of a client that makes each of them a gRPC call of
//             its own.
//
// Threads: any thread. Callbacks run on gRPC's threads, with no lock held.
#ifndef PINION_CLIENT_INTERNAL_UNARY_CALLS_H_
#define PINION_CLIENT_INTERNAL_UNARY_CALLS_H_

#include <grpcpp/alarm.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/client/call_options.h"
#include "pinion/client/client_options.h"
#include "pinion/client/internal/channel_source.h"
#include "pinion/client/internal/client_token.h"
#include "pinion/client/internal/retry_budget.h"
#include "pinion/core/base/mutex.h"
#include "pinion/proto/wire/process_hash.h"

namespace pinion::client_internal {

class UnaryCalls {
 public:
  // `link` goes into the CallIds that it gives.
  UnaryCalls(const ChannelSource& source, const ClientOptions& options,
             int link);
  ~UnaryCalls();
  UnaryCalls(const UnaryCalls&) = delete;
  UnaryCalls& operator=(const UnaryCalls&) = delete;

  // Starts a call. The options must be checked. `done` is called once, by
  // Close() at the latest.
  CallId Start(absl::string_view method, absl::string_view request,
               const CallOptions& options, DoneFunction done);

  // Cancels a call; no effect if it has ended.
  void Cancel(CallId id);

  // Breaks all calls, and waits until their callbacks have returned. Not from a
  // callback.
  void Close();

 private:
  struct UnaryCall {
    uint32_t id = 0;
    std::string method;
    grpc::ByteBuffer request;
    CallOptions options;
    absl::Time deadline;
    DoneFunction done;
    int attempts = 0;
    bool cancelled = false;
    // Of the present attempt; null during a backoff.
    std::unique_ptr<grpc::ClientContext> context;
    grpc::ByteBuffer response;
    std::unique_ptr<grpc::Alarm> backoff;
    absl::Status refusal;
  };

  void Begin(UnaryCall& call);
  void Ended(UnaryCall& call, const grpc::Status& status);
  void Rested(UnaryCall& call, bool ok);
  bool Retry(UnaryCall& call, const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TryCancel(UnaryCall& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish(UnaryCall& call, const Reply& reply);

  // Fixed at construction.
  const ChannelSource source_;
  const ClientOptions options_;
  ClientToken token_;
  const int link_;

  grpc::GenericStub stub_;  // gRPC allows any thread to use it.

  Mutex mutex_;
  CondVar changed_;
  uint32_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  HashMap<uint32_t, std::unique_ptr<UnaryCall>> calls_ ABSL_GUARDED_BY(mutex_);
  RetryBudget budget_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_UNARY_CALLS_H_
