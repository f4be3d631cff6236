// SPDX-License-Identifier: Apache-2.0
//
// HealthWatchCall: a call of grpc.health.v1.Health/Watch: tells its client a
//                  status, and each later one, until the client or the server
//                  ends it.
//
// Threads: its I/O thread's.
// Life:    Await() makes one that waits for a call; when a call has come it
//          makes its successor. It deletes itself when its outbox is closed.
// Order:   statuses that came and went while one was written are not told.
#ifndef PINION_SERVER_HEALTH_WATCH_CALL_H_
#define PINION_SERVER_HEALTH_WATCH_CALL_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "server/health.h"
#include "server/io_thread.h"
#include "server/outbox.h"
#include "server/raw_service.h"

namespace pinion {

class HealthWatchCall;

// The watches on one I/O thread; its alone once it has started.
class HealthWatches final : private IoDelivery {
 public:
  // Enough for every balancer that watches one server; some kilobytes each.
  static constexpr size_t kMost = 100;

  // The watches are calls of the `method` of `service`.
  HealthWatches(const Health& health, RawService& service, int method,
                IoThread& io)
      : health_(health), service_(service), method_(method), io_(io) {}

  // Has each watch tell its client if its status is another now. Anyone, as
  // IoThread::Deliver().
  void TellChange();

 private:
  friend class HealthWatchCall;

  void OnDelivered() override;

  const Health& health_;
  RawService& service_;
  const int method_;
  IoThread& io_;
  // True from a change until the I/O thread looks, for all changes between.
  // Pairs with itself: the look's exchange sees what was written before each.
  std::atomic<bool> changed_{false};
  std::vector<HealthWatchCall*> open_;  // At most kMost.
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
  std::optional<Message> NextMessage() override;
  std::optional<grpc::Status> TryEnd() override;
  void OnClosed() override;

  void Begin();
  HealthStatus Now() const;

  HealthWatches& watches_;
  OutboxOf<RawStreamWriter> outbox_;
  grpc::ByteBuffer buffer_;
  bool stopping_ = false;  // The server ends it.
  std::optional<grpc::Status> refusal_;
  // None: the name is not in the book, and never will be.
  std::optional<std::string> name_;
  std::optional<HealthStatus> told_;  // The last that was written.
};

}  // namespace pinion

#endif  // PINION_SERVER_HEALTH_WATCH_CALL_H_
