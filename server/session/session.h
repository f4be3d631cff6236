// SPDX-License-Identifier: Apache-2.0
//
// Session: one stream that carries many calls; see session.proto.
//
// Threads: its I/O thread only. Its calls run and are answered like all others.
// Way in:  a message → a portion of its calls → a SessionBlock of those that
//          may enter → the front door, all at once → the lanes, with one append
//          for each lane; then the next portion, in another turn of the thread.
//          The session reads the next message when this one is done.
// Way out: an answer is delivered → it joins the ready answers, which
//          SessionAnswers has → when the outbox writes nothing, all ready
//          answers become one message. So messages grow with the load, and no
//          answer waits for another call.
// Bounds:  its calls and their bookkeeping take at most max_open_bytes, and one
//          call more. A refusal waits in a few bytes, and when many wait, the
//          session takes no further calls. docs/clients.md has the sum.
// Life:    Await() makes a session that waits for a stream. It ends when the
//          stream has ended and each of its calls has its answer.
#ifndef PINION_SERVER_SESSION_SESSION_H_
#define PINION_SERVER_SESSION_SESSION_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/core/clock.h"
#include "pinion/proto/wire/session_request.h"
#include "pinion/server/call/served_method.h"
#include "pinion/server/door/front_door.h"
#include "pinion/server/door/requested_route.h"
#include "pinion/server/door/rights.h"
#include "pinion/server/expiry/expirer.h"
#include "pinion/server/io/io_operation.h"
#include "pinion/server/io/io_thread.h"
#include "pinion/server/io/outbox.h"
#include "pinion/server/io/raw_service.h"
#include "pinion/server/party/party.h"
#include "pinion/server/party/party_limits.h"
#include "pinion/server/security/identity/callers.h"
#include "pinion/server/security/identity/identity.h"
#include "pinion/server/session/open_calls.h"
#include "pinion/server/session/session_answer_buffer.h"
#include "pinion/server/session/session_answers.h"
#include "pinion/server/session/session_call.h"
#include "pinion/server/session/session_host.h"
#include "pinion/server/session/session_list.h"
#include "pinion/server/session/session_refusals.h"
#include "pinion/v1/failure.pb.h"
#include "pinion/v1/session.pb.h"

