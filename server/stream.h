// SPDX-License-Identifier: Apache-2.0
//
// Stream: the response stream of a server-streaming call. Its handler sends
//         messages whenever it likes, and finishes the stream at the end.
//
// Threads: one thread at a time, the holder's. You may move a Stream to another
//          thread and use it there. Call OnChange() on a worker. Any thread may
//          call cancelled(), stopping(), writable() and pending_bytes()
//          meanwhile.
// Order:   messages leave in the order in which you send them, and the end
//          follows them. Messages sent while the handler runs leave at once,
//          whatever an EndBatch() returns. If the handler finishes the stream
//          while it runs, the end leaves after EndBatch() has returned.
// Bound:   a message is pending from Send() until the client has taken it, and
//          counts with 64 bytes more. Send() never waits: beyond
//          HostingOptions::stream_bytes it returns an error and sends nothing.
//          While writable(), a stream takes one message of any size, so a
//          handler that checks before each Send() never meets the limit.
// End:     Finish() ends the stream. A Stream destroyed without it ends with
//          INTERNAL, "the handler dropped the stream". If the deadline, the
//          client or the stop ended it, it is cancelled(): its pending messages
//          are dropped, Send() returns the reason, and Finish() only releases
//          it.
// Place:   an open stream has a place among HostingOptions::lane_streams, and
//          releases it when it ends. A cancelled() Stream costs only its
//          holder's memory, about 2 KB and its metadata. Destroy it when
//          OnChange() runs, as pinion::Followers does.
// Request: valid until the handler has returned. Copy what you need later.
// Stop:    as the stop begins, the stream is stopping(), and OnChange() runs,
//          so the handler may send last messages and finish. A stream that was
//          left open without an OnChange() cannot hear of it: as the grace
//          period begins, the server ends it with UNAVAILABLE, "open it on
//          another server". A stream with an OnChange() has the grace period,
//          as one whose handler still runs. A Stream may outlive the server;
//          using it then has no effect.
// Example: void Feed::Watch(const WatchRequest& request,
//                           Stream<WatchResponse> stream) {
//            watchers_.Add(request.topic(), std::move(stream));
//          }
//          void Feed::Publish(const std::string& topic,
//                             const WatchResponse& news) {
//            watchers_.Publish(topic, news);
//          }
//          pinion::Followers<WatchResponse> watchers_;  // server/followers.h
//
// A stream that sends much, as fast as its client takes it:
//            Export& e = *exports_.insert(..., std::move(stream)).first;
//            e.stream.OnChange([this, &e] {
//              while (e.stream.writable() && e.HasMore()) {
//                if (!e.stream.Send(e.Next()).ok()) break;
//              }
//              if (e.stream.cancelled() || !e.HasMore()) Remove(e);
//            });
#ifndef PINION_SERVER_STREAM_H_
#define PINION_SERVER_STREAM_H_

#include <cstdint>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "pinion/core/base/check.h"
#include "pinion/server/call_context.h"
#include "pinion/server/internal/held_stream.h"
#include "pinion/server/internal/shared_message.h"

namespace pinion {

template <typename Response>
class Stream {
 public:
  Stream(Stream&& other) noexcept
      : held_(std::exchange(other.held_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    if (this != &other) {
      Drop();
      held_ = std::exchange(other.held_, nullptr);
    }
    return *this;
  }
  ~Stream() { Drop(); }

  // Sends `response`, which you may then use again. If it returns an error,
  // nothing was sent. RESOURCE_EXHAUSTED if too many bytes are pending, the
  // message is too large, or the server is at its own limit; OnChange() does
  // not report when that last limit ends. DEADLINE_EXCEEDED, CANCELLED or
  // UNAVAILABLE if the stream has ended because its deadline passed, its client
  // is gone, or the server stops.
  absl::Status Send(const Response& response) {
    return held().sink().Send(response);
  }
  // The same, for one message that many streams share: it is serialized and
  // stored once.
  absl::Status Send(const SharedMessageOf<Response>& message) {
    return held().sink().SendShared(message);
  }

  // Ends the stream, OK or with an error, which goes to the client unchanged.
  // Call it once.
  void Finish(absl::Status status = absl::OkStatus()) {
    held();
    std::exchange(held_, nullptr)->FinishStream(std::move(status));
  }

  // Whether the Stream was finished or moved away. You may call the functions
  // below until then.
  bool finished() const { return held_ == nullptr; }

  CallContext& context() { return held().context(); }

  // Whether the deadline, the client or the stop has ended the stream.
  bool cancelled() const { return held().context().cancelled(); }

  // Whether the server's stop has begun. If the stream has an OnChange(), the
  // stop waits for it until the grace period ends, so send what is last and
  // finish now, unless the stream ends soon by itself.
  bool stopping() const { return held().sink().stopping(); }

  // The bytes that were sent and have not left; and whether that is less than
  // half of the limit.
  int64_t pending_bytes() const { return held().sink().pending_bytes(); }
  bool writable() const { return held().sink().writable(); }

  // Makes the shard's worker run `function` soon, and again each time that the
  // stream becomes writable(), cancelled() or stopping(); one run may report
  // several changes. Call it once, on a worker of the stream's own server. The
  // worker runs it before the calls that wait there, and never after the stream
  // was finished on that worker. The function may do anything with the stream.
  // It is destroyed with the stream, on the thread that finishes the stream or
  // on the worker.
  void OnChange(absl::AnyInvocable<void()> function) {
    held().OnChange(std::move(function));
  }

  // The rest is for Pinion only.
  explicit Stream(HeldStream* held) : held_(held) {}

 private:
  HeldStream& held() const {
    PINION_CHECK(held_ != nullptr, "a Stream of ",
                 Response::descriptor()->full_name(),
                 " was used after it was finished or moved away");
    return *held_;
  }
  void Drop() {
    if (held_ != nullptr) std::exchange(held_, nullptr)->DropStream();
  }

  HeldStream* held_;
};

}  // namespace pinion

#endif  // PINION_SERVER_STREAM_H_
