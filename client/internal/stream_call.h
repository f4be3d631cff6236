// SPDX-License-Identifier: Apache-2.0
//
// StreamCall: one call of a server-streaming method.
//
// Threads: one thread at a time calls StartNext(); any thread may Cancel(). A
//          function given to StartNext() runs within it, if a message is there
//          already, and otherwise on a thread of gRPC's; never with the lock.
// Flow:    one message is read ahead: the next is read when this one is taken.
//          So at most one waits here, and if none does, the end of a stream is
//          noticed even if nobody asks for it.
//
//   StartNext(done) --> is a message here? --yes--> read the next; done(this)
//                               | no
//                               v
//                       OnReadDone(), or OnDone() --> done
//
// Life:    shared by its reader and, until it has ended, by StreamCalls.
#ifndef PINION_CLIENT_INTERNAL_STREAM_CALL_H_
#define PINION_CLIENT_INTERNAL_STREAM_CALL_H_

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/client/call_options.h"
#include "pinion/client/channel_guard.h"
#include "pinion/client/internal/channel_source.h"
#include "pinion/core/base/mutex.h"

namespace pinion::client_internal {

class StreamCall final
    : public std::enable_shared_from_this<StreamCall>,
      private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // The owner of open streams.
  class Owner {
   public:
    // The stream has ended, and no thread of gRPC's runs a function of its
    // reader any more.
    virtual void Ended(StreamCall& call) = 0;

   protected:
    ~Owner() = default;
  };

  StreamCall() = default;
  ~StreamCall() override = default;

  // Opens the stream; call it once. `source`, of the stub's channel, and
  // `owner` must live until the owner is notified. Returns false, and notifies
  // nobody, if the guard keeps the stream off.
  bool Begin(grpc::GenericStub& stub, const std::string& method,
             absl::string_view request,
             std::unique_ptr<grpc::ClientContext> context,
             const std::shared_ptr<ChannelGuard>& guard,
             const ChannelSource& source, Owner& owner);

  // Ends a stream that was not begun.
  void Refuse(absl::Status status);

  // Takes the next message, or the end. Do not ask again before `done` is
  // called; within it you may.
  void StartNext(NextFunction done);

  // Cancels the stream. Messages that were not taken are dropped.
  void Cancel();

  // The same; the stream then ends with `status`.
  void Fail(absl::Status status);

  // How the stream ended. Only once `done` was called with none.
  const Reply& end() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return end_; }

 private:
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  // Gives the waiting function what is there for it, as long as it asks for
  // more.
  void Deliver();
  // One round of it. False if there is nothing to give.
  bool DeliverOne();

  Mutex mutex_;
  // The RPC; null before it begins and after it has ended.
  std::unique_ptr<grpc::ClientContext> context_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<ChannelGuard> guard_ ABSL_GUARDED_BY(mutex_);
  const ChannelSource* source_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Owner* owner_ ABSL_GUARDED_BY(mutex_) = nullptr;  // Until it is notified.
  NextFunction next_ ABSL_GUARDED_BY(mutex_);
  bool delivering_ ABSL_GUARDED_BY(mutex_) = false;  // Some thread delivers.
  std::optional<grpc::ByteBuffer> message_ ABSL_GUARDED_BY(mutex_);
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool reads_ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status fault_ ABSL_GUARDED_BY(mutex_);  // Of Fail().
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  Reply end_ ABSL_GUARDED_BY(mutex_);  // Fixed once it has ended.

  // gRPC's, while it writes or reads.
  grpc::ByteBuffer request_;
  grpc::ByteBuffer incoming_;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_STREAM_CALL_H_
