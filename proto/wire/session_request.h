// SPDX-License-Identifier: Apache-2.0
//
// SessionRequest: reads a serialized OpenRequest as views into its bytes, as
// protobuf would decode it, without building messages or allocating.
//
// Threads: one at a time; the bytes must outlive the request and its views.
// Example: SessionRequest request(serialized);
//          while (!request.Scan(1000, name, cancel)) {
//            if (!request.ok()) return request.status();
//            DoSomethingElse();
//          }
//          Reserve(request.calls());
//          CallView call;
//          while (request.NextCall(&call)) Keep(call);
//          if (!request.ok()) return request.status();  // Admit none of them.
//
// It fails where protobuf fails, with two exceptions. It does not check that
// strings are UTF-8: a method name that is not UTF-8 belongs to no method of
// the server, so only its own call fails. And a message of nothing but fields,
// megabytes of them, is a fault: see kMaxFields.
#ifndef PINION_PROTO_WIRE_SESSION_REQUEST_H_
#define PINION_PROTO_WIRE_SESSION_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "pinion/proto/wire/session_message.h"
#include "pinion/proto/wire/session_metadata.h"
#include "pinion/proto/wire/session_tags.h"
#include "pinion/v1/priority.pb.h"

namespace pinion {

// A SessionCall; see session.proto.
struct CallView {
  uint64_t id = 0;
  absl::string_view method;
  absl::string_view payload;
  uint64_t timeout_us = 0;
  // May be a number without a name.
  v1::Priority priority = v1::PRIORITY_UNSPECIFIED;
  uint32_t method_index = 0;
  std::optional<uint32_t> worker;
  bool want_timing = false;
  bool has_metadata = false;
  absl::string_view serialized;  // The whole SessionCall.

  MetadataReader metadata() const {
    return MetadataOf(has_metadata ? serialized : "");
  }
  // The metadata of a whole SessionCall, which must be checked.
  static MetadataReader MetadataOf(absl::string_view serialized) {
    return {serialized, session_tags::kCallMetadata};
  }
};

struct MethodNameView {
  uint32_t index = 0;
  absl::string_view name;
};

struct ClientHelloView {
  uint32_t revision = 0;
  absl::string_view name;
};

class SessionRequest : public SessionMessage {
 public:
  using OnName = absl::FunctionRef<void(const MethodNameView& name)>;
  using OnCancel = absl::FunctionRef<void(uint64_t id)>;

  // The most fields of a call, those of its metadata included; and the most
  // fields of everything that is neither a call nor a packed cancel.
  static constexpr uint32_t kMaxFields = 16384;

  // The scan steps for a cancel, or for any other field than a call: handling
  // one costs about as much more.
  static constexpr size_t kStepsOfOther = 16;

  explicit SessionRequest(absl::string_view serialized)
      : SessionMessage(serialized, "pinion.v1.OpenRequest", session_tags::kCall,
                       kMaxFields) {}

  // Call it first, until it is done. Checks everything but the insides of the
  // calls, and calls back for the method names and for the ids to cancel, each
  // in order. Takes at most `most` steps, or a little more; a call is one step.
  // False if there is more to do, and, with ok() false, if the message cannot
  // be decoded.
  bool Scan(size_t most, OnName name, OnCancel cancel);

  // The number of calls in the message. A call takes at least 2 bytes, so the
  // message's size alone must not limit what is kept for each call.
  size_t calls() const { return elements(); }

  // The hello, if there is one.
  const std::optional<ClientHelloView>& hello() const { return hello_; }

  // The token; empty if there is none.
  absl::string_view token() const { return token_; }

  // The next call. False after the last one, and if the call cannot be decoded;
  // then ok() is false, and the whole message is invalid.
  bool NextCall(CallView* call);

  // Makes NextCall() start with the first one again.
  void Rewind() { SessionMessage::Rewind(); }

 private:
  // Both return the number of steps taken.
  size_t ReadFields(size_t most, OnName name, OnCancel cancel);
  size_t ReadCancels(size_t most, OnCancel cancel);

  // Found by the scan.
  std::optional<ClientHelloView> hello_;
  absl::string_view token_;
  // The position in the message of the packed cancels that are being read.
  size_t cancels_at_ = 0;
  size_t cancels_end_ = 0;
};

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_SESSION_REQUEST_H_
