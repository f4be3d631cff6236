// SPDX-License-Identifier: Apache-2.0
//
// LineCalls: reads calls from a stream, one JSON object per line, and writes
//            their answers to another one, one JSON object per line, as they
//            come.
//
// Threads: Run() reads on the caller's thread and writes on its own thread, so
//          that neither waits for the other. A callback only puts its answer
//          into a list. Calls that are open or not written yet count towards
//          the limit: if nobody takes the answers, no more calls are read.
// Example: LineCalls calls(codec, {.method = method, .in_flight = 256}, start);
//          const bool all_succeeded = calls.Run(stdin, stdout);
//
//   {"line":1,"response":{"value":"1"}}
//   {"line":2,"error":{"code":"NOT_FOUND","message":"...",...}}
//
// A line is a request of the method given for all, or names its own:
// {"method":"/package.Service/Method","request":{...}}, with exactly these two
// members. Empty lines are skipped, but counted. A mistake in a line becomes
// its answer, and the other lines go on.
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
#include "pinion/client/cli/json_codec.h"
#include "pinion/client/client.h"
#include "pinion/v1/timing.pb.h"

namespace pinion::cli {

class LineCalls {
 public:
  struct Options {
    std::string method;  // Empty: each line names its own.
    int in_flight = 1;
    // A longer line is an error. A message of 4 MiB fits in base64.
    size_t line_bytes = 8 << 20;
  };
  // Starts a call of `method`; `done` is called once, later.
  using Start = absl::AnyInvocable<void(
      const std::string& method, const std::string& request,
      absl::AnyInvocable<void(const Reply&)> done)>;

  LineCalls(JsonCodec& codec, Options options, Start start);

  // Runs all calls of `in`, and returns once all answers are written to `out`.
  // False if a call failed, or if `in` or `out` did, which is reported on
  // standard error.
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
  std::string JsonOf(Answer& answer);  // An invalid response: an error.

  JsonCodec& codec_;
  const Options options_;
  Start start_;

  std::mutex mutex_;  // Guards the rest.
  std::condition_variable changed_;
  int open_ = 0;  // Started and not yet written.
  std::vector<Answer> answers_;
  bool input_ended_ = false;
  bool output_broken_ = false;
  bool failed_ = false;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_LINE_CALLS_H_
