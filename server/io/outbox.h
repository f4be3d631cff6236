// SPDX-License-Identifier: Apache-2.0
//
// Outbox: the way out of one stream. It writes what its owner has ready,
//         message by message, and finishes the stream at the end.
//
// Threads: its I/O thread only.
// Order:   one write at a time. What becomes ready during a write goes with the
//          next one. The stream is finished when nothing is ready, and nothing
//          follows.
// Cancel:  if the client is gone, the outbox does not finish the stream. The
//          write under way ends, the outbox drops what is ready, and the owner
//          closes the stream as usual. If a client takes nothing for the write
//          timeout, the outbox breaks the stream; the client then counts as
//          gone.
// Life:    the owner's. The owner must stay until the outbox is closed(). If no
//          stream ever arrives, it may be destroyed at once.
// Example: outbox_.Expect();          // ... and has the stream awaited
//          outbox_.Open();            // It is there.
//          outbox_.Add(bytes);        // So much more is ready.
#ifndef PINION_SERVER_IO_OUTBOX_H_
#define PINION_SERVER_IO_OUTBOX_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <cstdint>
#include <optional>

#include "pinion/core/clock.h"
#include "pinion/server/io/io_operation.h"
#include "pinion/server/io/io_thread.h"

namespace pinion {

// Provides what the outbox writes. Called on the I/O thread, from events only.
class OutboxOwner {
 public:
  struct Message {
    grpc::ByteBuffer bytes;
    int64_t added = 0;  // As given to Outbox::Add() for it.
  };

  // The next message to write; none if nothing is ready.
  virtual std::optional<Message> NextMessage() = 0;

  // Called instead when the outbox is broken: nobody will take what is ready.
  virtual void DropReady() {}

  // How the stream ends, if it should end; called when nothing is ready. A
  // result ends the stream.
  virtual std::optional<grpc::Status> TryEnd() = 0;

  // The last message of NextMessage() has left, or never will.
  virtual void OnWritten(int64_t /*added*/) {}

  // The client is gone. Not called if the stream was finished before.
  virtual void OnClientGone() {}

  // The outbox is closed. May be called more than once.
  virtual void OnClosed() = 0;

 protected:
  ~OutboxOwner() = default;
};

class Outbox : private IoFlush {
 public:
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  grpc::ServerContext& context() { return context_; }

  // Call it before you ask gRPC for the stream.
  void Expect();

  // The stream has arrived.
  void Open();

  // Something is ready, or the stream may end: the outbox asks the owner before
  // the thread looks for another event.
  void FlushSoon();

  // The same, for `bytes` more bytes.
  void Add(int64_t bytes) {
    pending_bytes_ += bytes;
    FlushSoon();
  }

  // The bytes that were added and have not left.
  int64_t pending_bytes() const { return pending_bytes_; }
  // Whether a message is being written.
  bool writing() const { return write_.under_way(); }
  // Whether nothing can be written any more.
  bool broken() const { return broken_; }
  // Whether the end was written.
  bool finish_begun() const { return finish_begun_; }
  // Whether the stream is finished and nothing of it is under way: the outbox
  // may be destroyed.
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
  // gRPC's notice that the stream is over; it comes once for each stream.
  IoOperation<Outbox> over_{*this, &Outbox::OnOver};
  IoTimer<Outbox> patience_{io_, *this, &Outbox::OnPatienceEnded};

  bool open_ = false;
  bool flush_listed_ = false;  // The I/O thread will call Flush().
  bool broken_ = false;
  bool finish_begun_ = false;
  int64_t pending_bytes_ = 0;
  int64_t writing_bytes_ = 0;  // The part that is being written.
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

  // For everything except writes and the finish.
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

#endif  // PINION_SERVER_IO_OUTBOX_H_
