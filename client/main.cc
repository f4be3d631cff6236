// SPDX-License-Identifier: Apache-2.0
//
// pinion: calls a server from the command line; JSON in, JSON out.
//
// Exit codes: 0 the call succeeded, 1 it failed (why is on standard error), 2 a
// mistake in the arguments.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/json_codec.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/kv/v1/kv.pb.h"
#include "tools/command_line.h"

ABSL_FLAG(std::string, target, "127.0.0.1:50051",
          "The server, as gRPC names it: host:port or unix:path.");
ABSL_FLAG(absl::Duration, timeout, absl::Seconds(10),
          "How long to wait for the answer, as in 10s or 500ms.");
ABSL_FLAG(int, worker, -1,
          "The worker to run on, for methods without a key; -1: any.");
ABSL_FLAG(bool, timing, false,
          "Print to standard error which worker ran the call, and how long it "
          "waited and ran.");
ABSL_FLAG(std::string, descriptor_set, "",
          "A file with the descriptors of services beyond kv and echo, as "
          "made by protoc --include_imports --descriptor_set_out=FILE.");

namespace {

using google::protobuf::DescriptorPool;

constexpr int kCallFailed = 1;

constexpr char kUsage[] =
    "usage: pinion call /package.Service/Method 'JSON' [flags]\n\n"
    "Calls one unary method and prints its response as JSON.\n\n"
    "  pinion call /pinion.kv.v1.KvService/Put "
    "'{\"key\":\"a\",\"value\":\"1\"}'\n"
    "  pinion call /pinion.kv.v1.KvService/Get '{\"key\":\"a\"}'\n\n"
    "Exit codes: 0 success, 1 the call failed, 2 a mistake in the arguments.";

// The services that can be called: those linked in, or those of the file.
const DescriptorPool& LoadDescriptors(const std::string& file) {
  // Links the descriptors in.
  pinion::kv::v1::GetRequest::descriptor();
  pinion::echo::v1::EchoRequest::descriptor();
  if (file.empty()) return *DescriptorPool::generated_pool();
  static auto* pool = new DescriptorPool(DescriptorPool::generated_pool());
  std::ifstream stream(file, std::ios::binary);
  google::protobuf::FileDescriptorSet set;
  if (!stream || !set.ParseFromIstream(&stream)) {
    pinion::ExitWithUsageError(absl::StrCat(
        "--descriptor_set=", file, " cannot be read as a descriptor set"));
  }
  for (const auto& proto : set.file()) {
    if (pool->FindFileByName(proto.name()) == nullptr &&
        pool->BuildFile(proto) == nullptr) {
      pinion::ExitWithUsageError(absl::StrCat("--descriptor_set=", file,
                                              " has a ", proto.name(),
                                              " that does not fit the rest"));
    }
  }
  return *pool;
}

std::string Describe(const absl::Status& status) {
  std::string text = absl::StrCat(absl::StatusCodeToString(status.code()), ": ",
                                  status.message());
  const auto failure = pinion::FailureOf(status);
  if (!failure.has_value()) return text;
  absl::string_view reason = pinion::v1::Reason_Name(failure->reason());
  absl::string_view executed = pinion::v1::Executed_Name(failure->executed());
  absl::ConsumePrefix(&reason, "REASON_");
  absl::ConsumePrefix(&executed, "EXECUTED_");
  absl::StrAppend(&text, "\n  reason: ", reason, "\n  executed: ", executed);
  if (failure->has_worker()) {
    absl::StrAppend(&text, "\n  worker: ", failure->worker());
  }
  if (failure->retry_after_us() > 0) {
    absl::StrAppend(
        &text, "\n  retry after: ",
        absl::FormatDuration(absl::Microseconds(failure->retry_after_us())));
  }
  return text;
}

void PrintTiming(const pinion::v1::Timing& timing) {
  std::fprintf(
      stderr, "worker %u, waited %s, ran %s, in a batch of %u\n",
      timing.worker(),
      absl::FormatDuration(absl::Nanoseconds(timing.waited_ns())).c_str(),
      absl::FormatDuration(absl::Nanoseconds(timing.ran_ns())).c_str(),
      timing.batch());
}

int Call(const std::string& method, const std::string& json) {
  pinion::JsonCodec codec(LoadDescriptors(absl::GetFlag(FLAGS_descriptor_set)));
  const absl::StatusOr<std::string> request = codec.Encode(method, json);
  if (!request.ok()) pinion::ExitWithUsageError(request.status().message());
  if (absl::GetFlag(FLAGS_timeout) < absl::ZeroDuration()) {
    pinion::ExitWithUsageError("--timeout is below 0; valid are 0 and up");
  }
  pinion::CallOptions options = {
      .timeout = absl::GetFlag(FLAGS_timeout),
      .want_timing = absl::GetFlag(FLAGS_timing),
  };
  const int worker = absl::GetFlag(FLAGS_worker);
  if (worker < -1) {
    pinion::ExitWithUsageError(
        absl::StrCat("--worker is ", worker, "; valid are -1 and up"));
  }
  if (worker >= 0) options.worker = worker;
  const auto client =
      pinion::Client::Connect(absl::GetFlag(FLAGS_target), {.unary = true});
  const pinion::RawReply reply = client->CallRaw(method, *request, options);
  if (reply.timing.has_value()) PrintTiming(*reply.timing);
  absl::StatusOr<std::string> response = reply.response;
  if (response.ok()) response = codec.Decode(method, *response);
  if (!response.ok()) {
    std::fprintf(stderr, "pinion: %s\n", Describe(response.status()).c_str());
    return kCallFailed;
  }
  if (std::printf("%s\n", response->c_str()) < 0 || std::fflush(stdout) != 0) {
    std::fprintf(stderr, "pinion: the response cannot be written: %s\n",
                 std::strerror(errno));
    return kCallFailed;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words =
      pinion::ParseCommandLine(argc, argv, kUsage);
  // What goes wrong is said once, by us.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  if (words.empty() || words[0] != "call") {
    pinion::ExitWithUsageError(
        "the command is missing; \"pinion call\" is one, and --help tells");
  }
  if (words.size() != 3) {
    pinion::ExitWithUsageError(
        "call takes a method and its request as JSON; --help has examples");
  }
  return Call(words[1], words[2]);
}
