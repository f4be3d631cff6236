// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/call_command.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/client/cli/common_flags.h"
#include "pinion/client/cli/failure_text.h"
#include "pinion/client/cli/interrupts.h"
#include "pinion/client/cli/json_codec.h"
#include "pinion/client/cli/line_calls.h"
#include "pinion/client/cli/methods.h"
#include "pinion/client/cli/server_services.h"
#include "pinion/client/cli/stream_printer.h"
#include "pinion/client/client.h"
#include "pinion/tools/command_line.h"

ABSL_FLAG(bool, unary, false,
          "Send the calls from standard input as unary calls, which any gRPC "
          "server accepts, instead of over a session. Set it when the server "
          "is not Pinion's.");
ABSL_FLAG(bool, timing, false,
          "Report which worker ran the call, and how long it waited and ran: "
          "on standard error, or for many calls in each answer.");

namespace pinion::cli {
namespace {

constexpr int kCallFailed = 1;
constexpr int kLinesInFlight = 256;

constexpr char kUsage[] =
    "usage: pinion call /package.Service/Method 'JSON' [flags]\n"
    "       pinion call [/package.Service/Method] [-] [flags] < FILE\n\n"
    "The first form calls one method and prints its response as JSON. What "
    "its messages are, the server tells by gRPC's reflection, unless "
    "--descriptor_set does; those of the kv and the echo service are built "
    "in. \"pinion list\" shows the methods of a server.\n\n"
    "  pinion call /pinion.kv.v1.KvService/Put "
    "'{\"key\":\"a\",\"value\":\"1\"}'\n"
    "  pinion call /pinion.kv.v1.KvService/Get '{\"key\":\"a\"}'\n\n"
    "If the method is a server-streaming one, each message is printed when it "
    "comes, one JSON object a line, and standard error says how the stream "
    "ended. Ctrl-C cancels the stream.\n\n"
    "  pinion call /pinion.kv.v1.KvService/Watch '{\"key\":\"a\"}'\n\n"
    "The second form reads many calls of unary methods from standard input, "
    "one JSON object a "
    "line. Each is the method's request, or has these two members and no "
    "other:\n\n"
    "  {\"method\":\"/pinion.kv.v1.KvService/Get\",\"request\":{\"key\":\"a\"}}"
    "\n\n"
    "It prints each answer when it arrives, in any order, one JSON object a "
    "line:\n\n"
    "  {\"line\":1,\"response\":{...}}\n"
    "  {\"line\":2,\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"...\","
    "\"reason\":\"HANDLER\",\n"
    "                     \"executed\":\"YES\"}}\n\n"
    "Without --unary, all calls go over one session. Calls of one key start in "
    "the order of their lines, except a call that is repeated because the "
    "server had no room. At most --in_flight calls are open at once (256 "
    "unless given; with 1, each call starts after the one before it was "
    "answered). A line that is not a call gets an error as its answer, and the "
    "next lines are read.\n\n"
    "Exit codes: 0 success, 1 a call failed, 2 a mistake in the arguments, 130 "
    "Ctrl-C cancelled a stream, 143 SIGTERM did.";

// "Client" and "Each call" are the members of ClientOptions and CallOptions, in
// their order.
std::vector<FlagGroup> FlagGroups() {
  return {
      ClientFlags({"unary"}),
      {"Each call", {"timeout", "worker", "timing"}},
      {"Requests", {"descriptor_set", "in_flight"}},
  };
}

void PrintTiming(const v1::Timing& timing) {
  std::fprintf(
      stderr, "worker %u, waited %s, ran %s, in a batch of %u\n",
      timing.worker(),
      absl::FormatDuration(absl::Nanoseconds(timing.waited_ns())).c_str(),
      absl::FormatDuration(absl::Nanoseconds(timing.ran_ns())).c_str(),
      timing.batch());
}

CallOptions WithTiming(CallOptions options) {
  options.want_timing = absl::GetFlag(FLAGS_timing);
  return options;
}

std::unique_ptr<Client> Connect(bool unary) {
  ClientOptions options = ConnectionOfFlags();
  options.unary = unary;
  return Client::Connect(TargetFlag(), options);
}

int CallOne(JsonCodec& codec, const std::string& method,
            const std::string& json) {
  const absl::StatusOr<std::string> request = codec.Encode(method, json);
  if (!request.ok()) ExitWithUsageError(request.status().message());
  const CallOptions options = WithTiming(CallOptionsOfFlags());
  // Not within a session, so that it may be any gRPC server.
  const auto client = Connect(/*unary=*/true);
  const RawReply reply = client->CallRaw(method, *request, options);
  if (reply.timing.has_value()) PrintTiming(*reply.timing);
  absl::StatusOr<std::string> response = reply.response;
  if (response.ok()) response = codec.Decode(method, *response);
  if (!response.ok()) {
    std::fprintf(stderr, "pinion: %s\n",
                 DescribeError(response.status()).c_str());
    return kCallFailed;
  }
  if (std::printf("%s\n", response->c_str()) < 0 || std::fflush(stdout) != 0) {
    std::fprintf(stderr, "pinion: the response cannot be written: %s\n",
                 std::strerror(errno));
    return kCallFailed;
  }
  return 0;
}

int CallStream(JsonCodec& codec, const std::string& method,
               const std::string& json, Interrupts& interrupts) {
  const absl::StatusOr<std::string> request = codec.Encode(method, json);
  if (!request.ok()) ExitWithUsageError(request.status().message());
  const CallOptions options =
      WithTiming(CallOptionsOfFlags(absl::InfiniteDuration()));
  const auto client = Connect(/*unary=*/true);
  RawStreamReader stream = client->StreamRaw(method, *request, options);
  const int code =
      PrintStream(codec, {.method = method, .timing = options.want_timing},
                  stream, interrupts, stdout);
  if (stream.timing().has_value()) PrintTiming(*stream.timing());
  return code;
}

int CallWith(const Methods& methods, const std::string& method,
             const std::string& json) {
  // Before the threads of any client: also of the one that asks for the method.
  std::optional<Interrupts> interrupts(std::in_place);
  const bool streams = [&] {
    const InterruptsEndProgram while_it_asks;
    return FindOrExit(methods, method).server_streaming();
  }();
  JsonCodec codec(methods);
  if (streams) return CallStream(codec, method, json, *interrupts);
  interrupts.reset();
  return CallOne(codec, method, json);
}

int CallLines(const Methods& methods, const std::string& method) {
  if (!method.empty() && FindOrExit(methods, method).server_streaming()) {
    ExitWithUsageError(
        absl::StrCat(method,
                     " is a server-streaming method; call it alone, with its "
                     "request as an argument"));
  }
  JsonCodec codec(methods);
  const CallOptions options = WithTiming(CallOptionsOfFlags());
  const int in_flight = InFlightFlag(kLinesInFlight);
  if (isatty(STDIN_FILENO)) {
    std::fprintf(stderr,
                 "pinion: reads calls from the terminal, one JSON object a "
                 "line; Ctrl-D ends\n");
  }
  const auto client = Connect(/*unary=*/absl::GetFlag(FLAGS_unary));
  LineCalls calls(codec, {.method = method, .in_flight = in_flight},
                  [&](const std::string& of, const std::string& request,
                      absl::AnyInvocable<void(const Reply&)> done) {
                    client->StartRaw(of, request, options, std::move(done));
                  });
  return calls.Run(stdin, stdout) ? 0 : kCallFailed;
}

}  // namespace

int CallCommand(int argc, char** argv) {
  // The first word is the command.
  std::vector<std::string> words =
      ParseCommandLine(argc, argv, kUsage, FlagGroups());
  words.erase(words.begin());
  if (words.size() > 2) {
    ExitWithUsageError(
        "call takes a method and its request as JSON, in quotes; --help has "
        "examples");
  }
  ServerServices server(TargetFlag(), ConnectionOfFlags());
  const Methods methods(KnownMethods(), &server);
  if (words.size() == 2 && words[1] != "-") {
    return CallWith(methods, words[0], words[1]);
  }
  const bool has_method = !words.empty() && words[0] != "-";
  return CallLines(methods, has_method ? words[0] : "");
}

}  // namespace pinion::cli