namespace pinion {

class Session final : private IoEvent,
                      private IoPortion,
                      private OpenCall,
                      private OutboxOwner,
                      public BufferedAnswersOwner {
 public:
  // Waits for one stream on the queue of `io`.
  static void Await(const SessionHost& host, IoThread& io);

  IoThread& io() { return io_; }

  // The answer of `call` has arrived; the call has it.
  void Answered(SessionCall& call);
  // Answers in `buffer` have arrived.
  void Answered(SessionAnswerBuffer& buffer) override;

 private:
  // The most calls of one message that the session takes in one turn of the I/O
  // thread. Each one takes a few hundred nanoseconds there, so a portion delays
  // other events by a fraction of a millisecond. The messages of about 64 KiB
  // that clients send fit into one portion.
  static constexpr size_t kPortionCalls = 1024;
  static constexpr size_t kPortionBytes = 128 << 10;

  // A message that is being taken in.
  struct Intake {
    Intake(SessionBytes message, Credit& credit, Holding& party)
        : bytes(std::move(message)),
          request(bytes.view()),
          credit(credit),
          party(party) {}
    ~Intake() { credit.Return(0, reserved, &party); }
    Intake(const Intake&) = delete;
    Intake& operator=(const Intake&) = delete;

    enum class Step { kScan, kCheck, kEnter };
    SessionBytes bytes;
    SessionRequest request;
    Step step = Step::kScan;
    absl::Status names;        // What is wrong with its names.
    size_t calls_read = 0;     // The number of its calls taken so far.
    bool token_taken = false;  // Its token was looked at, if it has one.
    // A call with a token of its own, which is checked; it was read, and is the
    // next one to enter. Then what was found out.
    std::optional<CallView> blocked;
    std::optional<Caller> ruling;
    // When its calls arrived, if some of them had to wait for that.
    std::optional<Moment> arrived;
    // What the session's share and the server have reserved for its bytes.
    Credit& credit;
    Holding& party;
    int64_t reserved = 0;
  };
  // What the client has given an index. Both null: nothing.
  struct NamedMethod {
    const ServedMethod* served = nullptr;
    // The beginning of the name, if there is no such method.
    std::unique_ptr<const std::string> unknown = {};
  };
  // What was read of a portion of its calls.
  struct Candidate {
    CallView view;
    const ServedMethod* served = nullptr;  // Null: there is no such method.
    RequestedRoute requested;
  };
  class Portion;

  Session(const SessionHost& host, IoThread& io);
  ~Session() { ForgetVerdict(); }

  // Events.
  void OnEvent(bool ok) override;  // The arrival.
  void OnRead(bool ok);
  void OnOld(bool ok);  // Of `age_`.
  void RunPortion() override;
  void OnStopBegun() override;
  void OnTimesChanged() override;
  void OnPolicyChanged() override;
  void OnStop() override;
  void OnWritten(int64_t added) override;
  void OnClientGone() override;
  void OnClosed() override { CloseWhenOver(); }

  // Who the caller is. The verdict on a token may come later: nothing is read
  // until then.
  void FindCaller();
  // What a verdict is awaited for.
  enum class Awaits { kOpening, kToken, kCall };
  // Makes what takes the verdict to this session.
  Callers::Done MakeDone(Awaits what);
  void OnVerdict(Awaits what, Caller caller);
  // Makes whoever brings the verdict find nobody.
  void ForgetVerdict();
  void TakeOpening(Caller caller);
  void TakeToken(Caller caller);
  // Looks at the token of the message, if it has one. Returns whether the
  // verdict is there.
  bool JudgeToken(Intake& in);
  // The same for a call that has a token of its own.
  std::optional<Caller> JudgeCall(Intake& in, absl::string_view authorization);
  // Why calls without a token of their own are refused now; OK: they are not.
  void LookAtIdentity();
  void AwaitVerdictTime();
  void OnVerdictLate(bool ok);

  // Calls RunPortion() later, unless that is due already.
  void RunLater();

  // Way in.
  void ReadOn();
  // Whether so much waits to be sent that no further call is taken in.
  bool HasMuchUnsent() const;
  // Takes in a portion of the present message. Returns whether the next portion
  // may follow at once.
  bool AdvanceIntake();
  // Each returns whether the step is done.
  bool ScanSome(Intake& in);
  bool CheckSome(Intake& in);
  bool EnterSome(Intake& in);
  void EndIntake(const absl::Status& status);
  void DropIntake();
  size_t MaxMessage() const;
  // Ends the session for what it has read, which is too large.
  void RefuseMessage();
  // Reserves the bytes of a message that outlives the turn in which it came.
  // Ends the session if there is no room for them.
  void KeepIntake();
  absl::Status NameMethod(const MethodNameView& name);
  // Null: there is no such method.
  const ServedMethod* FindMethod(absl::string_view path) const;
  const ServedMethod* MethodOf(const CallView& view) const;
  // What the client has named with an index, and there is not; null: nothing.
  const std::string* UnknownNameOf(uint32_t index) const;
  void Cancel(uint64_t id);
  void ReadPortion(Intake& in, Portion& portion);
  // Whether the policy allows the call, by its own path: nothing of the
  // session's opening counts for it but the client and the headers that came
  // with that, which a proxy may have set.
  bool IsAllowed(const Candidate& candidate, Rights& rights);
  // Reads the next call to where the portion has room.
  bool NextCall(Intake& in, Portion& portion);
  // Whether the call may enter; then it has what it asks for. If not, it was
  // refused.
  bool MayEnter(Intake& in, Portion& portion, Candidate& candidate);
  // The same for one that is not as most are.
  bool MayEnterWithCare(Intake& in, Portion& portion, Candidate& candidate);
  // Why the caller may not make the call, or not now; why the call itself is
  // wrong. None if not; else `alike` says which refusals are like it.
  std::optional<Answer> RefuseCaller(const Portion& portion,
                                     const Candidate& candidate,
                                     SessionRefusals::Likeness& alike);
  std::optional<Answer> RefuseContent(Candidate& candidate,
                                      SessionRefusals::Likeness& alike) const;
  // Takes the refused call from what the session's party may begin; if that is
  // used up, it is refused for this.
  void TakeFromRate(Answer& refusal, SessionRefusals::Likeness& alike);
  // Whether what proves who makes the call does so; otherwise it was refused,
  // or waits in `in.blocked`.
  bool IsProven(Intake& in, Portion& portion, const Candidate& candidate);
  void Enter(Intake& in, Portion& portion);
  // Takes over the candidate's fields; `kept` is the place of its bytes.
  void Fill(const Candidate& candidate, absl::string_view kept, Moment now,
            SessionCall& call);
  // Refuses one that got no place in a block, and counts that for its method;
  // `reason` is the refusal's, which is not always made.
  void RefuseCandidate(const Candidate& candidate, v1::Reason reason,
                       SessionRefusals::Likeness alike,
                       absl::FunctionRef<Answer()> refusal);
  void Refuse(uint64_t id, SessionRefusals::Likeness alike,
              absl::FunctionRef<Answer()> refusal, bool inside = false);
  // Refuses a call that has a place in a block and does not enter.
  void RefuseAdded(SessionCall& call, SessionRefusals::Likeness alike,
                   absl::FunctionRef<Answer()> refusal);

  // Answers all open calls in their handlers' place; a portion of them now.
  void RevokeAll(RevokeReason reason);
  void RevokeSomeOfAll();

  // Way out.
  std::optional<Message> NextMessage() override;
  void DropReady() override;
  // Releases a call whose answer is in a message, or that nobody wants.
  void Close(CallWithId& call);
  // The same for calls whose answers were in a buffer.
  void CloseBuffered(absl::Span<const AnswerBuffer::Entry> entries);
  // Leaves the door for the answers that have left.
  void LeaveDoor();
  // Shows the numbers of this session in the list of sessions.
  void ShowNumbers();
  void ShowUnsent() {
    listed_->unsent_bytes.Set(static_cast<uint64_t>(outbox_.pending_bytes()));
  }

  // Sets `age_`, unless it is set or has passed.
  void AwaitAge();

  // The end.
  // The status with which a drained session ends.
  static absl::Status StatusOfDrain(v1::DrainReason reason);
  void Drain(v1::DrainReason reason);
  // Whether the client was told to send its calls elsewhere.
  bool RefusesCalls() const {
    return end_.has_value() || (drain_reason_ != v1::DRAIN_REASON_UNSPECIFIED &&
                                !answers_.drain_due());
  }
  // Ends it as it begins, if there is no room for it or for what came with it.
  void EndIfTooMuch();
  // The same if its client may have no session, or no other one.
  void EndIfNotAllowed();
  void EndWith(const absl::Status& status);
  std::optional<grpc::Status> TryEnd() override;
  void CloseWhenOver();

  const SessionHost& host_;
  IoThread& io_;
  // From its arrival.
  std::shared_ptr<Party> party_;
  std::shared_ptr<Party> connection_;  // On which it is open; null: none's.
  // What its client may do; and its place among the sessions of the client.
  Rights rights_;
  OpenOfParty open_session_;
  // What the connection proves, and what with the session's token. Null: nobody
  // asks who it is, or that is not known yet.
  SharedIdentity base_identity_;
  SharedIdentity identity_;
  absl::Status unproven_;  // Why it proves nothing now; OK: it does.
  // The newest token, if it has yet to be checked, and when that may be tried
  // again.
  struct Unchecked {
    std::string token;
    Moment retry_at = Moment();
  };
  std::optional<Unchecked> unchecked_;
  // While one is checked, by whom the verdict finds this session.
  std::shared_ptr<Session*> awaited_;
  IoTimer<Session> verdict_time_{io_, *this, &Session::OnVerdictLate};
  Moment verdict_due_;  // While `intake_->blocked`.
  OutboxOf<RawBidiStream> outbox_;
  grpc::ByteBuffer incoming_;

  IoOperation<Session> read_{*this, &Session::OnRead};
  Moment began_;  // From its arrival.
  IoTimer<Session> age_{io_, *this, &Session::OnOld};
  bool portion_due_ = false;  // The I/O thread will call RunPortion().

  bool greeted_ = false;      // The client's hello was taken.
  bool reads_ended_ = false;  // The client has sent everything, or is gone.
  bool age_told_ = false;     // The time after its age has started.
  v1::DrainReason drain_reason_ = v1::DRAIN_REASON_UNSPECIFIED;
  std::optional<absl::Status> end_;  // With which the stream must end.

  std::optional<Intake> intake_;
  std::vector<NamedMethod> methods_;  // By the client's index.
  // Calls without an answer, or whose answer is not in a message yet.
  OpenCallsOf<SessionCall> open_;
  // The bytes of its blocks; a block counts until its last call is destroyed.
  const SessionMemory memory_ = std::make_shared<std::atomic<int64_t>>(0);
  // The ids of the calls that a reason on all of them has yet to answer.
  std::vector<uint64_t> to_revoke_;
  RevokeReason revoke_reason_ = RevokeReason::kCancelled;

  SessionAnswers answers_;

  // Its entry in the list of sessions; from its arrival.
  std::optional<SessionList::Entry> listed_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SESSION_SESSION_H_
