// SPDX-License-Identifier: Apache-2.0
//
// SessionStream: one stream of a SessionLink: writes messages of calls, reads
//                messages of answers. What happens to calls is the link's.
//
// Threads: Write() by the one thread that put the message together; what is
//          marked so by whoever holds the link's lock; the rest on gRPC's.
// Life:    Begin() makes gRPC hold it; when OnDone() is over it is gone.
#ifndef PINION_CLIENT_SESSION_STREAM_H_
#define PINION_CLIENT_SESSION_STREAM_H_

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/call_table.h"
#include "client/client_options.h"

namespace pinion::client_internal {

class SessionLink;

class SessionStream final
    : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // What the link knows of it; by the link's lock.
  enum class Phase {
    kOpening,   // No hello came yet.
    kOpen,      // Takes calls.
    kDraining,  // Answers what it has.
    kOver,      // Nothing more will come.
  };

  // What is to be in the next message.
  struct Message {
    uint32_t number = 0;
    std::string head;  // Hello and names of methods.
    std::vector<uint64_t> cancels;
    std::vector<const ClientCall*> calls;
    size_t most_bytes = 0;     // Room enough for all of it.
    bool ends_writes = false;  // It is none, but the end of them.

    void Clear();
  };

  explicit SessionStream(SessionLink& link) : link_(link) {}

  // Opens the stream. Without the link's lock, which hears of the end at once
  // if the guard keeps it off.
  void Begin(grpc::GenericStub& stub, const ClientOptions& options);

  // Breaks it off; the link hears of its end.
  void Break() { context_.TryCancel(); }

  // The next message: put together under the link's lock, then the writer's.
  Message& message() { return message_; }

  // Writes message(). What that looks at must stay until it HasRead() it.
  void Write();
  bool HasRead(uint32_t message) const {
    return message <= read_.load(std::memory_order_acquire);
  }

  // By the link's lock: nothing more will be written but what is under way.
  void EndHold() { RemoveHold(); }

  // By the link's lock.
  Phase phase = Phase::kOpening;
  uint32_t messages = 0;  // How many were put together.
  bool writing = false;   // The last of them is on its way.
  int starting = 0;       // Threads between the lock and the end of Write().
  bool hold_ended = false;
  bool wrote_last = false;
  size_t names_sent = 0;
  int64_t open_calls = 0;
  int64_t most_calls = 0;  // What the server takes.
  int64_t open_bytes = 0;
  int64_t most_bytes = 0;
  size_t most_message_bytes = 0;
  std::vector<uint64_t> cancels;  // To be sent.
  bool answered = false;          // Some call has been.
  absl::Status fault;             // Why it was broken off, if it was.
  bool hopeless = false;          // There is no use in trying again.

 private:
  ~SessionStream() override = default;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnWritesDoneDone(bool) override {}
  void OnDone(const grpc::Status& status) override;

  SessionLink& link_;
  std::atomic<uint32_t> read_{0};  // The last message that was.
  std::shared_ptr<ChannelGuard> guard_;
  grpc::ClientContext context_;
  Message message_;
  grpc::ByteBuffer outgoing_;
  grpc::ByteBuffer incoming_;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_SESSION_STREAM_H_
