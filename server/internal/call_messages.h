// SPDX-License-Identifier: Apache-2.0
//
// CallMessages: the request and the response of one method on one worker, used
//               again for each call, so that their strings keep their memory.
//
// Threads: one at a time: the worker of the lane that has them.
// Memory:  what the messages keep for later calls is limited: when so many
//          bytes have passed through them that it could exceed kMaxKept, they
//          are measured, and made anew if it does. Call FreeIfLarge() after the
//          last of several calls; then a large message is gone, too.
// Example: CallMessagesOf<AddRequest, AddResponse> messages;
//          if (!messages.Parse(bytes)) return CannotDecode();
//          shard.Add(messages.request(), &messages.response());
//          messages.NoteResponse(messages.response().ByteSizeLong());
#ifndef PINION_SERVER_INTERNAL_CALL_MESSAGES_H_
#define PINION_SERVER_INTERNAL_CALL_MESSAGES_H_

#include <cstddef>
#include <optional>

#include "absl/base/optimization.h"
#include "absl/strings/string_view.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace pinion {

class CallMessages {
 public:
  // The most bytes that the messages keep between calls.
  static constexpr size_t kMaxKept = 64 << 10;

  virtual ~CallMessages() = default;
  CallMessages(const CallMessages&) = delete;
  CallMessages& operator=(const CallMessages&) = delete;

  // Makes the request anew from `bytes`, and the response empty. False if the
  // bytes cannot be decoded. Nothing of an earlier call is left in either.
  virtual bool Parse(absl::string_view bytes) = 0;
  // The response as its base class.
  virtual const google::protobuf::Message& base_response() const = 0;
  // The request's type, for an error.
  virtual absl::string_view request_name() const = 0;

  // The handler has filled the response, which takes so many bytes on the wire.
  void NoteResponse(size_t bytes) { passed_ += bytes; }

  // Frees the messages' memory if they keep more than kMaxKept.
  void FreeIfLarge() {
    if (ABSL_PREDICT_FALSE(passed_ >= kMaxKept)) Measure();
  }

 protected:
  CallMessages() = default;

  void NoteRequest(size_t bytes) { passed_ += bytes; }

 private:
  virtual size_t SpaceUsed() const = 0;
  virtual void MakeAnew() = 0;

  // Measuring takes microseconds. A message cannot keep much more than what has
  // passed through it, so it is measured only once for so many bytes.
  void Measure() {
    passed_ = 0;
    if (SpaceUsed() > kMaxKept) MakeAnew();
  }

  size_t passed_ = 0;  // Since they were measured.
};

template <typename Request, typename Response>
class CallMessagesOf final : public CallMessages {
 public:
  CallMessagesOf() { MakeAnew(); }

  bool Parse(absl::string_view bytes) override {
    FreeIfLarge();
    NoteRequest(bytes.size());
    response_->Clear();
    return request_->ParseFromArray(bytes.data(),
                                    static_cast<int>(bytes.size()));
  }
  const google::protobuf::Message& base_response() const override {
    return *response_;
  }
  absl::string_view request_name() const override {
    return Request::descriptor()->full_name();
  }

  const Request& request() const { return *request_; }
  Response& response() { return *response_; }

 private:
  size_t SpaceUsed() const override {
    return request_->SpaceUsedLong() + response_->SpaceUsedLong();
  }
  void MakeAnew() override {
    request_.emplace();
    response_.emplace();
  }

  std::optional<Request> request_;
  std::optional<Response> response_;
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_CALL_MESSAGES_H_
