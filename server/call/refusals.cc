// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/call/refusals.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/core/base/duration_text.h"
#include "pinion/proto/wire/metadata_rules.h"
#include "pinion/proto/wire/priority_name.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/call/metadata_meter.h"
#include "pinion/v1/failure.pb.h"

namespace pinion::refusals {
namespace {

using std::chrono::nanoseconds;

// Advice of less than the first would have clients ask again before anything
// can have changed; after the second, what was measured says nothing any more.
constexpr nanoseconds kMinRetryAfter = std::chrono::milliseconds(1);
constexpr nanoseconds kMaxRetryAfter = std::chrono::seconds(30);

Answer RetryLater(int worker, v1::Reason reason, absl::string_view message,
                  nanoseconds retry_after) {
  Answer answer =
      Failed(absl::ResourceExhaustedError(message), reason, v1::EXECUTED_NO);
  answer.failure()->set_worker(worker);
  answer.failure()->set_retry_after_us(
      absl::ToInt64Microseconds(absl::FromChrono(
          std::clamp(retry_after, kMinRetryAfter, kMaxRetryAfter))));
  return answer;
}

Answer OnWorker(int worker, Answer answer) {
  answer.failure()->set_worker(worker);
  return answer;
}

std::string CallsAndBytes(const ServerBounds& held) {
  return absl::StrCat("the server already holds ", held.calls.held,
                      " calls with ", held.bytes.held, " bytes, of at most ",
                      held.calls.max, " with ", held.bytes.max);
}

std::string Bytes(const Bound& bytes) {
  return absl::StrCat("the server already holds ", bytes.held,
                      " bytes, of at most ", bytes.max);
}

std::string NoRoom(int64_t answer_bytes) {
  return absl::StrCat("there is no room for the answer, of some ", answer_bytes,
                      " bytes: ");
}

std::string ToText(nanoseconds span) {
  return DurationText(absl::FromChrono(span));
}

std::string Describe(const Wait& wait) {
  if (wait.left <= nanoseconds(0)) {
    return absl::StrCat(
        "the call's deadline had passed when it came to worker ",
        wait.lane.worker, "'s calls of ", wait.lane.service);
  }
  return absl::StrCat("the call has ", ToText(wait.left),
                      " until its deadline, but worker ", wait.lane.worker,
                      " is expected to take ", ToText(wait.expected),
                      " for calls of ", wait.lane.service, " up to this one");
}

constexpr absl::string_view kRetryOrAllowMore =
    "; retry later or allow more time";

// Where a call was when it was answered in its handler's place.
std::string WhileWaiting(int worker) {
  return absl::StrCat("while it waited for worker ", worker,
                      "; no handler saw it");
}

std::string WhileRunning(int worker, Fate::Was was) {
  return absl::StrCat(was == Fate::Was::kRunning
                          ? "while its handler ran on worker "
                          : "while the stream was open on worker ",
                      worker, "; what the handler does is dropped");
}

Answer Expired(int worker, const std::string& where, v1::Executed executed) {
  return OnWorker(worker, Failed(absl::DeadlineExceededError(absl::StrCat(
                                     "the call's deadline passed ", where)),
                                 v1::REASON_EXPIRED, executed));
}

Answer Cancelled(int worker, const std::string& where, v1::Executed executed) {
  return OnWorker(worker, Failed(absl::CancelledError(absl::StrCat(
                                     "the call was cancelled ", where)),
                                 v1::REASON_CANCELLED, executed));
}

Answer Stopped(int worker, const std::string& where, v1::Executed executed) {
  return OnWorker(
      worker, Failed(absl::UnavailableError(absl::StrCat(
                         "the server had to answer the call to stop ", where)),
                     v1::REASON_STOPPING, executed));
}

Answer TokenOver(int worker, const std::string& where, v1::Executed executed) {
  return OnWorker(worker, Failed(absl::UnauthenticatedError(absl::StrCat(
                                     "the caller's token expired, or its key "
                                     "was dropped, ",
                                     where)),
                                 v1::REASON_UNAUTHENTICATED, executed));
}

// The party has used up what it may in a second.
Answer OverRate(const std::string& what, nanoseconds retry_after) {
  Answer answer = RetryLater(
      /*worker=*/0, v1::REASON_RATE_LIMITED,
      absl::StrCat("these are too many ", what, "; retry later"), retry_after);
  answer.failure()->clear_worker();
  return answer;
}

// How much of a text an error repeats.
constexpr size_t kQuotedBytes = 32;

// "1 (urgent)"
std::string Numbered(v1::Priority priority) {
  return absl::StrCat(static_cast<int>(priority), " (", PriorityName(priority),
                      ")");
}

Answer NotServed(absl::string_view why) {
  return Failed(absl::UnimplementedError(why), v1::REASON_NO_SUCH_METHOD,
                v1::EXECUTED_NO);
}

}  // namespace

std::string DescribeShare(const Client& client, absl::string_view of) {
  if (client.held == nullptr) {
    return absl::StrCat(
        "a call whose client cannot be told from others leaves "
        "as much of ",
        of, " free as it takes; retry later");
  }
  const Holding::Held held = client.held->Look();
  return absl::StrCat("this ", client.in_session ? "session" : "connection",
                      " already holds ", held.calls(), " calls and ",
                      held.bytes(), " bytes of ", of,
                      ", with its unread answers, which is its share: as much "
                      "as it leaves free for others; read answers, then retry");
}

// RESOURCE_EXHAUSTED LANE_FULL NO

Answer LaneFullOfCalls(const LaneName& lane, const Bound& calls,
                       nanoseconds retry_after) {
  return RetryLater(lane.worker, v1::REASON_LANE_FULL,
                    absl::StrCat("worker ", lane.worker, " already holds ",
                                 calls.held, " calls of ", lane.service,
                                 ", of at most ", calls.max, "; retry later"),
                    retry_after);
}

Answer LaneFullOfBytes(const LaneName& lane, const Bound& bytes, size_t needed,
                       nanoseconds retry_after) {
  return RetryLater(
      lane.worker, v1::REASON_LANE_FULL,
      absl::StrCat("worker ", lane.worker, " already holds ", bytes.held,
                   " bytes of calls of ", lane.service, " and cannot take ",
                   needed, " more, of at most ", bytes.max, "; retry later"),
      retry_after);
}

Answer LaneFullOfStreams(const LaneName& lane, const Bound& streams,
                         nanoseconds retry_after) {
  return RetryLater(
      lane.worker, v1::REASON_LANE_FULL,
      absl::StrCat("worker ", lane.worker, " already has ", streams.held,
                   " open streams of ", lane.service, ", of at most ",
                   streams.max, "; retry later"),
      retry_after);
}

// RESOURCE_EXHAUSTED SERVER_FULL NO

Answer ServerFull(int worker, const ServerBounds& held,
                  nanoseconds retry_after) {
  return RetryLater(worker, v1::REASON_SERVER_FULL,
                    absl::StrCat(CallsAndBytes(held), "; retry later"),
                    retry_after);
}

Answer NoRoomForAnswer(int worker, int64_t answer_bytes, const Bound& bytes,
                       nanoseconds retry_after) {
  return RetryLater(
      worker, v1::REASON_SERVER_FULL,
      absl::StrCat(NoRoom(answer_bytes), Bytes(bytes), "; retry later"),
      retry_after);
}

Answer ReflectionFull(const Bound& streams) {
  return Failed(absl::ResourceExhaustedError(
                    absl::StrCat("the server already has ", streams.held,
                                 " reflection streams open, of at most ",
                                 streams.max, "; retry later")),
                v1::REASON_SERVER_FULL, v1::EXECUTED_NO);
}

Answer TokenNotChecked(absl::Status why, nanoseconds retry_after) {
  Answer answer = RetryLater(/*worker=*/0, v1::REASON_SERVER_FULL,
                             why.message(), retry_after);
  answer.failure()->clear_worker();
  return answer;
}

// RESOURCE_EXHAUSTED SERVER_FULL YES

Answer AnswerDropped(int64_t answer_bytes, const Bound& bytes) {
  return Failed(
      absl::ResourceExhaustedError(absl::StrCat(
          "the handler has ended, but ", Bytes(bytes),
          ", and had to drop its answer of ", answer_bytes, " bytes")),
      v1::REASON_SERVER_FULL, v1::EXECUTED_YES);
}

// RESOURCE_EXHAUSTED SHARE_FULL NO

Answer ShareOfServerFull(int worker, const Client& client,
                         const ServerBounds& held, nanoseconds retry_after) {
  return RetryLater(worker, v1::REASON_SHARE_FULL,
                    absl::StrCat(DescribeShare(client, "the server"), " (",
                                 CallsAndBytes(held), ")"),
                    retry_after);
}

Answer NoShareForAnswer(int worker, const Client& client, int64_t answer_bytes,
                        const Bound& bytes, nanoseconds retry_after) {
  return RetryLater(
      worker, v1::REASON_SHARE_FULL,
      absl::StrCat(NoRoom(answer_bytes), DescribeShare(client, "the server"),
                   " (", Bytes(bytes), ")"),
      retry_after);
}

Answer ShareOfLaneFull(const LaneName& lane, const Client& client,
                       nanoseconds retry_after) {
  return RetryLater(
      lane.worker, v1::REASON_SHARE_FULL,
      DescribeShare(client, absl::StrCat("what worker ", lane.worker,
                                         " may hold for ", lane.service)),
      retry_after);
}

Answer ShareOfStreamsFull(const LaneName& lane, const Client& client,
                          nanoseconds retry_after) {
  return RetryLater(
      lane.worker, v1::REASON_SHARE_FULL,
      DescribeShare(client,
                    absl::StrCat("the streams that worker ", lane.worker,
                                 " may have of ", lane.service)),
      retry_after);
}

Answer ShareOfReflectionFull(const Bound& streams) {
  return Failed(
      absl::ResourceExhaustedError(absl::StrCat(
          "this connection already has ", streams.held, " of the server's ",
          streams.max,
          " reflection streams open, which is its share: as much as it leaves "
          "free for others; end one, or ask on one that is open")),
      v1::REASON_SHARE_FULL, v1::EXECUTED_NO);
}

// RESOURCE_EXHAUSTED WAIT_TOO_LONG NO

Answer WaitTooLong(const Wait& wait, nanoseconds retry_after) {
  return RetryLater(wait.lane.worker, v1::REASON_WAIT_TOO_LONG,
                    absl::StrCat(Describe(wait), kRetryOrAllowMore),
                    retry_after);
}

// RESOURCE_EXHAUSTED LANE_STALLED NO

Answer LaneStalled(const Wait& wait, nanoseconds handler_age,
                   nanoseconds retry_after) {
  return RetryLater(
      wait.lane.worker, v1::REASON_LANE_STALLED,
      absl::StrCat(Describe(wait), ", kept by a handler that has run for ",
                   ToText(handler_age), kRetryOrAllowMore),
      retry_after);
}

// RESOURCE_EXHAUSTED TOO_MANY_CALLS NO

Answer SessionFullOfCalls(const Bound& open) {
  return Failed(absl::ResourceExhaustedError(absl::StrCat(
                    "the session has ", open.held, " calls open, of at most ",
                    open.max, "; wait for answers, or open another session")),
                v1::REASON_TOO_MANY_CALLS, v1::EXECUTED_NO);
}

Answer TooManyInMessage(size_t calls, int64_t max) {
  return Failed(
      absl::ResourceExhaustedError(absl::StrCat(
          "the message has ", calls, " calls, of which at most ", max,
          " may be open; send fewer at a time, or open another session")),
      v1::REASON_TOO_MANY_CALLS, v1::EXECUTED_NO);
}

Answer SessionFullOfBytes(int64_t max) {
  return Failed(
      absl::ResourceExhaustedError(absl::StrCat(
          "the session's open calls already take all of the ", max,
          " bytes that they may take; wait for answers, or open another "
          "session")),
      v1::REASON_TOO_MANY_CALLS, v1::EXECUTED_NO);
}

Answer TooManyOpenCalls(int64_t max) {
  return Failed(
      absl::ResourceExhaustedError(absl::StrCat(
          "this connection already has ", max,
          " calls, streams and sessions open, as many as it may; read answers "
          "and wait, or open another connection")),
      v1::REASON_TOO_MANY_CALLS, v1::EXECUTED_NO);
}

// RESOURCE_EXHAUSTED RATE_LIMITED NO

Answer CallsOverRate(int64_t per_second, nanoseconds retry_after) {
  return OverRate(absl::StrCat("calls of this client; it may begin ",
                               per_second, " in a second"),
                  retry_after);
}

Answer BytesOverRate(int64_t per_second, nanoseconds retry_after) {
  return OverRate(absl::StrCat("bytes of requests of this client; it may send ",
                               per_second, " in a second"),
                  retry_after);
}

Answer TooManyOfParty(absl::string_view what, int64_t max) {
  return Failed(absl::ResourceExhaustedError(
                    absl::StrCat("this client already has ", max, " ", what,
                                 " open, as many as it may; close one first")),
                v1::REASON_RATE_LIMITED, v1::EXECUTED_NO);
}

// RESOURCE_EXHAUSTED RESPONSE_TOO_LARGE YES

Answer ResponseTooLarge(size_t bytes, int64_t max) {
  return Failed(absl::ResourceExhaustedError(absl::StrCat(
                    "the response has ", bytes, " bytes, more than the ", max,
                    " that a message may have; ask for less at once")),
                v1::REASON_RESPONSE_TOO_LARGE, v1::EXECUTED_YES);
}

// RESOURCE_EXHAUSTED BAD_REQUEST NO

Answer RequestTooLarge(size_t bytes, size_t max) {
  return Failed(absl::ResourceExhaustedError(absl::StrCat(
                    "the request has ", bytes, " bytes, more than the ", max,
                    " that a message may have; send less at once")),
                v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
}

// DEADLINE_EXCEEDED EXPIRED NO

Answer ExpiredWaiting(int worker) {
  return Expired(worker, WhileWaiting(worker), v1::EXECUTED_NO);
}

Answer ExpiredAtCheck() {
  return Failed(absl::DeadlineExceededError(
                    "the call's deadline passed while its token was checked; "
                    "no handler saw it"),
                v1::REASON_EXPIRED, v1::EXECUTED_NO);
}

// DEADLINE_EXCEEDED EXPIRED MAYBE

Answer ExpiredRunning(int worker, Fate::Was was) {
  return Expired(worker, WhileRunning(worker, was), v1::EXECUTED_MAYBE);
}

// CANCELLED CANCELLED NO

Answer CancelledWaiting(int worker) {
  return Cancelled(worker, WhileWaiting(worker), v1::EXECUTED_NO);
}

// CANCELLED CANCELLED MAYBE

Answer CancelledRunning(int worker, Fate::Was was) {
  return Cancelled(worker, WhileRunning(worker, was), v1::EXECUTED_MAYBE);
}

// UNAVAILABLE STOPPING NO

Answer ServerStopping() {
  return Failed(absl::UnavailableError("the server is stopping; call another"),
                v1::REASON_STOPPING, v1::EXECUTED_NO);
}

Answer SessionTooOld() {
  return Failed(
      absl::UnavailableError("the session is old; open another session"),
      v1::REASON_STOPPING, v1::EXECUTED_NO);
}

Answer SessionOver(absl::Status why) {
  return Failed(std::move(why), v1::REASON_STOPPING, v1::EXECUTED_NO);
}

Answer StoppedWaiting(int worker) {
  return Stopped(worker, WhileWaiting(worker), v1::EXECUTED_NO);
}

// UNAVAILABLE STOPPING MAYBE

Answer StoppedRunning(int worker, Fate::Was was) {
  if (was == Fate::Was::kHeld) {
    return OnWorker(
        worker, Failed(absl::UnavailableError(absl::StrCat(
                           "the server is stopping and had to end the stream "
                           "on worker ",
                           worker, "; open it on another server")),
                       v1::REASON_STOPPING, v1::EXECUTED_MAYBE));
  }
  return Stopped(worker, WhileRunning(worker, was), v1::EXECUTED_MAYBE);
}

// UNAVAILABLE STOPPING YES

Answer StreamCutOff() {
  return Failed(
      absl::UnavailableError("the server had to stop before the whole stream "
                             "had left; its handler had ended it"),
      v1::REASON_STOPPING, v1::EXECUTED_YES);
}

// UNAUTHENTICATED UNAUTHENTICATED NO

Answer NotAuthenticated(absl::Status why) {
  return Failed(std::move(why), v1::REASON_UNAUTHENTICATED, v1::EXECUTED_NO);
}

Answer TokenOverWaiting(int worker) {
  return TokenOver(worker, WhileWaiting(worker), v1::EXECUTED_NO);
}

// UNAUTHENTICATED UNAUTHENTICATED MAYBE

Answer TokenOverRunning(int worker, Fate::Was was) {
  return TokenOver(worker, WhileRunning(worker, was), v1::EXECUTED_MAYBE);
}

// PERMISSION_DENIED NOT_ALLOWED NO

Answer NotAllowed() {
  return Failed(
      absl::PermissionDeniedError("this client may not make this call"),
      v1::REASON_NOT_ALLOWED, v1::EXECUTED_NO);
}

Answer NoSessionForStrangers() {
  return Failed(absl::PermissionDeniedError(
                    "this server has sessions only for clients with an "
                    "identity; connect with a certificate or a token"),
                v1::REASON_NOT_ALLOWED, v1::EXECUTED_NO);
}

// PERMISSION_DENIED NOT_ALLOWED MAYBE

Answer NotAllowedAnyMore(int worker, Fate::Was was) {
  return OnWorker(worker,
                  Failed(absl::PermissionDeniedError(absl::StrCat(
                             "the server got a policy that does not allow the "
                             "stream, ",
                             WhileRunning(worker, was))),
                         v1::REASON_NOT_ALLOWED, v1::EXECUTED_MAYBE));
}

// INVALID_ARGUMENT BAD_REQUEST NO

Answer BadRequest(absl::Status why) {
  return Failed(std::move(why), v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
}

absl::Status WorkerIsNoNumber(absl::string_view given, int workers) {
  return absl::InvalidArgumentError(
      absl::StrCat("pinion-worker is ", Quoted(given, kQuotedBytes),
                   "; this server has the workers 0 to ", workers - 1));
}

absl::Status NoSuchWorker(int64_t asked, int workers) {
  return absl::InvalidArgumentError(
      absl::StrCat("the call asks for worker ", asked,
                   "; this server has the workers 0 to ", workers - 1));
}

absl::Status KeyHasItsWorker(absl::string_view method) {
  return absl::InvalidArgumentError(absl::StrCat(
      method,
      " has a key, which has one worker; ask for a worker only where a "
      "method has no key"));
}

absl::Status NoSuchPriority(absl::string_view given) {
  return absl::InvalidArgumentError(
      absl::StrCat("pinion-priority is ", Quoted(given, kQuotedBytes),
                   "; valid are urgent, normal and bulk"));
}

absl::Status NoSuchPriority(v1::Priority given) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the call's priority is ", static_cast<int>(given), "; valid are ",
      Numbered(v1::PRIORITY_URGENT), ", ", Numbered(v1::PRIORITY_NORMAL),
      " and ", Numbered(v1::PRIORITY_BULK)));
}

