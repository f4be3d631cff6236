// SPDX-License-Identifier: Apache-2.0
//
// Stream: the answer of a server-streaming method in its handler's hands: to
//         send messages on when it likes, and to finish in the end.
//
// Threads: its holder's, one at a time; it may be moved to another thread and
//          used there. OnChange() is for workers. Only cancelled(), stopping(),
//          writable() and pending_bytes() are anyone's meanwhile.
// Order:   messages leave as they were sent, and the end behind them. Those
//          that are sent while the handler runs leave at once, whatever an
//          EndBatch() says; an end that it gives leaves when it has returned.
// Bound:   what was sent and its client has not taken is pending, with 64 bytes
//          for each message. Send() never waits: beyond
//          ServerOptions::stream_bytes it says so and sends nothing. While it
//          is writable() it takes a message of any size, so a handler that
//          looks before each never gets there.
// End:     Finish() gives it. A Stream that goes without ends with INTERNAL,
//          "the handler dropped the stream". One that was ended by its
//          deadline, its client or the stop is cancelled(): then what is
//          pending was dropped, Send() says why, and Finish() does nothing but
//          to let go.
// Place:   it keeps its place in its lane until it is finished, so a holder
//          lets go of one that is cancelled(). OnChange() tells it.
// Stop:    may outlive the server; from then on nothing comes of it.
// Example: void Feed::Watch(const WatchRequest& request,
//                           Stream<WatchResponse> stream) {
//            watchers_[request.topic()].push_back(std::move(stream));
//          }
//          void Feed::Publish(const std::string& topic,
//                             const WatchResponse& news) {
//            // Drops who is gone, and who has fallen too far behind.
//            std::erase_if(watchers_[topic], [&](auto& watcher) {
//              return !watcher.Send(news).ok();
//            });
//          }
//
// One that has much to send, and sends it as fast as the client takes it:
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
#include "core/check.h"
#include "server/call_context.h"
#include "server/held_stream.h"

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

  // Sends `response`, which may be used again. RESOURCE_EXHAUSTED, and nothing
  // is sent, if too much is pending, or the message is too large, or the server
  // as a whole holds too much; of this last nothing tells when it is over.
  // DEADLINE_EXCEEDED, CANCELLED or UNAVAILABLE when the stream has ended
  // without its handler: because its deadline has passed, its client is gone,
  // or the server stops.
  absl::Status Send(const Response& response) {
    return held().sink().Send(response);
  }

  // Ends the stream, OK or with an error, which goes to the client as it is.
  // Once.
  void Finish(absl::Status status = absl::OkStatus()) {
    held();
    std::exchange(held_, nullptr)->FinishStream(std::move(status));
  }

  // Whether it is finished, or was moved away. The rest is for until then.
  bool finished() const { return held_ == nullptr; }

  CallContext& context() { return held().context(); }

  // Whether it has ended without its handler.
  bool cancelled() const { return held().context().cancelled(); }

  // Whether the server's stop has begun: it waits for the stream until its
  // grace is over, so a handler that has something to say in the end finishes
  // now.
  bool stopping() const { return held().sink().stopping(); }

  // What was sent and has not left, and whether that is less than half of what
  // may be.
  int64_t pending_bytes() const { return held().sink().pending_bytes(); }
  bool writable() const { return held().sink().writable(); }

  // Has `function` run on the shard's worker: soon, and each time that the
  // stream gets writable(), cancelled() or stopping(); what changes together
  // may be told by one run. Once, on a worker of the stream's own server. It
  // begins before the calls that wait there, and not any more once the stream
  // is finished on that worker. It may do anything with the stream, and is
  // destroyed with it, on the thread that finishes it or on the worker.
  void OnChange(absl::AnyInvocable<void()> function) {
    held().OnChange(std::move(function));
  }

  // The rest is Pinion's.
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
