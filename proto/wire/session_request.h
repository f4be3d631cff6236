// SPDX-License-Identifier: Apache-2.0
//
// SessionRequest: reads a serialized OpenRequest as views into its bytes, as
// protobuf would decode it, without building messages or allocating.
//
// Threads: one at a time; the bytes must outlive the request and its views.
// Example: SessionRequest request(serialized);
//          if (!request.Scan()) return request.status();
//          Reserve(request.calls());
//          CallView call;
//          while (request.NextCall(&call)) Keep(call);
//          if (!request.ok()) return request.status();  // Admit none of them.
//
// It fails where protobuf fails, but for one thing: strings are not checked to
// be UTF-8. A method that is not is no method of the server's, and so the
// matter of its call alone.
#ifndef PINION_PROTO_WIRE_SESSION_REQUEST_H_
#define PINION_PROTO_WIRE_SESSION_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "pinion/v1/priority.pb.h"
#include "proto/wire/session_message.h"
#include "proto/wire/session_metadata.h"
#include "proto/wire/session_tags.h"

namespace pinion {

// A SessionCall; see session.proto.
struct CallView {
  uint64_t id = 0;
  absl::string_view method;
  absl::string_view payload;
  uint64_t timeout_us = 0;
  v1::Priority priority = v1::PRIORITY_UNSPECIFIED;  // Or a number of none.
  uint32_t method_index = 0;
  std::optional<uint32_t> worker;
  bool want_timing = false;
  bool has_metadata = false;
  absl::string_view serialized;  // The whole SessionCall.

  MetadataReader metadata() const {
    return {has_metadata ? serialized : "", session_tags::kCallMetadata};
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
  explicit SessionRequest(absl::string_view serialized)
      : SessionMessage(serialized, "pinion.v1.OpenRequest",
                       session_tags::kCall) {}

  // First of all: checks everything but the insides of the calls. False if the
  // message cannot be decoded.
  bool Scan();

  // How many calls the message has. A call takes 2 bytes at least: what is
  // kept for each must be bounded otherwise than by the message's size.
  size_t calls() const { return elements(); }

  // The hello, if there is one.
  const std::optional<ClientHelloView>& hello() const { return hello_; }

  // Calls back for each name of a method, in order.
  void ForEachMethodName(
      absl::FunctionRef<void(const MethodNameView&)> name) const;

  // Calls back for each cancelled id, in order.
  void ForEachCancel(absl::FunctionRef<void(uint64_t id)> cancel) const;

  // The next call. False after the last, and if the call cannot be decoded:
  // then ok() is false, and the message is broken as a whole.
  bool NextCall(CallView* call);

 private:
  // Found by the scan.
  bool has_cancels_ = false;
  bool has_method_names_ = false;
  std::optional<ClientHelloView> hello_;
};

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_SESSION_REQUEST_H_
