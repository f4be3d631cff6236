// SPDX-License-Identifier: Apache-2.0
//
// ReflectionCall: a stream of questions about the server's services, and their
//                 answers.
//
// Threads: its I/O thread only.
// Way:     a question is read and answered in one event of the I/O thread,
// which
//          takes some microseconds; the next one is read when the answer has
//          left. So a stream holds one of the two, and a client that sends many
//          questions, or does not read its answers, makes nobody else wait.
// Stop:    until the grace period begins it answers; then it ends, as soon as
//          the answer that is on its way has left.
// Life:    Await() makes one that waits for a stream. It deletes itself when
//          the stream has ended.
#ifndef PINION_SERVER_REFLECTION_REFLECTION_CALL_H_
#define PINION_SERVER_REFLECTION_REFLECTION_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/strings/string_view.h"
#include "pinion/server/door/front_door.h"
#include "pinion/server/door/plain_caller.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/io/io_operation.h"
#include "pinion/server/io/io_thread.h"
#include "pinion/server/io/outbox.h"
#include "pinion/server/io/raw_service.h"
#include "pinion/server/party/party.h"
#include "pinion/server/reflection/reflection_answers.h"
#include "pinion/server/reflection/service_files.h"

namespace pinion {

// What all reflection streams of a server share.
struct ReflectionHost {
  // A stream takes about 10 KB, most of it in gRPC. Tools have one open, for
  // less than a second.
  static constexpr int64_t kMaxStreams = 1000;

  // Fixed while calls are awaited.
  RawService* service;
  int index;  // In `service`.
  FrontDoor* door;
  std::chrono::nanoseconds write_timeout;
  std::unique_ptr<const ServiceFiles> files = nullptr;

  // Those that are open, of which each connection has its share.
  Credit streams{kMaxStreams, /*max_bytes=*/1};
};

class ReflectionCall final : private IoEvent,
                             private OpenCall,
                             private OutboxOwner {
 public:
  // What a question may have: names are shorter.
  static constexpr size_t kMaxQuestionBytes = 8 << 10;

  // Waits for one stream on the queue of `io`.
  static void Await(ReflectionHost& host, IoThread& io);

 private:
  ReflectionCall(ReflectionHost& host, IoThread& io);

  // Events.
  void OnEvent(bool ok) override;  // The arrival.
  void OnRead(bool ok);
  void OnGraceBegun() override;
  void OnPolicyChanged() override;
  void OnTimesChanged() override { OnPolicyChanged(); }  // Keys, too.
  void OnStop() override { OnGraceBegun(); }
  std::optional<Message> NextMessage() override;
  std::optional<grpc::Status> TryEnd() override;
  void OnWritten(int64_t) override { ReadOn(); }
  void OnClosed() override { CloseWhenOver(); }

  // Asks who the client is, or returns why the stream may not even ask.
  std::optional<Answer> BeginToEnter();
  // Lets it enter, or returns why not.
  std::optional<Answer> Enter();
  std::optional<Answer> TakePlace();
  void ReadOn();
  void AnswerQuestion();
  void EndWith(const Answer& refusal);
  void CloseWhenOver();

  ReflectionHost& host_;
  IoThread& io_;
  OutboxOf<RawBidiStream> outbox_;
  ReflectionAnswers answers_;
  IoOperation<ReflectionCall> read_{*this, &ReflectionCall::OnRead};

  // From its arrival. Null: the client is unknown.
  std::shared_ptr<Party> party_;
  std::optional<PlainCaller> caller_;
  bool entered_ = false;    // It was let in.
  bool inside_ = false;     // The door counts it.
  bool has_place_ = false;  // Of the server's streams.

  grpc::ByteBuffer incoming_;
  std::optional<grpc::ByteBuffer> answer_;  // It is ready to leave.
  bool reads_ended_ = false;
  std::optional<grpc::Status> end_;  // With which the stream must end.
};

}  // namespace pinion

#endif  // PINION_SERVER_REFLECTION_REFLECTION_CALL_H_
