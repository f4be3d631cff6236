// SPDX-License-Identifier: Apache-2.0
//
// HealthWatchCall: a call of grpc.health.v1.Health/Watch: tells its client a
//                  status, and each later one, until the client or the server
//                  ends it.
//
// Threads: its I/O thread's.
// Life:    Await() makes one that waits for a call; when a call has come it
//          makes its successor. An open one has two operations of gRPC's under
//          way: the notice that the call is over, always, and a write or, at
//          last, the finish. It deletes itself when both are done.
// Order:   at most one write at a time; statuses that came and went meanwhile
//          are not told.
#ifndef PINION_SERVER_HEALTH_WATCH_CALL_H_
#define PINION_SERVER_HEALTH_WATCH_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "server/health.h"
#include "server/io_thread.h"
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

class HealthWatchCall final : private IoEvent, private OpenCall {
 public:
  // Waits for one call.
  static void Await(HealthWatches& watches);

 private:
  friend class HealthWatches;

  enum class Step { kAwaiting, kIdle, kWriting, kFinishing, kFinished };

  // Tells that the call is over: its client is gone or has the whole answer.
  class OverEvent final : public IoEvent {
   public:
    explicit OverEvent(HealthWatchCall& call) : call_(call) {}
    void OnEvent(bool) override { call_.OnOver(); }

   private:
    HealthWatchCall& call_;
  };

  explicit HealthWatchCall(HealthWatches& watches);

  void OnEvent(bool ok) override;
  void OnOver();
  void OnStop() override;
  void Arrive();
  // Begins what is to be done next, if nothing is under way.
  void Advance();
  void Write(HealthStatus status);
  void Finish(const grpc::Status& status);
  void DeleteWhenDone();

  HealthStatus Now() const;

  HealthWatches& watches_;
  Step step_ = Step::kAwaiting;
  bool over_ = false;      // The notice has come.
  bool stopping_ = false;  // The server ends it.
  // None: the name is not in the book, and never will be.
  std::optional<std::string> name_;
  std::optional<HealthStatus> told_;  // The last that was written.
  OverEvent over_event_;
  grpc::ServerContext context_;
  grpc::ByteBuffer buffer_;
  RawStreamWriter writer_;
};

}  // namespace pinion

#endif  // PINION_SERVER_HEALTH_WATCH_CALL_H_
