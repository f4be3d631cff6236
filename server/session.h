// SPDX-License-Identifier: Apache-2.0
//
// Session: one stream that carries many calls; see session.proto.
//
// Threads: its I/O thread's. Its calls are run, and answered, as any other.
// Way in:  a message → a SessionBlock → the front door, all calls at once → the
//          lanes, those of one lane in one append.
// Way out: an answer is delivered → it joins what is ready → when the outbox
//          has no write under way, what is ready makes one message. So messages
//          grow with the load, and an answer never waits for another call.
// Life:    Await() makes one that waits for a stream. It ends when the stream
//          does and each of its calls has its answer.
#ifndef PINION_SERVER_SESSION_H_
#define PINION_SERVER_SESSION_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/clock.h"
#include "core/work_item.h"
#include "pinion/v1/session.pb.h"
#include "proto/wire/session_request.h"
#include "server/expirer.h"
#include "server/front_door.h"
#include "server/io_operation.h"
#include "server/io_thread.h"
#include "server/lanes.h"
#include "server/outbox.h"
#include "server/raw_service.h"
#include "server/session_call.h"

namespace pinion {

struct SessionLimits {
  // How many calls one session may have open, and how many bytes of messages
  // with open calls.
  int64_t most_calls = 16384;
  int64_t most_bytes = int64_t{64} << 20;
  int64_t most_message_bytes = int64_t{4} << 20;
  // How long the client may take nothing of what is written.
  std::chrono::nanoseconds write_timeout = std::chrono::seconds(30);
  // After how long the client is asked to open another; none: never. And how
  // long it then has until the session ends.
  std::optional<std::chrono::nanoseconds> max_age = std::nullopt;
  std::chrono::nanoseconds age_grace = std::chrono::seconds(10);
};

// Where a call of a session finds its method.
struct SessionMethod {
  const HostedMethod* method = nullptr;  // Null: there is none.
  Lanes* lanes = nullptr;
};

// What all sessions of a server share. Fixed while it runs.
struct SessionHost {
  RawService* service;
  int index;  // In `service`.
  FrontDoor* door;
  Expirer* expirer;
  SessionLimits limits;
  std::string instance_id;
  // What a stop gives until streams end, for clients to know.
  std::chrono::nanoseconds stop_grace;
  absl::flat_hash_map<std::string, SessionMethod> methods;  // By path.

  // Answers `call` in the place of its handler, if it was admitted and is not
  // answered. Anyone.
  void Take(SessionCall& call, Verdict verdict) const;
};

// Of the calls of a session, by id.
struct SessionCallHash {
  using is_transparent = void;
  size_t operator()(uint64_t id) const {
    return absl::flat_hash_set<uint64_t>::hasher()(id);
  }
  size_t operator()(const SessionCall* call) const {
    return (*this)(call->id());
  }
};
struct SessionCallEq {
  using is_transparent = void;
  bool operator()(const SessionCall* a, const SessionCall* b) const {
    return a->id() == b->id();
  }
  bool operator()(const SessionCall* call, uint64_t id) const {
    return call->id() == id;
  }
};

class Session final : private IoEvent, private OpenCall, private OutboxOwner {
 public:
  // Waits for one stream on the queue of `io`.
  static void Await(const SessionHost& host, IoThread& io);

  IoThread& io() { return io_; }

  // The answer of a call is there, in the call.
  void Answered(SessionCall& call);

 private:
  Session(const SessionHost& host, IoThread& io);
  ~Session() = default;

  // What happens to it.
  void OnEvent(bool ok) override;  // The arrival.
  void OnRead(bool ok);
  void OnOld(bool ok);
  void OnStopBegun() override;
  void OnStop() override;
  void OnWritten(int64_t added) override;
  void OnClientGone() override { TakeAll(Verdict::kCancelled); }
  void OnClosed() override { EndWhenOver(); }

  // Way in.
  void ReadOn();
  void TakeMessage(SessionBytes bytes);
  absl::Status NameMethod(const MethodNameView& name);
  SessionMethod FindMethod(absl::string_view path) const;
  SessionMethod MethodOf(const CallView& view) const;
  void Cancel(uint64_t id);
  void TakeCalls(SessionRequest& request, SessionBytes bytes);
  // Takes over what the view says; the refusal if the call cannot enter.
  std::optional<Answer> Prepare(const CallView& view,
                                const SessionMethod& method, Moment now,
                                SessionCall& call);
  void Refuse(SessionCall& call, Answer refusal);
  void TakeAll(Verdict verdict);

  // Way out.
  static int64_t BytesOf(const SessionCall& call);
  std::optional<Message> NextMessage() override;
  void DropReady() override;
  // The next of those that are ready, again.
  void PutBack(SessionCall& call);
  std::string Head();
  void Close(SessionCall& call);
  void LeaveDoor();

  // The end.
  void Drain(v1::DrainReason reason);
  // Whether the client has been told to send its calls elsewhere.
  bool RefusesCalls() const {
    return drain_reason_ != v1::DRAIN_REASON_UNSPECIFIED && !drain_due_;
  }
  void EndWith(const absl::Status& status);
  std::optional<grpc::Status> TryEnd() override;
  void EndWhenOver();

  const SessionHost& host_;
  IoThread& io_;
  OutboxOf<RawBidiStream> outbox_;
  grpc::ByteBuffer incoming_;

  IoOperation<Session> read_{*this, &Session::OnRead};
  IoTimer<Session> age_{io_, *this, &Session::OnOld};

  bool reads_ended_ = false;  // The client has said all, or is gone.
  bool hello_due_ = true;
  bool drain_due_ = false;
  bool age_told_ = false;  // The time after its age runs.
  v1::DrainReason drain_reason_ = v1::DRAIN_REASON_UNSPECIFIED;
  std::optional<absl::Status> end_;  // With which the stream is to end.

  std::vector<SessionMethod> methods_;  // By the index the client gave.
  // Calls without an answer, or whose answer is not in a message yet.
  absl::flat_hash_set<SessionCall*, SessionCallHash, SessionCallEq> open_;
  int64_t unclosed_calls_ = 0;  // The same, and those that were refused.
  int64_t open_bytes_ = 0;      // Messages whose answers have not all left.

  WorkChain ready_;      // Answers to be written.
  int64_t leaving_ = 0;  // Answers under way of calls that are inside.
};

}  // namespace pinion

#endif  // PINION_SERVER_SESSION_H_
