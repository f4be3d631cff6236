// SPDX-License-Identifier: Apache-2.0
//
// SessionStream: one stream of a SessionLink. It writes messages of calls and
//                reads messages of answers; the link decides what happens to
//                the calls.
//
// Threads: Write() on the one thread that made the message; the members marked
//          so under the link's lock; the rest on gRPC's threads.
// Life:    gRPC holds it from Begin() until OnDone() has returned; it is then
//          destroyed.
#ifndef PINION_CLIENT_INTERNAL_SESSION_STREAM_H_
#define PINION_CLIENT_INTERNAL_SESSION_STREAM_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/client/client_options.h"
#include "pinion/client/internal/call_table.h"
#include "pinion/client/internal/callback_batch.h"
#include "pinion/client/internal/client_token.h"
#include "pinion/client/internal/silence.h"
#include "pinion/proto/wire/answer_parts.h"

namespace pinion::client_internal {

class SessionLink;

class SessionStream final
    : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // The link's knowledge of it; under the link's lock.
  enum class Phase {
    kOpening,   // No hello has come yet.
    kOpen,      // Accepts calls.
    kDraining,  // Answers the calls that it has.
    kOver,      // Nothing more will come.
  };

  // The contents of the next message.
  struct Message {
    uint32_t number = 0;
    std::string head;  // Hello, names of methods, a ping.
    std::vector<uint64_t> cancels;
    std::vector<const ClientCall*> calls;
    size_t max_bytes = 0;      // Room enough for all of it.
    bool ends_writes = false;  // Not a message, but the end of them.

    bool is_empty() const {
      return calls.empty() && head.empty() && cancels.empty();
    }
    void Clear();
  };

  SessionStream(SessionLink& link, std::shared_ptr<grpc::Channel> channel,
                SteadyTime opened_at, const Silence::Limits& limits)
      : opened_at(opened_at),
        silence(limits),
        link_(link),
        channel_(std::move(channel)),
        stub_(channel_) {}

  // Opens the stream. Call it without the link's lock: the link is notified of
  // the end at once if the guard keeps the stream off.
  void Begin(const ClientOptions& options, ClientToken& token);

  // Its channel.
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // Breaks it; the link is notified of its end.
  void Break() { context_.TryCancel(); }

  // The next message: made under the link's lock, then the writing thread's.
  Message& message() { return message_; }

  // Writes message(). Everything that it refers to must stay until HasRead().
  void Write();
  bool HasRead(uint32_t message) const {
    return message <= read_.load(std::memory_order_acquire);
  }

  // When something was last received. While callbacks keep it from reading,
  // that is now, since nobody knows what waits to be read. Any thread may call
  // it.
  SteadyTime LastHeard(SteadyTime now) const {
    const SteadyTime heard = heard_at_.load(std::memory_order_relaxed);
    return std::min(heard, now);
  }

  // Under the link's lock: nothing follows the present write.
  void EndHold() { RemoveHold(); }

  const SteadyTime opened_at;

  // What the callbacks of its answers start. Of the thread that receives them.
  CallbackBatch batch;

  // Under the link's lock.
  Phase phase = Phase::kOpening;
  uint32_t messages = 0;  // How many were made.
  bool writing = false;   // The last of them is being written.
  int starting = 0;       // Threads between the lock and the end of Write().
  bool hold_ended = false;
  bool wrote_last = false;
  size_t names_sent = 0;
  std::string token;  // The last one that was sent.
  int64_t open_calls = 0;
  int64_t max_calls = 0;  // As many as the server accepts.
  int64_t open_bytes = 0;
  int64_t max_bytes = 0;
  size_t max_message_bytes = 0;
  std::vector<uint64_t> cancels;  // To be sent.
  bool answered = false;          // Some call was answered.
  absl::Status fault;             // Why it was broken, if it was.
  bool hopeless = false;          // Another attempt is useless.
  bool left = false;              // Broken, and its calls are ended.
  Silence silence;
  bool asks = false;            // Sends a ping next.
  SteadyTime ends_by = kNever;  // As the server said.

 private:
  ~SessionStream() override = default;

  void OnReadDone(bool ok) override;
  void GiveAnswers();
  void OnWriteDone(bool ok) override;
  void OnWritesDoneDone(bool) override {}
  void OnDone(const grpc::Status& status) override;

  // Fixed at construction.
  SessionLink& link_;
  const std::shared_ptr<grpc::Channel> channel_;

  grpc::GenericStub stub_;
  std::atomic<uint32_t> read_{0};  // The last message that was read.
  // Relaxed: it guards no other data.
  std::atomic<SteadyTime> heard_at_{SteadyTime::min()};
  std::shared_ptr<ChannelGuard> guard_;
  grpc::ClientContext context_;
  Message message_;
  grpc::ByteBuffer outgoing_;

  // What was received; the last three are for their memory.
  grpc::ByteBuffer incoming_;
  std::vector<grpc::Slice> slices_;
  std::vector<absl::string_view> pieces_;
  AnswerParts parts_;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_SESSION_STREAM_H_
