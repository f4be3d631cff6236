// SPDX-License-Identifier: Apache-2.0
//
// refusals: each error that the server gives a call, with its text. One
//           function for each; the groups are the rows of docs/errors.md, in
//           its order, and tools/check-docs compares the two.
//
// Threads: any thread.
// Use:     the caller knows that the call is refused, and has the numbers.
//          The client library's own rows are not here.
// Example: return refusals::LaneFullOfCalls(
//              {.worker = 3, .service = "shop.v1.Cart"},
//              {.held = 1000, .max = 1000}, lane.DrainTime());
#ifndef PINION_SERVER_CALL_REFUSALS_H_
#define PINION_SERVER_CALL_REFUSALS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/server/call/fate.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/internal/holding.h"
#include "pinion/v1/priority.pb.h"

namespace pinion::refusals {

// How much of a bound is held, and the most that may be.
struct Bound {
  int64_t held;
  int64_t max;
};

struct ServerBounds {
  Bound calls;
  Bound bytes;
};

struct LaneName {
  int worker;
  absl::string_view service;
};

// The client whose share is used up, and what it holds of what is shared. Null:
// the client cannot be told from others.
struct Client {
  bool in_session;  // Otherwise it is a connection.
  const Holding* held;
};

// What a call would have to wait for.
struct Wait {
  LaneName lane;
  std::chrono::nanoseconds left;      // Until the call's deadline.
  std::chrono::nanoseconds expected;  // For the calls up to this one.
};

// That the client's share of `of` ("the server", or a part of it) is used up. A
// part of the text of such a refusal.
std::string DescribeShare(const Client& client, absl::string_view of);

// `retry_after` is the advice to the client. It gets at least 1 ms and at most
// 30 s.

// RESOURCE_EXHAUSTED LANE_FULL NO

// At the lane: it has no place for one more call.
Answer LaneFullOfCalls(const LaneName& lane, const Bound& calls,
                       std::chrono::nanoseconds retry_after);
// At the lane: it has no room for the `needed` bytes of the request.
Answer LaneFullOfBytes(const LaneName& lane, const Bound& bytes, size_t needed,
                       std::chrono::nanoseconds retry_after);
// At the lane: it has no place for one more open stream.
Answer LaneFullOfStreams(const LaneName& lane, const Bound& streams,
                         std::chrono::nanoseconds retry_after);

// RESOURCE_EXHAUSTED SERVER_FULL NO

// At the door: the server has no place for the call, or no room for its bytes.
Answer ServerFull(int worker, const ServerBounds& held,
                  std::chrono::nanoseconds retry_after);
// Before the handler runs: the server has no room for the answer that the
// method probably gives.
Answer NoRoomForAnswer(int worker, int64_t answer_bytes, const Bound& bytes,
                       std::chrono::nanoseconds retry_after);
// At the reflection service: it has no place for one more stream.
Answer ReflectionFull(const Bound& streams);

// Before the door: the server has no time to check a new token now. `why` is
// the TokenJudge's.
Answer TokenNotChecked(absl::Status why, std::chrono::nanoseconds retry_after);

// RESOURCE_EXHAUSTED SERVER_FULL YES

// After the handler: its answer is larger than the room reserved for it, and
// the server has no more.
Answer AnswerDropped(int64_t answer_bytes, const Bound& bytes);

// RESOURCE_EXHAUSTED SHARE_FULL NO

// At the door: the client has its share of the server.
Answer ShareOfServerFull(int worker, const Client& client,
                         const ServerBounds& held,
                         std::chrono::nanoseconds retry_after);
// The worker refuses the call before its handler runs: the answer that the
// method probably gives does not fit into the client's share of the server's
// bytes.
Answer NoShareForAnswer(int worker, const Client& client, int64_t answer_bytes,
                        const Bound& bytes,
                        std::chrono::nanoseconds retry_after);
// At the lane: the client has its share of the lane's places or bytes.
Answer ShareOfLaneFull(const LaneName& lane, const Client& client,
                       std::chrono::nanoseconds retry_after);
// At the lane: the client has its share of the lane's open streams.
Answer ShareOfStreamsFull(const LaneName& lane, const Client& client,
                          std::chrono::nanoseconds retry_after);
// At the reflection service: of the `max` streams, the connection has its
// share open.
Answer ShareOfReflectionFull(const Bound& streams);

// RESOURCE_EXHAUSTED WAIT_TOO_LONG NO

// At the lane: the call would probably expire before it has run.
Answer WaitTooLong(const Wait& wait, std::chrono::nanoseconds retry_after);

// RESOURCE_EXHAUSTED LANE_STALLED NO

// The same, while one handler has kept the worker for `handler_age`, which is
// as long as the option stall_after, or longer.
Answer LaneStalled(const Wait& wait, std::chrono::nanoseconds handler_age,
                   std::chrono::nanoseconds retry_after);

// RESOURCE_EXHAUSTED TOO_MANY_CALLS NO

// In a session: as many calls are open as may be.
Answer SessionFullOfCalls(const Bound& open);
// In a session: the message has more calls than may be open, and this is one of
// those beyond that.
Answer TooManyInMessage(size_t calls, int64_t max);
// In a session: the open calls take as many bytes as they may.
Answer SessionFullOfBytes(int64_t max);
// On a connection: as many calls, streams and sessions are open as may be. Also
// ends a session that is one too many.
Answer TooManyOpenCalls(int64_t max);

// RESOURCE_EXHAUSTED RATE_LIMITED NO

// At the door: the party has begun its `per_second` calls.
Answer CallsOverRate(int64_t per_second, std::chrono::nanoseconds retry_after);
// The same for the bytes of its requests.
Answer BytesOverRate(int64_t per_second, std::chrono::nanoseconds retry_after);
// On its arrival: the party has as many of `what` ("connections", "sessions",
// "server streams") open as it may. Also ends a session.
Answer TooManyOfParty(absl::string_view what, int64_t max);

// RESOURCE_EXHAUSTED RESPONSE_TOO_LARGE YES

// After the handler: the message with its response would have `bytes` bytes.
Answer ResponseTooLarge(size_t bytes, int64_t max);

// RESOURCE_EXHAUSTED BAD_REQUEST NO

// On its arrival: the request has more bytes than a message may have. gRPC
// refuses it first, unless the server's own limit is higher.
Answer RequestTooLarge(size_t bytes, size_t max);

// DEADLINE_EXCEEDED EXPIRED NO

// The deadline passed while the call waited.
Answer ExpiredWaiting(int worker);
// The same while its token was checked.
Answer ExpiredAtCheck();

// DEADLINE_EXCEEDED EXPIRED MAYBE

// The deadline passed while the handler ran (kRunning), or after it left the
// stream open (kHeld).
Answer ExpiredRunning(int worker, Fate::Was was);

// CANCELLED CANCELLED NO

// The client cancelled the call, or went away, while the call waited.
Answer CancelledWaiting(int worker);

// CANCELLED CANCELLED MAYBE

// The same while the handler ran (kRunning), or after it left the stream open
// (kHeld).
Answer CancelledRunning(int worker, Fate::Was was);

// UNAVAILABLE STOPPING NO

// At the door: the server stops. Also ends a session at the end of the stop.
Answer ServerStopping();
// In a session that is to be replaced. Also ends it when its time is over.
Answer SessionTooOld();
// In a session that has ended, or drains, with `why`.
Answer SessionOver(absl::Status why);
// The stop's, or the session's, time was over while the call waited.
Answer StoppedWaiting(int worker);

// UNAVAILABLE STOPPING MAYBE

// The same while the handler ran (kRunning), or after it left the stream open
// (kHeld).
Answer StoppedRunning(int worker, Fate::Was was);

// UNAVAILABLE STOPPING YES

// The stop's time was over after the handler had ended its stream, and before
// all messages had left.
Answer StreamCutOff();

// UNAUTHENTICATED UNAUTHENTICATED NO

// Before the door: `why` says what is wrong with the caller's token, or with
// what its proxy tells. Also ends a session that is opened so.
Answer NotAuthenticated(absl::Status why);
// The token's time was over, or its key dropped, while the stream waited.
Answer TokenOverWaiting(int worker);

// UNAUTHENTICATED UNAUTHENTICATED MAYBE

// The same while the stream's handler ran (kRunning), or after it left the
// stream open (kHeld).
Answer TokenOverRunning(int worker, Fate::Was was);

// PERMISSION_DENIED NOT_ALLOWED NO

// On its arrival: the policy does not allow the call. The text is the same
// whatever the call asks for, and whether there is such a method.
Answer NotAllowed();
// Ends a session of a client that has no identity, while the policy allows
// nothing without one.
Answer NoSessionForStrangers();

// PERMISSION_DENIED NOT_ALLOWED MAYBE

// A reload has brought a policy that does not allow the stream, while its
// handler ran (kRunning) or after it left the stream open (kHeld).
Answer NotAllowedAnyMore(int worker, Fate::Was was);

// INVALID_ARGUMENT BAD_REQUEST NO

// `why` is from a function below that returns a status, or from the KeyReader,
// which has the texts about keys (proto/wire/key_reader.cc).
Answer BadRequest(absl::Status why);
// The metadata pinion-worker of a plain call is no number.
absl::Status WorkerIsNoNumber(absl::string_view given, int workers);
// The call asks for a worker that is not there.
absl::Status NoSuchWorker(int64_t asked, int workers);
// The call asks for a worker, but the method has a key.
absl::Status KeyHasItsWorker(absl::string_view method);
// The metadata pinion-priority of a plain call is none.
absl::Status NoSuchPriority(absl::string_view given);
// The same for the number that a session's call has.
absl::Status NoSuchPriority(v1::Priority given);
// Before the handler runs: the request's bytes are no message of that type.
Answer CannotDecode(size_t bytes, absl::string_view type);
// The call's metadata is over the limit (MetadataMeter). Also ends a session
// that was opened with too much.
Answer TooMuchMetadata();
// In a session, where gRPC does not see to it: metadata with a name or a value
// that gRPC does not allow (proto/wire/metadata_rules.h).
Answer BadMetadata(absl::string_view name, absl::string_view value);
// In a session: another call with this id is open.
Answer IdIsOpen(uint64_t id);

// UNIMPLEMENTED NO_SUCH_METHOD NO

// No hosted service has the method.
Answer NoSuchMethod(absl::string_view path);
// In a session: no method was named with this index; 0: the call has none.
Answer NoSuchMethodIndex(uint32_t index);
// In a session: the method is a server stream.
Answer NoStreamsInSessions(absl::string_view method);

// any HANDLER YES

// The handler, or EndBatch(), answered with `error`.
Answer HandlerFailed(absl::Status error);

// INTERNAL HANDLER YES

// The handler destroyed the `handle` ("call" or "stream") without an answer.
// If it threw an exception, Guarded() has the text, for HandlerFailed(). If it
// hopped to a worker that does not exist, Hops has it.
Answer HandlerDropped(absl::string_view handle);

}  // namespace pinion::refusals

#endif  // PINION_SERVER_CALL_REFUSALS_H_
