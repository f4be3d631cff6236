// SPDX-License-Identifier: Apache-2.0
//
// The numbers and names of session.proto's protocol that both sides must agree
// on, and that no message says.
//
// Threads: constants.
// Example: hello.set_revision(session_protocol::kRevision);
#ifndef PINION_PROTO_WIRE_SESSION_PROTOCOL_H_
#define PINION_PROTO_WIRE_SESSION_PROTOCOL_H_

#include <cstddef>
#include <cstdint>

namespace pinion::session_protocol {

// What both hellos say.
inline constexpr uint32_t kRevision = 1;

// The service, and its method by which a session is opened.
inline constexpr char kService[] = "pinion.v1.SessionService";
inline constexpr char kOpenPath[] = "/pinion.v1.SessionService/Open";

// MethodName.index is 1 to this: so many names a session may have.
inline constexpr uint32_t kMaxMethodIndex = 1024;

// What a call counts of ServerHello.max_open_bytes beside its bytes in the
// message, at most.
inline constexpr int64_t kMaxBytesBesideCall = 384;

// A message grows to this size, unless one call or answer alone is larger. No
// side may rely on it: a larger message is valid, up to
// ServerHello.max_message_bytes.
inline constexpr size_t kFullMessage = 64 << 10;

}  // namespace pinion::session_protocol

#endif  // PINION_PROTO_WIRE_SESSION_PROTOCOL_H_
