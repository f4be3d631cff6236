// SPDX-License-Identifier: Apache-2.0
//
// GrpcConnection: the server's end of one connection that speaks gRPC, without
//                 gRPC: bytes in, bytes out. It answers unary methods.
//
// Threads: the owner's only. It has no socket and no thread.
// Why not gRPC: the completion queues of one process share a set of polled
//          descriptors. A thread that waits in one of them for the admin socket
//          would take events of the public listener, and the other way round.
// Bounds:  kMostStreams calls at a time, kMostRequestBytes for a request. It
//          makes at most kUnsentBytes and one frame ahead of what is sent.
//          Within kLongestCall, a call must be over, and a client must say its
//          first word, and take some of what is sent: see overdue_at().
// Speaks:  HTTP/2 by libnghttp2, uncompressed messages. A call's deadline and
//          its metadata are not looked at. What is no HTTP/2 ends the
//          connection, and what is no gRPC its stream.
// Example: GrpcConnection connection(methods);
//          connection.Receive(bytes);
//          connection.Sent(write(socket, connection.Unsent()));
//          if (connection.over()) close(socket);
#ifndef PINION_SERVER_ADMIN_GRPC_CONNECTION_H_
#define PINION_SERVER_ADMIN_GRPC_CONNECTION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/core/clock.h"

struct nghttp2_session;

namespace pinion {

class GrpcConnection {
 public:
  static constexpr size_t kMostStreams = 8;
  static constexpr size_t kMostRequestBytes = 64 * 1024;
  static constexpr size_t kUnsentBytes = 64 * 1024;
  static constexpr std::chrono::seconds kLongestCall{10};

  // Answers the request of a method, whose path is "/package.Service/Method",
  // with the response's bytes. UNIMPLEMENTED if there is no such method.
  using Methods = std::function<absl::StatusOr<std::string>(
      absl::string_view path, absl::string_view request)>;

  explicit GrpcConnection(Methods methods, const Clock& clock = {});
  ~GrpcConnection();
  GrpcConnection(const GrpcConnection&) = delete;
  GrpcConnection& operator=(const GrpcConnection&) = delete;

  // Takes what the client has sent, and answers the calls that are complete by
  // it.
  void Receive(absl::string_view bytes);

  // What is to be sent now; valid until the next call of another function.
  absl::string_view Unsent();
  // The first `bytes` of Unsent() were sent.
  void Sent(size_t bytes);

  // Whether it is over, and everything is sent: close it. What it still
  // receives does nothing.
  bool over() const;

  // Whether its client waits for nothing, and has begun nothing.
  bool idle() const { return greeted_ && streams_.empty() && unsent_.empty(); }

  // When its owner must end it: when its oldest call, its first word or the
  // next byte that it should read is late. None if it is idle.
  std::optional<Moment> overdue_at() const;

 private:
  struct Stream {
    Moment begun;
    std::string method;  // Of HTTP.
    std::string path;
    std::string content_type;
    size_t header_bytes = 0;
    std::string request;  // With the prefix of its message.
    bool too_long = false;
    std::string response;  // With the prefix of its message.
    size_t response_sent = 0;
  };

  // What libnghttp2 calls, within Receive() and Unsent().
  struct Callbacks;

  Stream* Find(int32_t id);
  void Answer(int32_t id, Stream& stream);
  absl::StatusOr<std::string> ResponseTo(const Stream& stream) const;
  void SendResponse(int32_t id, Stream& stream, absl::string_view message);
  void SendError(int32_t id, const absl::Status& status);
  // A client that speaks no gRPC at all.
  void SendHttpError(int32_t id, absl::string_view status);

  const Methods methods_;
  const Clock clock_;
  const Moment begun_;
  nghttp2_session* session_ = nullptr;  // None if there was no memory.
  bool greeted_ = false;                // Its client's settings have arrived.
  bool failed_ = false;
  std::map<int32_t, Stream> streams_;  // By id, which is by age.
  std::string unsent_;
  Moment sent_;  // The last progress of `unsent_`, while there is some.
};

}  // namespace pinion

#endif  // PINION_SERVER_ADMIN_GRPC_CONNECTION_H_
