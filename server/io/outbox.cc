// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/io/outbox.h"

#include <utility>

namespace pinion {

using std::chrono::nanoseconds;

Outbox::Outbox(IoThread& io, OutboxOwner& owner, const Clock& clock,
               nanoseconds write_timeout)
    : io_(io), owner_(owner), clock_(clock), write_timeout_(write_timeout) {}

void Outbox::Expect() { context_.AsyncNotifyWhenDone(over_.Begin()); }

void Outbox::Open() {
  open_ = true;
  FlushSoon();
}

void Outbox::FlushSoon() {
  if (finish_begun_ || std::exchange(flush_listed_, true)) return;
  io_.FlushLater(*this);
}

void Outbox::Flush() {
  flush_listed_ = false;
  if (finish_begun_) return TellIfClosed();
  if (write_.under_way()) return;
  if (broken_) {
    owner_.DropReady();
    pending_bytes_ = 0;
  } else if (auto message = owner_.NextMessage()) {
    return Write(*std::move(message));
  }
  if (const auto end = owner_.TryEnd()) Finish(*end);
}

void Outbox::Write(OutboxOwner::Message message) {
  writing_bytes_ = message.added;
  write_begun_ = clock_.Now();
  BeginWrite(message.bytes, write_.Begin());
  if (!patience_.under_way()) patience_.Set(write_timeout_);
}

void Outbox::Finish(const grpc::Status& status) {
  finish_begun_ = true;
  BeginFinish(status, finish_.Begin());
  patience_.Cancel();
}

void Outbox::OnWritten(bool ok) {
  const int64_t added = std::exchange(writing_bytes_, 0);
  pending_bytes_ -= added;
  if (!ok) broken_ = true;
  owner_.OnWritten(added);
  FlushSoon();
}

void Outbox::OnPatienceEnded(bool ok) {
  if (ok && write_.under_way()) {
    const nanoseconds left = write_timeout_ - (clock_.Now() - write_begun_);
    if (left > nanoseconds(0)) {
      patience_.Set(left);
    } else {
      // It takes nothing. The notice that the stream is over does the rest.
      context_.TryCancel();
    }
  }
  TellIfClosed();
}

void Outbox::OnFinished(bool) { TellIfClosed(); }

void Outbox::OnOver(bool) {
  if (context_.IsCancelled() && !finish_begun_) {
    broken_ = true;
    owner_.OnClientGone();
  }
  if (!open_) return;  // gRPC may tell of the end first.
  FlushSoon();
  TellIfClosed();
}

bool Outbox::closed() const {
  return finish_begun_ && !flush_listed_ && !write_.under_way() &&
         !finish_.under_way() && !over_.under_way() && !patience_.under_way();
}

void Outbox::TellIfClosed() {
  if (closed()) owner_.OnClosed();
}

}  // namespace pinion
