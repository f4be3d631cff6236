// SPDX-License-Identifier: Apache-2.0
//
// StreamTarget: opens a load's calls as streams of one server-streaming method,
//               and reads each to its end, or a number of messages of it.
//
// Threads: any thread.
// Example: StreamTarget target(*client, method, options,
//                              {.in_flight = 64, .messages = 100});
//          LoadGenerator load(load_options, requests, target, clock);
#ifndef PINION_CLIENT_CLI_STREAM_TARGET_H_
#define PINION_CLIENT_CLI_STREAM_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "pinion/client/cli/load_target.h"
#include "pinion/client/cli/server_target.h"
#include "pinion/client/client.h"

namespace pinion::cli {

class StreamTarget final : public LoadTarget {
 public:
  struct Options {
    int in_flight = 64;  // The load's.
    // After so many messages a stream is cancelled, and counts as succeeded; 0:
    // each is read to its end.
    uint64_t messages = 0;
  };

  // `client` must outlive it.
  StreamTarget(Client& client, std::string method, CallOptions call,
               const Options& options)
      : client_(client),
        method_(std::move(method)),
        call_(std::move(call)),
        enough_(options.messages),
        streams_(static_cast<size_t>(options.in_flight)) {}

  void Send(absl::string_view request, uint32_t call,
            AnswerReceiver& receiver) override {
    OpenStream& stream = streams_[call];
    stream.messages = 0;
    stream.reader.emplace(client_.StreamRaw(method_, request, call_));
    TakeNext(call, receiver);
  }

 private:
  struct alignas(64) OpenStream {
    std::optional<RawStreamReader> reader;
    uint64_t messages = 0;
  };

  void TakeNext(uint32_t call, AnswerReceiver& receiver) {
    streams_[call].reader->StartNext(
        [this, call, &receiver](std::optional<absl::string_view> message) {
          if (message.has_value()) {
            Received(call, receiver);
          } else {
            Ended(call, receiver);
          }
        });
  }
  void Received(uint32_t call, AnswerReceiver& receiver) {
    OpenStream& stream = streams_[call];
    receiver.Received(call, /*first=*/stream.messages == 0);
    if (++stream.messages == enough_) stream.reader->Cancel();
    TakeNext(call, receiver);
  }
  void Ended(uint32_t call, AnswerReceiver& receiver) {
    const OpenStream& stream = streams_[call];
    const bool enough = enough_ > 0 && stream.messages >= enough_;
    // The receiver may send the next call here.
    receiver.Answered(
        call, enough ? std::nullopt : ErrorKindOf(stream.reader->status()));
  }

  Client& client_;
  const std::string method_;
  const CallOptions call_;
  const uint64_t enough_;
  std::vector<OpenStream> streams_;  // By call.
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_STREAM_TARGET_H_
