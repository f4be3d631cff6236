// SPDX-License-Identifier: Apache-2.0
//
// StreamReader: a client's call of a server-streaming method: its messages, one
//               after the other, and then its end.
//
// Threads: one thread at a time takes messages; any thread may Cancel() it
//          meanwhile. Next() waits, so do not use it in a callback; StartNext()
//          never blocks.
// Order:   messages come in the order in which the handler sent them. The end
//          follows them, so a stream that ended with OK was complete.
// Flow:    the client reads one message ahead of you. The next ones wait in
//          gRPC, up to its window, and then at the server, which does what
//          docs/clients.md says under "Server streams". So a slow reader does
//          not make the client's memory grow.
// End:     status() says whether the handler ended the stream, or its deadline,
//          a Cancel(), the end of the client or the network did. The client
//          never retries a stream. You may open it again; if
//          NotExecuted(status()), no handler has seen the first one.
// Life:    destroying it cancels the stream and does not wait. It may outlive
//          its client.
// Example: auto watch = client->Stream(kv::kWatch, request);
//          while (std::optional<WatchResponse> news = watch.Next()) {
//            ...
//          }
//          if (!watch.status().ok()) ...
#ifndef PINION_CLIENT_STREAM_READER_H_
#define PINION_CLIENT_STREAM_READER_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/client/call_options.h"
#include "pinion/v1/timing.pb.h"

namespace pinion {

namespace client_internal {

class StreamCall;

void StartNext(StreamCall& call, NextFunction done);
// Cancels the stream, which then ends with `status`.
void FailStream(StreamCall& call, absl::Status status);

}  // namespace client_internal

// The same for serialized messages.
class RawStreamReader {
 public:
  RawStreamReader(RawStreamReader&& other) noexcept;
  RawStreamReader& operator=(RawStreamReader&& other) noexcept;
  ~RawStreamReader();

  // Waits for the next message. None: the stream has ended.
  std::optional<std::string> Next();

  // Takes the next message and returns at once. `done` is called once with the
  // message, which is valid until it returns, or with none: later, on one of
  // gRPC's threads, or before StartNext() returns. It is called even if you
  // destroy the reader before. It must not block. Ask again only once it is
  // called; within it you may.
  void StartNext(client_internal::NextFunction done);

  // Cancels the stream, which then ends soon, with CANCELLED unless it was
  // faster. Messages that you have not taken are dropped.
  void Cancel();

  // The rest only once Next() has returned none.

  // How the stream ended; FailureOf() returns the details of an error.
  const absl::Status& status() const;
  // Where the call ran and where its time went, if it was asked for.
  const std::optional<v1::Timing>& timing() const;
  // The trailing metadata that the handler added.
  const Metadata& trailing() const;

  // The rest is for Pinion only.
  explicit RawStreamReader(std::shared_ptr<client_internal::StreamCall> call);
  const std::shared_ptr<client_internal::StreamCall>& call() const {
    return call_;
  }

 private:
  std::shared_ptr<client_internal::StreamCall> call_;  // Null: moved away.
};

template <typename Response>
class StreamReader {
 public:
  // See RawStreamReader. A message that is not a Response ends the stream with
  // INTERNAL.
  std::optional<Response> Next() {
    while (const std::optional<std::string> message = raw_.Next()) {
      std::optional<Response> response = Decode(*message, *raw_.call());
      if (response.has_value()) return response;
    }
    return std::nullopt;
  }

  // `done` is called with a std::optional<Response>.
  template <typename Done>
  void StartNext(Done done) {
    Take(raw_.call(), std::move(done));
  }

  void Cancel() { raw_.Cancel(); }
  const absl::Status& status() const { return raw_.status(); }
  const std::optional<v1::Timing>& timing() const { return raw_.timing(); }
  const Metadata& trailing() const { return raw_.trailing(); }

  // The rest is for Pinion only.
  explicit StreamReader(RawStreamReader raw) : raw_(std::move(raw)) {}

 private:
  // The stream of a message that cannot be decoded fails.
  static std::optional<Response> Decode(absl::string_view message,
                                        client_internal::StreamCall& call) {
    std::optional<Response> response(std::in_place);
    if (!response->ParseFromArray(message.data(),
                                  static_cast<int>(message.size()))) {
      response.reset();
      client_internal::FailStream(
          call, absl::InternalError(absl::StrCat(
                    "a message of the stream cannot be decoded as a ",
                    Response::descriptor()->full_name())));
    }
    return response;
  }

  template <typename Done>
  static void Take(const std::shared_ptr<client_internal::StreamCall>& call,
                   Done done) {
    client_internal::StartNext(
        *call, [call, done = std::move(done)](
                   std::optional<absl::string_view> message) mutable {
          if (!message.has_value()) return done(std::optional<Response>());
          std::optional<Response> response = Decode(*message, *call);
          if (response.has_value()) return done(std::move(response));
          Take(call, std::move(done));  // Gets the end.
        });
  }

  RawStreamReader raw_;
};

}  // namespace pinion

#endif  // PINION_CLIENT_STREAM_READER_H_
