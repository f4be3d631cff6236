// SPDX-License-Identifier: Apache-2.0
//
// Outbox: the way out of one stream: what its owner has ready is written,
//         message by message, and at last the stream is finished.
//
// Threads: its I/O thread's.
// Order:   one write at a time; what becomes ready meanwhile goes with the
//          next. The finish comes when nothing is ready, and nothing after it.
// Cancel:  a client that is gone finishes nothing: the write under way ends by
//          itself, what is ready is dropped, and the owner says when it is done
//          with the stream, as ever. A client that takes nothing of what is
//          written for the write timeout is cut off, and is gone then.
// Life:    the owner's, which stays until it is closed() and, if no stream ever
//          arrives, goes at once.
// Example: outbox_.Expect();          // ... and has the stream awaited
//          outbox_.Open();            // It is there.
//          outbox_.Add(bytes);        // So much more is ready.
#ifndef PINION_SERVER_OUTBOX_H_
#define PINION_SERVER_OUTBOX_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/clock.h"
#include "server/io_operation.h"
#include "server/io_thread.h"

namespace pinion {

// Who has what is to be written. All on the I/O thread, and only from events.
class OutboxOwner {
 public:
  struct Message {
    grpc::ByteBuffer bytes;
    int64_t added = 0;  // What Outbox::Add() was told of it.
  };

  // What is written next; none if nothing is ready.
  virtual std::optional<Message> NextMessage() = 0;

  // In its place when the outbox is broken: nobody will take what is ready.
  virtual void DropReady() {}

  // How the stream ends, if it is to: asked when nothing is ready. What is
  // returned is its end.
  virtual std::optional<grpc::Status> TryEnd() = 0;

  // The message that NextMessage() gave last has left, or never will.
  virtual void OnWritten(int64_t /*added*/) {}

  // The client is gone. Not told if the stream was finished before.
  virtual void OnClientGone() {}

  // The outbox is closed; it may be told more than once.
  virtual void OnClosed() = 0;

 protected:
  ~OutboxOwner() = default;
};

class Outbox : private IoFlush {
 public:
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  grpc::ServerContext& context() { return context_; }

  // Before the stream is asked for.
  void Expect();

  // The stream has arrived.
  void Open();

  // Something is ready, or the stream may be at its end: the owner is asked
  // before the thread looks for another event.
  void FlushSoon();

  // The same, of so many bytes.
  void Add(int64_t bytes) {
    pending_bytes_ += bytes;
    FlushSoon();
  }

  // What was added and has not left.
  int64_t pending_bytes() const { return pending_bytes_; }
  // A message is on its way.
  bool writing() const { return write_.under_way(); }
  // Nothing can be written any more.
  bool broken() const { return broken_; }
  // The end was said.
  bool finish_begun() const { return finish_begun_; }
  // It is finished, and nothing of it is under way: it may be destroyed.
  bool closed() const;

 protected:
  Outbox(IoThread& io, OutboxOwner& owner, const Clock& clock,
         std::chrono::nanoseconds write_timeout);
  ~Outbox() = default;

 private:
  virtual void BeginWrite(const grpc::ByteBuffer& message, void* tag) = 0;
  virtual void BeginFinish(const grpc::Status& status, void* tag) = 0;

  void Flush() override;
  void Write(OutboxOwner::Message message);
  void Finish(const grpc::Status& status);
  void OnWritten(bool ok);
  void OnPatienceEnded(bool ok);
  void OnFinished(bool ok);
  void OnOver(bool ok);
  void TellIfClosed();

  IoThread& io_;
  OutboxOwner& owner_;
  const Clock clock_;
  const std::chrono::nanoseconds write_timeout_;
  grpc::ServerContext context_;

  IoOperation<Outbox> write_{*this, &Outbox::OnWritten};
  IoOperation<Outbox> finish_{*this, &Outbox::OnFinished};
  // gRPC's notice that the stream is over, which comes once for each.
  IoOperation<Outbox> over_{*this, &Outbox::OnOver};
  IoTimer<Outbox> patience_{io_, *this, &Outbox::OnPatienceEnded};

  bool open_ = false;
  bool flush_listed_ = false;  // The I/O thread will call Flush().
  bool broken_ = false;
  bool finish_begun_ = false;
  int64_t pending_bytes_ = 0;
  int64_t writing_bytes_ = 0;  // Of these.
  Moment write_begun_;
};

// The outbox of a RawBidiStream or a RawStreamWriter.
template <typename Stream>
class OutboxOf final : public Outbox {
 public:
  // For `owner`, on the I/O thread `io`.
  OutboxOf(IoThread& io, OutboxOwner& owner, const Clock& clock,
           std::chrono::nanoseconds write_timeout)
      : Outbox(io, owner, clock, write_timeout) {}

  // For all but writes and the finish.
  Stream& stream() { return stream_; }

 private:
  void BeginWrite(const grpc::ByteBuffer& message, void* tag) override {
    stream_.Write(message, tag);
  }
  void BeginFinish(const grpc::Status& status, void* tag) override {
    stream_.Finish(status, tag);
  }

  Stream stream_{&context()};
};

}  // namespace pinion

#endif  // PINION_SERVER_OUTBOX_H_
