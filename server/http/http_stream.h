// SPDX-License-Identifier: Apache-2.0
//
// HttpStream: the body of an answer without an end, and what waits to be sent
//             in it.
//
// Threads: the owner's only.
// Bounds:  it holds kMostWaiting messages. While it holds so many, it misses
//          further ones: a message is of a state that a later one replaces.
// Example: HttpStream stream(connection, clock);
//          stream.Send(std::make_shared<const std::string>("data: 1\n\n"));
#ifndef PINION_SERVER_HTTP_HTTP_STREAM_H_
#define PINION_SERVER_HTTP_HTTP_STREAM_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include "pinion/core/clock.h"

struct MHD_Connection;

namespace pinion {

class HttpStream {
 public:
  static constexpr size_t kMostWaiting = 8;

  using Message = std::shared_ptr<const std::string>;

  // `connection` outlives it.
  HttpStream(MHD_Connection* connection, const Clock& clock)
      : connection_(connection), clock_(clock) {}
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;

  void Send(Message message);

  // libmicrohttpd finds out with its next run.
  void End();

  // For libmicrohttpd, which has sent all that it has read before: the next
  // bytes, `most` at most.
  ssize_t Read(char* bytes, size_t most);

  // Whether something has waited to be sent for `patience`, and the client has
  // taken nothing.
  bool IsStuck(std::chrono::nanoseconds patience) const {
    return !idle_ && clock_.Now() - progressed_ >= patience;
  }

 private:
  void Resume();

  MHD_Connection* const connection_;
  const Clock clock_;
  std::deque<Message> waiting_;
  size_t sent_ = 0;  // Of the first one.
  // When libmicrohttpd read last, or could have.
  Moment progressed_ = clock_.Now();
  bool idle_ = false;  // All is sent, and libmicrohttpd does not read.
  bool ended_ = false;
};

}  // namespace pinion

#endif  // PINION_SERVER_HTTP_HTTP_STREAM_H_
