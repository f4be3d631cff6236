// SPDX-License-Identifier: Apache-2.0
//
// IoOperation: an operation of gRPC's that is under way or not, and what to do
//              at its end; IoTimer: the same of a span of time.
//
// Threads: their I/O thread's.
// Life:    not destroyed while it is under way.
// Example: IoOperation<Session> read_{*this, &Session::OnRead};
//          stream.Read(&incoming, read_.Begin());
#ifndef PINION_SERVER_IO_OPERATION_H_
#define PINION_SERVER_IO_OPERATION_H_

#include <grpcpp/alarm.h>

#include <chrono>

#include "server/io_thread.h"

namespace pinion {

template <typename Owner>
class IoOperation final : public IoEvent {
 public:
  using Ended = void (Owner::*)(bool ok);

  IoOperation(Owner& owner, Ended ended) : owner_(owner), ended_(ended) {}

  // The tag with which it is begun.
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
  // `ended` is called when the time has passed, with true, or it was cancelled.
  IoTimer(IoThread& io, Owner& owner, typename IoOperation<Owner>::Ended ended)
      : io_(io), ended_(owner, ended) {}

  // While it is not under way.
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

#endif  // PINION_SERVER_IO_OPERATION_H_
