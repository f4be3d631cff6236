// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/bench_flags.h"

#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/client/cli/common_flags.h"
#include "pinion/client/cli/json_codec.h"
#include "pinion/client/cli/key_distribution.h"
#include "pinion/client/cli/methods.h"
#include "pinion/client/cli/server_services.h"
#include "pinion/tools/command_line.h"

// ---- Client -----------------------------------------------------------------

ABSL_FLAG(std::string, mode, "session",
          "session: calls go over sessions, each a stream that carries many "
          "calls. unary: each call is a gRPC call of its own. Use unary for a "
          "server that is not Pinion's.");
ABSL_FLAG(int, sessions, 1,
          "The number of sessions, each on a connection of its own, 1 to 64. "
          "Raise it when one connection is the bottleneck.");

// ---- Load -------------------------------------------------------------------

ABSL_FLAG(double, rate, 0,
          "Open loop: this many calls are due per second, up to 10000000, "
          "whatever the server does; latency counts from the time when a call "
          "was due. 0: closed loop. Set it to see what a stall of the server "
          "does to its callers.");
ABSL_FLAG(absl::Duration, warm_up, absl::Seconds(1),
          "How long to send calls before measuring, 0 to 1h.");
ABSL_FLAG(absl::Duration, duration, absl::Seconds(10),
          "How long to measure, 1ms to 24h.");
ABSL_FLAG(uint64_t, seed, 1,
          "Seed of the random keys, 0 to 2^64-1: the same seed draws the same "
          "keys.");

// ---- Requests ---------------------------------------------------------------

ABSL_FLAG(int64_t, payload_size, 64,
          "The size of the payload for the echo methods, 0 to 4000000 bytes.");
ABSL_FLAG(std::string, request, "",
          "The request as JSON. {key} stands for the call's key with leading "
          "zeros, {number} for the same without them. Empty: the echo "
          "methods' own request.");
ABSL_FLAG(uint64_t, keys, 0,
          "The number of different keys, 1 to 1000000000000; 0: the request "
          "has no key.");
ABSL_FLAG(std::string, distribution, "uniform",
          "How often each key is used. uniform: all equally often; zipf: the "
          "k-th in proportion to k^-zipf_exponent; one: always the same key.");
ABSL_FLAG(uint64_t, messages, 0,
          "For a server-streaming method: after so many messages a stream is "
          "cancelled, and counts as succeeded, 1 to 1000000000; 0: each stream "
          "is read to its end. Set it for streams that do not end.");
ABSL_FLAG(double, zipf_exponent, 0.99,
          "How uneven zipf is, above 0, at most 20. With 0.99, the first of "
          "a million keys gets one call in 15.");

// ---- Output -----------------------------------------------------------------

ABSL_FLAG(std::string, hdr, "",
          "A file to write the latencies to, in HdrHistogram's percentile "
          "format, in milliseconds.");

