// SPDX-License-Identifier: Apache-2.0
//
// LineCalls: calls that are read from a stream, one JSON object a line, and
// answered to another, one JSON object a line, as the answers come.
//
// Threads: Run() reads on the caller's thread and writes on one of its own, so
//          that neither waits for the other; a callback only puts its answer
//          into a list. Calls that are open or not yet written count against
//          the bound: who does not take the answers is not read from either.
// Example: LineCalls calls(codec, {.method = method, .in_flight = 256}, start);
//          const bool all_succeeded = calls.Run(stdin, stdout);
//
//   {"line":1,"response":{"value":"1"}}
//   {"line":2,"error":{"code":"NOT_FOUND","message":"...",...}}
//
// A line is a request of the method that was given for all, or names its own:
// {"method":"/package.Service/Method","request":{...}}, with these two members
// and no other. Empty lines are skipped, but counted. What is wrong with a line
// is its answer, and the rest goes on.
#ifndef PINION_CLIENT_CLI_LINE_CALLS_H_
#define PINION_CLIENT_CLI_LINE_CALLS_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/client.h"
#include "client/json_codec.h"
#include "pinion/v1/timing.pb.h"

namespace pinion::cli {

class LineCalls {
 public:
  struct Options {
    std::string method;  // Empty: each line names its own.
    int in_flight = 1;
    // A longer line is an error; a message of 4 MiB fits in base64.
    size_t line_bytes = 8 << 20;
  };
  // Begins a call of `method`; `done` is called once, later.
  using Start = absl::AnyInvocable<void(
      const std::string& method, const std::string& request,
      absl::AnyInvocable<void(const Reply&)> done)>;

  LineCalls(JsonCodec& codec, Options options, Start start);

  // Runs all calls of `in`; returns once each has been answered to `out`. False
  // if one failed, or if `in` or `out` did, which is told on standard error.
  bool Run(std::FILE* in, std::FILE* out);

 private:
  struct Answer {
    uint64_t line;
    std::string method;
    absl::StatusOr<std::string> response;  // Serialized.
    std::optional<v1::Timing> timing;
  };

  void ReadAll(std::FILE* in);
  void Begin(uint64_t line_number, absl::StatusOr<std::string> line);
  bool AwaitRoom();  // False once answers cannot be written any more.
  void Finish(Answer answer);
  void WriteAll(std::FILE* out);
  std::string JsonOf(Answer& answer);  // A response that is none: an error.

  JsonCodec& codec_;
  const Options options_;
  Start start_;

  std::mutex mutex_;  // Guards the rest.
  std::condition_variable changed_;
  int open_ = 0;  // Begun and not yet written.
  std::vector<Answer> answers_;
  bool input_ended_ = false;
  bool output_broken_ = false;
  bool failed_ = false;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_LINE_CALLS_H_
