// SPDX-License-Identifier: Apache-2.0
//
// What unary calls and server streams share, since each is a gRPC call: how the
// options go into its context, and how its end becomes a Reply.
//
// Threads: plain functions; any thread.
// Example: ApplyOptions(options, deadline, credentials, context);
//          ...
//          Reply reply = ReplyOf(status, context, source);
#ifndef PINION_CLIENT_INTERNAL_RPC_PARTS_H_
#define PINION_CLIENT_INTERNAL_RPC_PARTS_H_

#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/client/call_options.h"
#include "pinion/client/internal/channel_source.h"

namespace pinion::client_internal {

grpc::ByteBuffer ToByteBuffer(absl::string_view bytes);

// Gives `context` what `options` say besides the timeout, which has become
// `deadline`. Null `credentials`: none.
void ApplyOptions(const CallOptions& options, absl::Time deadline,
                  const std::shared_ptr<grpc::CallCredentials>& credentials,
                  grpc::ClientContext& context);

// The status with its Failure, the timing, and the handler's trailing metadata
// of an RPC that has ended. The response is empty. `source`: of its channel,
// for an error of the network.
Reply ReplyOf(const grpc::Status& status, const grpc::ClientContext& context,
              const ChannelSource& source);

// The error of a call that is begun while its client is being destroyed, as a
// callback may do.
absl::Status TakesNoCalls();

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_RPC_PARTS_H_
