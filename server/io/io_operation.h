// SPDX-License-Identifier: Apache-2.0
//
// IoOperation: a gRPC operation that is under way or not, and what to do when
//              it ends. IoTimer: the same for a span of time.
//
// Threads: their I/O thread only.
// Life:    must not be destroyed while under way.
// Example: IoOperation<Session> read_{*this, &Session::OnRead};
//          stream.Read(&incoming, read_.Begin());
#ifndef PINION_SERVER_IO_IO_OPERATION_H_
#define PINION_SERVER_IO_IO_OPERATION_H_

#include <grpcpp/alarm.h>

#include <chrono>

#include "pinion/server/io/io_thread.h"

namespace pinion {

template <typename Owner>
class IoOperation final : public IoEvent {
 public:
  using Ended = void (Owner::*)(bool ok);

  IoOperation(Owner& owner, Ended ended) : owner_(owner), ended_(ended) {}

  // The tag to start it with.
  IoEvent* Begin() {
    under_way_ = true;
    return this;
  }
  bool under_way() const { return under_way_; }

 private:
  void OnEvent(bool ok) override {
    under_way_ = false;
    (owner_.*ended_)(ok);  // It may destroy this.
  }

  Owner& owner_;
  const Ended ended_;
  bool under_way_ = false;
};

template <typename Owner>
class IoTimer {
 public:
  // Calls `ended` when the time has passed, with true, or when it was
  // cancelled.
  IoTimer(IoThread& io, Owner& owner, typename IoOperation<Owner>::Ended ended)
      : io_(io), ended_(owner, ended) {}

  // Call it only while the timer is not under way.
  void Set(std::chrono::nanoseconds span) {
    alarm_.Set(io_.queue(), std::chrono::system_clock::now() + span,
               ended_.Begin());
  }
  void Cancel() {
    if (under_way()) alarm_.Cancel();
  }
  bool under_way() const { return ended_.under_way(); }

 private:
  IoThread& io_;
  grpc::Alarm alarm_;
  IoOperation<Owner> ended_;
};

}  // namespace pinion

#endif  // PINION_SERVER_IO_IO_OPERATION_H_
