// SPDX-License-Identifier: Apache-2.0
//
// HealthWatchCall: a call of grpc.health.v1.Health/Watch. It sends its client
//                  the status and each later one, until the client or the
//                  server ends it.
//
// Threads: its I/O thread only.
// Life:    Await() makes one that waits for a call. When a call has arrived, it
//          makes its successor. It deletes itself when its outbox is closed.
// Order:   statuses that change again while one is being written are skipped.
#ifndef PINION_SERVER_HEALTH_HEALTH_WATCH_CALL_H_
#define PINION_SERVER_HEALTH_HEALTH_WATCH_CALL_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "pinion/server/call/call_guard.h"
#include "pinion/server/health.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/io/io_thread.h"
#include "pinion/server/io/outbox.h"
#include "pinion/server/io/raw_service.h"

namespace pinion {

class HealthWatchCall;

// The watches on one I/O thread, and that thread's only once it has started.
class HealthWatches final : private IoDelivery {
 public:
  // Enough for every load balancer that watches one server; each takes some
  // kilobytes.
  static constexpr size_t kMax = 100;
  static constexpr char kPath[] = "/grpc.health.v1.Health/Watch";

  // The watches are calls of the `method` of `service`.
  HealthWatches(const Health& health, RawService& service, int method,
                const CallGuard& guard, IoThread& io)
      : health_(health),
        service_(service),
        method_(method),
        guard_(guard),
        io_(io) {}

  // Makes each watch notify its client if its status has changed. Any thread
  // may call it, as IoThread::Deliver().
  void TellChange();

 private:
  friend class HealthWatchCall;

  void OnDelivered() override;

  const Health& health_;
  RawService& service_;
  const int method_;
  const CallGuard& guard_;
  IoThread& io_;
  // True from a change until the I/O thread looks; it covers all changes
  // between. Pairs with itself: the look's exchange sees what was written
  // before each change.
  std::atomic<bool> changed_{false};
  std::vector<HealthWatchCall*> open_;  // At most kMax of them.
};

class HealthWatchCall final : private IoEvent,
                              private OpenCall,
                              private OutboxOwner {
 public:
  // Waits for one call.
  static void Await(HealthWatches& watches);

 private:
  friend class HealthWatches;

  explicit HealthWatchCall(HealthWatches& watches);

  void OnEvent(bool ok) override;  // The arrival.
  void OnStop() override;
  void OnPolicyChanged() override;
  void OnTimesChanged() override { OnPolicyChanged(); }  // Keys, too.
  std::optional<Message> NextMessage() override;
  std::optional<grpc::Status> TryEnd() override;
  void OnClosed() override;

  void Begin();
  void Refuse(const Answer& refusal);
  // Refuses it if it may not go on.
  bool EndIfOver();
  HealthStatus Now() const;

  HealthWatches& watches_;
  OutboxOf<RawStreamWriter> outbox_;
  grpc::ByteBuffer buffer_;
  std::unique_ptr<GuardedCall> guarded_;  // Once it has arrived.
  bool begun_ = false;                    // It is known who the client is.
  bool stopping_ = false;                 // The server ends it.
  std::optional<grpc::Status> refusal_;
  // None: the name does not exist, and never will.
  std::optional<std::string> name_;
  std::optional<HealthStatus> told_;  // The last one written.
};

}  // namespace pinion

#endif  // PINION_SERVER_HEALTH_HEALTH_WATCH_CALL_H_
