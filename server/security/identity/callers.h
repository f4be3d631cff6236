// SPDX-License-Identifier: Apache-2.0
//
// Callers: who makes the calls of a server: by the client's certificate, by
//          what a listed proxy tells of it, and by tokens.
//
// Threads: any thread.
// Use:     OfConnection() for a call or session that has arrived; then, if
//          judges_tokens() and it has an authorization, Judge() for that. A
//          token adds its principal to those of the connection.
// Cost:    an identity is made once for each connection, and once more for each
//          token on it; calls share it.
// Example: auto base = callers.OfConnection(context);
//          auto ruling = callers.Judge(*base, authorization, [&] {
//            return [this](Caller caller) { ... };
//          });
#ifndef PINION_SERVER_SECURITY_IDENTITY_CALLERS_H_
#define PINION_SERVER_SECURITY_IDENTITY_CALLERS_H_

#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/core/base/mutex.h"
#include "pinion/server/party/trusted_proxies.h"
#include "pinion/server/security/identity/identity.h"
#include "pinion/server/security/identity/lru_map.h"
#include "pinion/server/security/identity/token_judge.h"
#include "pinion/server/security/identity/wall_clock.h"

namespace pinion {

using SharedIdentity = std::shared_ptr<const Identity>;

// What was found out about a caller.
struct Caller {
  // OK; UNAUTHENTICATED; or RESOURCE_EXHAUSTED if it was not found out.
  absl::Status status = absl::OkStatus();
  std::chrono::nanoseconds retry_after{0};  // Of RESOURCE_EXHAUSTED.
  SharedIdentity identity = nullptr;        // If OK.
};

struct CallersOptions {
  // The principals, as policies write them, whose x-forwarded-client-cert
  // counts.
  std::vector<std::string> forwarded_identity_from = {};
  // Their addresses have no budget of checks of their own.
  TrustedProxies trusted_proxies = {};
  WallClock wall_clock = {};
  LogSink log = {};
};

class Callers {
 public:
  using Done = absl::AnyInvocable<void(Caller caller)>;

  // `judge` may be null: then tokens are no business of this server.
  Callers(CallersOptions options, TokenJudge* judge);

  // Whether an authorization is judged here.
  bool judges_tokens() const { return judge_ != nullptr; }

  // The client at the other end of the call's connection; or, if that is a
  // listed proxy, the client that it tells of. Such a proxy never speaks for
  // itself: if it tells of none, nothing is proven. UNAUTHENTICATED if what it
  // tells cannot be read.
  absl::StatusOr<SharedIdentity> OfConnection(
      const grpc::ServerContext& context, absl::string_view peer);

  // The authorization in a call's metadata; none if it has none, or if tokens
  // are not judged here. Of two, none counts: it is then "given twice".
  std::optional<absl::string_view> AuthorizationOf(
      const grpc::ServerContext& context) const;

  // Adds the principal of a token to what the connection proves. Returns what
  // is known at once; otherwise calls what `make_done` returns, once, on
  // another thread.
  std::optional<Caller> Judge(const SharedIdentity& base,
                              absl::string_view authorization,
                              absl::FunctionRef<Done()> make_done);
  // The same for a token without the word "Bearer" before it.
  std::optional<Caller> JudgeToken(const SharedIdentity& base,
                                   absl::string_view token,
                                   absl::FunctionRef<Done()> make_done);

  // Why `identity` proves nothing any more; OK if it does.
  static absl::Status WhyOver(const Identity& identity, const WallClock& clock);
  const WallClock& wall_clock() const { return options_.wall_clock; }

 private:
  // A connection that lives, or has lived, and what it proves. Its context is
  // held, so that no other has its address in memory.
  struct Connection {
    std::shared_ptr<const grpc::AuthContext> context;
    SharedIdentity identity;
  };
  static constexpr size_t kMaxConnections = 1024;
  static constexpr size_t kMaxJoined = 4096;

  SharedIdentity OfCertificate(const grpc::ServerContext& context,
                               absl::string_view peer);
  bool IsListed(const Identity& identity) const;
  Caller Join(const SharedIdentity& base, absl::string_view token,
              const SharedVerdict& verdict);
  // That caller, or why it proves nothing any more.
  Caller Standing(SharedIdentity identity) const;
  void TellRefused(const Identity& base, const absl::Status& status) const;

  const CallersOptions options_;
  TokenJudge* const judge_;

  Mutex mutex_;
  LruMap<Connection> connections_ ABSL_GUARDED_BY(mutex_){kMaxConnections};
  // What connections and tokens prove together, by the token.
  struct Joined {
    SharedIdentity base;
    SharedVerdict verdict;
    SharedIdentity identity;
  };
  LruMap<Joined> joined_ ABSL_GUARDED_BY(mutex_){kMaxJoined};
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_IDENTITY_CALLERS_H_
