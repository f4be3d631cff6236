// SPDX-License-Identifier: Apache-2.0
//
// StreamCalls: the open server streams of a client, and their channel.
//
// Threads: any thread.
// Example: StreamCalls streams(connect, options);
//          std::shared_ptr<StreamCall> watch = streams.Start(method, ...);
#ifndef PINION_CLIENT_INTERNAL_STREAM_CALLS_H_
#define PINION_CLIENT_INTERNAL_STREAM_CALLS_H_

#include <grpcpp/generic/generic_stub.h>

#include <functional>
#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "pinion/client/call_options.h"
#include "pinion/client/client_options.h"
#include "pinion/client/internal/channel_source.h"
#include "pinion/client/internal/client_token.h"
#include "pinion/client/internal/stream_call.h"
#include "pinion/core/base/mutex.h"

namespace pinion::client_internal {

class StreamCalls final : private StreamCall::Owner {
 public:
  // Returns the channel for streams; called once, at the first stream, so that
  // a client without streams has no connection for them.
  using Connect = std::function<ChannelSource()>;

  StreamCalls(Connect connect, const ClientOptions& options);
  ~StreamCalls();  // Calls Close().
  StreamCalls(const StreamCalls&) = delete;
  StreamCalls& operator=(const StreamCalls&) = delete;

  // Opens a stream. The options must be checked.
  std::shared_ptr<StreamCall> Start(absl::string_view method,
                                    absl::string_view request,
                                    const CallOptions& options);

  // Cancels all streams, and waits until their functions have returned; those
  // that such a function opens are refused. Not from such a function.
  void Close();

 private:
  void Ended(StreamCall& call) override;

  // Fixed at construction.
  const Connect connect_;
  const ClientOptions options_;
  ClientToken token_;

  Mutex mutex_;
  CondVar changed_;
  // From the first stream on.
  std::unique_ptr<const ChannelSource> source_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::GenericStub> stub_ ABSL_GUARDED_BY(mutex_);
  std::set<std::shared_ptr<StreamCall>> open_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_STREAM_CALLS_H_
