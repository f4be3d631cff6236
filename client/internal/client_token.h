// SPDX-License-Identifier: Apache-2.0
//
// ClientToken: the token of a client, asked of its source from time to time.
//
// Threads: any thread. The source is asked without a lock, by one thread at a
//          time once there is a token; the others use that meanwhile.
// Example: if (token.due()) Send(token.Get());
#ifndef PINION_CLIENT_INTERNAL_CLIENT_TOKEN_H_
#define PINION_CLIENT_INTERNAL_CLIENT_TOKEN_H_

#include <grpcpp/client_context.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pinion/client/call_options.h"
#include "pinion/client/client_options.h"
#include "pinion/core/base/mutex.h"

namespace pinion::client_internal {

class ClientToken {
 public:
  explicit ClientToken(const ClientOptions& options);
  ClientToken(const ClientToken&) = delete;
  ClientToken& operator=(const ClientToken&) = delete;

  // Whether the client has a source of tokens.
  bool exists() const { return source_ != nullptr; }
  // Whether the source is to be asked again.
  bool due() const {
    return exists() && Now() >= due_.load(std::memory_order_relaxed);
  }

  // The token; asks the source if that is due. If the source has an error, this
  // is the token of before, or the error if there was none. UNAUTHENTICATED if
  // what it gives cannot be a token.
  absl::StatusOr<std::string> Get();

  // The server has refused the token: the source is asked again soon, at most
  // once in a second.
  void Refused();

  // Adds it to what a call sends, unless the call has an authorization of its
  // own. An error as Get() has it: then nothing can be sent.
  absl::Status AddTo(const CallOptions& options, grpc::ClientContext& context);

 private:
  static int64_t Now() {
    return std::chrono::steady_clock::now().time_since_epoch().count();
  }

  // Fixed at construction.
  const TokenSource source_;
  const int64_t refresh_nanos_;

  // Relaxed: whoever reads too late asks a little later.
  std::atomic<int64_t> due_{INT64_MIN};
  std::atomic<int64_t> asked_{INT64_MIN};
  Mutex mutex_;
  std::string token_ ABSL_GUARDED_BY(mutex_);  // Empty: there was none yet.
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_CLIENT_TOKEN_H_