Answer CannotDecode(size_t bytes, absl::string_view type) {
  return BadRequest(absl::InvalidArgumentError(
      absl::StrCat("cannot decode the ", bytes, " bytes as ", type)));
}

Answer TooMuchMetadata() {
  return BadRequest(absl::InvalidArgumentError(absl::StrCat(
      "the call's metadata takes more than the ", MetadataMeter::kMaxBytes,
      " bytes that it may, with ", MetadataMeter::kEntryBytes,
      " for each entry beside its name and value; send less")));
}

Answer BadMetadata(absl::string_view name, absl::string_view value) {
  if (!IsMetadataName(name)) {
    return BadRequest(absl::InvalidArgumentError(absl::StrCat(
        "the call has metadata named ", Quoted(name, kQuotedBytes),
        "; valid are lower case letters, digits, '-', '_' and '.'")));
  }
  return BadRequest(absl::InvalidArgumentError(absl::StrCat(
      "the call's metadata ", Quoted(name, kQuotedBytes), " is ",
      Quoted(value, kQuotedBytes),
      "; valid is printable ASCII, or any bytes if the name ends in "
      "\"-bin\"")));
}

Answer IdIsOpen(uint64_t id) {
  return BadRequest(absl::InvalidArgumentError(absl::StrCat(
      "the id ", id, " is that of a call of the session that is open; ",
      "give each open call an id of its own")));
}

// UNIMPLEMENTED NO_SUCH_METHOD NO

Answer NoSuchMethod(absl::string_view path) {
  return NotServed(absl::StrCat("this server hosts no method ",
                                Escaped(BeginningOf(path, 256))));
}

Answer NoSuchMethodIndex(uint32_t index) {
  if (index == 0) {
    return NotServed(
        "the call says no method: it has neither a name nor an index");
  }
  return NotServed(
      absl::StrCat("the session has named no method with the index ", index,
                   "; name it in the same message or earlier"));
}

Answer NoStreamsInSessions(absl::string_view method) {
  return NotServed(absl::StrCat(
      method,
      " is a streaming method, which is served as a plain gRPC call only, not "
      "within sessions"));
}

// any HANDLER YES

Answer HandlerFailed(absl::Status error) {
  return Failed(std::move(error), v1::REASON_HANDLER, v1::EXECUTED_YES);
}

// INTERNAL HANDLER YES

Answer HandlerDropped(absl::string_view handle) {
  return HandlerFailed(
      absl::InternalError(absl::StrCat("the handler dropped the ", handle)));
}

}  // namespace pinion::refusals
