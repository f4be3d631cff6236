// SPDX-License-Identifier: Apache-2.0
//
// PlainCaller: the client of a call that gRPC has received and that no lane
//              gets: one of the server's own services, or of no method.
// HeaderOf(): what a policy sees of a call's headers.
//
// Threads: the call's I/O thread.
// Example: PlainCaller caller(door, context, io);
//          caller.Find([&] { if (auto refusal = caller.Refuse(path)) ... });
#ifndef PINION_SERVER_DOOR_PLAIN_CALLER_H_
#define PINION_SERVER_DOOR_PLAIN_CALLER_H_

#include <grpcpp/server_context.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/server/call/call_guard.h"
#include "pinion/server/door/front_door.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/io/io_thread.h"
#include "pinion/server/security/identity/callers.h"

namespace pinion {

class PlainCaller final : public GuardedCall {
 public:
  // `context` is that of a call that has arrived.
  PlainCaller(FrontDoor& door, const grpc::ServerContext& context, IoThread& io)
      : door_(door), context_(context), io_(io) {}
  ~PlainCaller() override;
  PlainCaller(const PlainCaller&) = delete;
  PlainCaller& operator=(const PlainCaller&) = delete;

  void Find(absl::AnyInvocable<void()> then) override;
  std::optional<Answer> Refuse(absl::string_view path) override;
  std::optional<Answer> RefuseToGoOn(absl::string_view path) override;

  // After Refuse() has let it pass: whether the client may call any method of
  // that service, so whether it may see the service.
  bool MayCallSomeOf(absl::string_view service) const;

 private:
  void Take(Caller caller);
  void OnVerdict(Caller caller);
  // Why its token proves nothing any more.
  absl::Status WhyOver() const;
  std::optional<std::string> Header(absl::string_view name) const;

  FrontDoor& door_;
  const grpc::ServerContext& context_;
  IoThread& io_;

  // While a token is checked: by whom the verdict finds this object; null once
  // it is gone.
  std::shared_ptr<PlainCaller*> awaited_;
  absl::AnyInvocable<void()> then_;

  // What was found.
  std::optional<Answer> refusal_;
  SharedIdentity identity_;  // Null: nothing is known of the client.
};

// The values of that name, joined by commas; none if there is none.
std::optional<std::string> HeaderOf(const grpc::ServerContextBase& context,
                                    absl::string_view name);

}  // namespace pinion

#endif  // PINION_SERVER_DOOR_PLAIN_CALLER_H_
