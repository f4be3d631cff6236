// SPDX-License-Identifier: Apache-2.0
//
// CallGuard: how a service of the server's own, which calls reach without the
//            door, asks whether a client may call it.
//
// Threads: the I/O thread of the call.
// Life:    the guarded call is destroyed before the call's context.
// Example: guarded_ = guard(context_, io);
//          guarded_->Find([this] {
//            if (const auto refusal = guarded_->Refuse(kPath)) Send(*refusal);
//          });
#ifndef PINION_SERVER_CALL_CALL_GUARD_H_
#define PINION_SERVER_CALL_CALL_GUARD_H_

#include <grpcpp/server_context.h>

#include <functional>
#include <memory>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/io/io_thread.h"

namespace pinion {

// A call that has arrived, and what is known of its client.
class GuardedCall {
 public:
  virtual ~GuardedCall() = default;

  // Finds out who the client is, then calls `then` on the I/O thread: at once,
  // or later if a token must be checked first. It is not called any more once
  // the object is gone.
  virtual void Find(absl::AnyInvocable<void()> then) = 0;

  // After that. Why the call is refused; none: it may be answered. Takes it
  // from what its party may call.
  virtual std::optional<Answer> Refuse(absl::string_view path) = 0;
  // Once Refuse() has let it pass: why the call may not go on, since the policy
  // has changed or its token has ended; none: it may.
  virtual std::optional<Answer> RefuseToGoOn(absl::string_view path) = 0;
};

using CallGuard = std::function<std::unique_ptr<GuardedCall>(
    const grpc::ServerContext& context, IoThread& io)>;

}  // namespace pinion

#endif  // PINION_SERVER_CALL_CALL_GUARD_H_
