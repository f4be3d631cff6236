// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/stream_printer.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/client/cli/failure_text.h"

namespace pinion::cli {
namespace {

constexpr int kStreamFailed = 1;
// What a shell adds to the number of the signal that ended a program.
constexpr int kEndedBySignal = 128;

// How soon a Ctrl-C is noticed, and the end of the stream beside it.
constexpr absl::Duration kLook = absl::Milliseconds(20);

// What happened until the end.
struct Progress {
  uint64_t messages = 0;
  absl::Time first;
  absl::Status fault;  // A message that could not be decoded or written.
};

// Prints all messages. After a fault it drops what still comes.
Progress PrintMessages(JsonCodec& codec, const std::string& method,
                       RawStreamReader& stream, std::FILE* out) {
  Progress progress;
  while (const std::optional<std::string> message = stream.Next()) {
    if (!progress.fault.ok()) continue;
    if (progress.messages++ == 0) progress.first = absl::Now();
    const absl::StatusOr<std::string> json = codec.Decode(method, *message);
    if (!json.ok()) {
      progress.fault = json.status();
    } else if (std::fprintf(out, "%s\n", json->c_str()) < 0 ||
               std::fflush(out) != 0) {
      progress.fault = absl::UnknownError(absl::StrCat(
          "the messages cannot be written: ", std::strerror(errno)));
    }
    if (!progress.fault.ok()) stream.Cancel();
  }
  return progress;
}

std::string MessagesText(uint64_t messages) {
  return absl::StrCat(messages, messages == 1 ? " message" : " messages");
}

void PrintTimes(const Progress& progress, absl::Time opened, absl::Time ended) {
  if (progress.messages > 0) {
    std::fprintf(stderr, "first message after %s, ",
                 absl::FormatDuration(progress.first - opened).c_str());
  }
  std::fprintf(stderr, "end after %s\n",
               absl::FormatDuration(ended - opened).c_str());
}

}  // namespace

int PrintStream(JsonCodec& codec, const StreamPrintOptions& options,
                RawStreamReader& stream, Interrupts& interrupts,
                std::FILE* out) {
  const absl::Time opened = absl::Now();
  std::atomic<bool> over{false};
  std::thread watch([&] {
    while (!over.load()) {
      if (interrupts.Await(kLook)) stream.Cancel();
    }
  });
  const Progress progress = PrintMessages(codec, options.method, stream, out);
  const absl::Time ended = absl::Now();
  over.store(true);
  watch.join();
  if (options.timing) PrintTimes(progress, opened, ended);
  const std::string after = MessagesText(progress.messages);
  if (!progress.fault.ok()) {
    std::fprintf(stderr, "pinion: after %s: %s\n", after.c_str(),
                 std::string(progress.fault.message()).c_str());
    return kStreamFailed;
  }
  if (stream.status().ok()) {
    std::fprintf(stderr, "pinion: the stream ended with OK after %s\n",
                 after.c_str());
    return 0;
  }
  if (interrupts.came() != 0) {
    std::fprintf(stderr, "pinion: the stream was cancelled by %s after %s\n",
                 interrupts.came() == SIGINT ? "Ctrl-C" : "SIGTERM",
                 after.c_str());
    return kEndedBySignal + interrupts.came();
  }
  std::fprintf(stderr, "pinion: the stream ended after %s: %s\n", after.c_str(),
               DescribeError(stream.status()).c_str());
  return kStreamFailed;
}

}  // namespace pinion::cli