namespace pinion::cli {
namespace {

constexpr int kInFlight = 64;
// A stall of a second at 16,000 calls a second has room.
constexpr int kInFlightOfOpenLoop = 16384;

constexpr char kEcho[] = "/pinion.echo.v1.EchoService/Echo";
constexpr char kEchoKeyed[] = "/pinion.echo.v1.EchoService/EchoKeyed";

constexpr char kUsage[] =
    "usage: pinion bench [/package.Service/Method] [flags]\n\n"
    "Measures how fast a method answers and how many calls a second it does. "
    "In a closed loop, a number of calls is open, and the next is sent when "
    "one is answered. With --rate the loop is open: calls are due at that "
    "rate, whatever the server does.\n\n"
    "  pinion bench                                       the echo service\n"
    "  pinion bench --rate=5000                           in an open loop\n"
    "  pinion bench --keys=1000000 --distribution=zipf    the echo with keys\n"
    "  pinion bench /pinion.kv.v1.KvService/Get --keys=1000 \\\n"
    "    --request='{\"key\":\"{key}\"}'\n\n"
    "The default method is Echo, and with --keys EchoKeyed. A pinion-server "
    "serves both with --echo. Any other method needs --request; what its "
    "messages are, the server tells by gRPC's reflection, unless "
    "--descriptor_set does. At most "
    "--in_flight calls are open at once (64 unless given, and 16384 with "
    "--rate).\n\n"
    "If the method is a server-streaming one, each call is a stream, which is "
    "read to its end, or until it had --messages; at most --in_flight are open "
    "at once. The table then also has the messages a second and the time "
    "until the first message of a stream; the other latencies are those until "
    "its end. Streams go over one connection, whatever --mode says.\n\n"
    "  pinion bench /pinion.kv.v1.KvService/Watch --messages=1 \\\n"
    "    --request='{\"key\":\"a\"}'\n\n"
    "It prints a table and a curve of the latencies of the calls that "
    "succeeded. The calls that failed are counted apart. It makes one call "
    "first: if the server cannot be reached, or refuses that call as wrong, "
    "it measures nothing. Ctrl-C ends the measurement and prints the results "
    "so far; a second Ctrl-C ends the program.\n\n"
    "Exit codes: 0 measured (errors are in the table), 1 no call succeeded or "
    "the result cannot be written, 2 a mistake in the arguments.";

// "Client", "Each call" and "Load" are the members of ClientOptions,
// CallOptions and LoadOptions, in their order.
std::vector<FlagGroup> FlagGroups() {
  return {
      ClientFlags({"mode", "sessions"}),
      {"Each call", {"timeout", "worker"}},
      {"Load", {"in_flight", "rate", "warm_up", "duration", "seed"}},
      {"Requests",
       {"descriptor_set", "payload_size", "request", "keys", "distribution",
        "zipf_exponent", "messages"}},
      {"Output", {"json", "hdr"}},
  };
}

// The value of a number's flag, if it is within its bounds.
template <typename Number>
Number Within(const char* name, const absl::Flag<Number>& flag, Number least,
              Number most) {
  const Number value = absl::GetFlag(flag);
  if (!(value >= least && value <= most)) {
    ExitWithUsageError(absl::StrCat("--", name, " is ", value, "; valid are ",
                                    least, " to ", most));
  }
  return value;
}

absl::Duration Within(const char* name, const absl::Flag<absl::Duration>& flag,
                      absl::Duration least, absl::Duration most) {
  const absl::Duration value = absl::GetFlag(flag);
  if (value < least || value > most) {
    ExitWithUsageError(absl::StrCat(
        "--", name, " is ", absl::FormatDuration(value), "; valid are ",
        absl::FormatDuration(least), " to ", absl::FormatDuration(most)));
  }
  return value;
}

std::optional<KeyDistribution> Keys() {
  const std::string name = absl::GetFlag(FLAGS_distribution);
  const auto keys = Within<uint64_t>("keys", FLAGS_keys, 0, 1'000'000'000'000);
  const double exponent = absl::GetFlag(FLAGS_zipf_exponent);
  if (!(exponent > 0 && exponent <= 20)) {
    ExitWithUsageError(absl::StrCat("--zipf_exponent is ", exponent,
                                    "; valid are above 0, to 20"));
  }
  if (name != "uniform" && name != "zipf" && name != "one") {
    ExitWithUsageError(absl::StrCat("--distribution is \"", name,
                                    "\"; valid are uniform, zipf and one"));
  }
  if (keys == 0) {
    if (name == "uniform") return std::nullopt;
    ExitWithUsageError(absl::StrCat("--distribution=", name,
                                    " needs keys; say how many by --keys=N"));
  }
  if (name == "zipf") return KeyDistribution::Zipf(keys, exponent);
  if (name == "one") return KeyDistribution::One(keys);
  return KeyDistribution::Uniform(keys);
}

std::string DistributionText() {
  const std::string name = absl::GetFlag(FLAGS_distribution);
  if (name != "zipf") return name;
  return absl::StrCat(name, " ", absl::GetFlag(FLAGS_zipf_exponent));
}

std::string MethodOf(const std::vector<std::string>& words, bool keyed) {
  if (words.size() > 2) {
    ExitWithUsageError("bench takes one method; --help has examples");
  }
  if (words.size() == 2) return words[1];
  return keyed ? kEchoKeyed : kEcho;
}

// The request, with its placeholders.
std::string TemplateOf(const std::string& method) {
  const auto size = static_cast<size_t>(
      Within<int64_t>("payload_size", FLAGS_payload_size, 0, 4'000'000));
  const std::string request = absl::GetFlag(FLAGS_request);
  if (!request.empty()) return request;
  const std::string payload = absl::Base64Escape(std::string(size, 'x'));
  if (method == kEcho) return absl::StrCat("{\"payload\":\"", payload, "\"}");
  if (method == kEchoKeyed) {
    return absl::StrCat("{\"key\":\"{key}\",\"payload\":\"", payload, "\"}");
  }
  ExitWithUsageError(absl::StrCat("what ", method,
                                  " is sent must be said by --request='JSON'"));
}

RequestMaker RequestsOf(JsonCodec& codec, const std::string& method,
                        std::optional<KeyDistribution> keys) {
  auto requests = RequestMaker::Make(
      [&](const std::string& json) { return codec.Encode(method, json); },
      TemplateOf(method), keys);
  if (!requests.ok()) ExitWithUsageError(requests.status().message());
  return *std::move(requests);
}

uint64_t MessagesFlag(const std::string& mode) {
  const auto messages =
      Within<uint64_t>("messages", FLAGS_messages, 0, 1'000'000'000);
  if (messages > 0 && mode != "stream") {
    ExitWithUsageError("--messages is for server-streaming methods alone");
  }
  return messages;
}

// "stream", or what --mode says.
std::string ModeFlag(bool server_streaming) {
  const std::string mode = absl::GetFlag(FLAGS_mode);
  if (mode != "session" && mode != "unary") {
    ExitWithUsageError(
        absl::StrCat("--mode is \"", mode, "\"; valid are session and unary"));
  }
  return server_streaming ? "stream" : mode;
}

ClientOptions ClientOptionsOfFlags(const std::string& mode) {
  ClientOptions options = ConnectionOfFlags();
  options.unary = mode != "session";
  options.sessions = Within<int>("sessions", FLAGS_sessions, 1, 64);
  if (options.unary && options.sessions != 1) {
    ExitWithUsageError(
        mode == "stream"
            ? "--sessions is for unary methods; streams go over one connection"
            : "--sessions is of --mode=session alone");
  }
  // A refusal is to be seen, and not what its repetition brought.
  options.retry.max_attempts = 1;
  return options;
}

}  // namespace

BenchPlan BenchPlanOf(int argc, char** argv) {
  const std::vector<std::string> words =
      ParseCommandLine(argc, argv, kUsage, FlagGroups());
  const std::optional<KeyDistribution> keys = Keys();
  const std::string method = MethodOf(words, keys.has_value());
  ServerServices server(TargetFlag(), ConnectionOfFlags());
  const Methods methods(KnownMethods(), &server);
  JsonCodec codec(methods);
  const std::string mode =
      ModeFlag(FindOrExit(methods, method).server_streaming());
  BenchPlan plan = {.setup = {},
                    .load = {},
                    .client = ClientOptionsOfFlags(mode),
                    .call = CallOptionsOfFlags(),
                    .requests = RequestsOf(codec, method, keys),
                    .json = JsonFlag(),
                    .hdr_file = absl::GetFlag(FLAGS_hdr)};
  // As long as the histogram can tell.
  if (plan.call.timeout <= absl::ZeroDuration() ||
      plan.call.timeout > absl::Hours(1)) {
    ExitWithUsageError(absl::StrCat("--timeout is ",
                                    absl::FormatDuration(plan.call.timeout),
                                    "; valid are above 0, to 1h"));
  }
  LoadOptions& load = plan.load;
  load.rate = Within<double>("rate", FLAGS_rate, 0, 10'000'000);
  load.in_flight =
      InFlightFlag(load.rate > 0 ? kInFlightOfOpenLoop : kInFlight);
  load.warm_up =
      Within("warm_up", FLAGS_warm_up, absl::ZeroDuration(), absl::Hours(1));
  load.duration = Within("duration", FLAGS_duration, absl::Milliseconds(1),
                         absl::Hours(24));
  // A call's own time is over before.
  load.patience = plan.call.timeout + absl::Seconds(1);
  load.seed = absl::GetFlag(FLAGS_seed);
  std::string buffer;
  Random random(load.seed);
  plan.setup = {
      .method = method,
      .target = TargetFlag(),
      .mode = mode,
      .sessions = plan.client.sessions,
      .in_flight = load.in_flight,
      .rate = load.rate,
      .warm_up = load.warm_up,
      .duration = load.duration,
      .request_bytes = plan.requests.Next(random, buffer).size(),
      .keys = keys.has_value() ? keys->keys() : 0,
      .distribution = DistributionText(),
      .seed = load.seed,
      .messages = MessagesFlag(mode),
  };
  return plan;
}

}  // namespace pinion::cli
