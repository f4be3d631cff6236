// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/common_flags.h"

#include <optional>
#include <string>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/client/cli/descriptor_sets.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/tools/command_line.h"

ABSL_FLAG(std::string, target, "127.0.0.1:50051",
          "The server as a gRPC target: host:port or unix:path.");
namespace pinion::cli {

// A time limit, or none, which is the preset of whoever asks: 10s, but for a
// stream.
struct TimeoutFlag {
  std::optional<absl::Duration> given;
};

bool AbslParseFlag(absl::string_view text, TimeoutFlag* flag,
                   std::string* error) {
  return absl::AbslParseFlag(text, &flag->given.emplace(), error);
}

std::string AbslUnparseFlag(const TimeoutFlag& flag) {
  return absl::AbslUnparseFlag(flag.given.value_or(absl::Seconds(10)));
}

}  // namespace pinion::cli

ABSL_FLAG(pinion::cli::TimeoutFlag, timeout, {},
          "How long to wait for the answer to a call, retries included, for "
          "example 10s or 500ms; 0 or more; for bench above 0, at most 1h. For "
          "a stream: until its end; call gives a stream all the time that it "
          "takes, unless this is set.");
ABSL_FLAG(int, worker, -1,
          "The worker to run on, 0 to the server's last, for methods without a "
          "key; -1: any.");
ABSL_FLAG(int, in_flight, 0,
          "The most calls that may be open at once, 1 to 1000000; 0: the "
          "command's default, which its help names.");
ABSL_FLAG(std::string, descriptor_set, "",
          "Descriptor sets of further services, besides kv and echo: files, "
          "with commas between them. bazel build //PACKAGE:NAME, a "
          "proto_library, makes one as "
          "bazel-bin/PACKAGE/NAME-descriptor-set.proto.bin; protoc makes one "
          "by --include_imports --descriptor_set_out=FILE.");

namespace pinion::cli {
namespace {

using google::protobuf::DescriptorPool;

// What is open costs memory here and at the server.
constexpr int kMaxInFlight = 1'000'000;

}  // namespace

std::string TargetFlag() { return absl::GetFlag(FLAGS_target); }

CallOptions CallOptionsOfFlags(absl::Duration timeout) {
  CallOptions options = {
      .timeout = absl::GetFlag(FLAGS_timeout).given.value_or(timeout)};
  if (options.timeout < absl::ZeroDuration()) {
    ExitWithUsageError("--timeout is below 0; valid are 0 and up");
  }
  const int worker = absl::GetFlag(FLAGS_worker);
  if (worker < -1) {
    ExitWithUsageError(
        absl::StrCat("--worker is ", worker, "; valid are -1 and up"));
  }
  if (worker >= 0) options.worker = worker;
  return options;
}

int InFlightFlag(int preset) {
  const int in_flight = absl::GetFlag(FLAGS_in_flight);
  if (in_flight < 0 || in_flight > kMaxInFlight) {
    ExitWithUsageError(absl::StrCat("--in_flight is ", in_flight,
                                    "; valid are 1 to ", kMaxInFlight,
                                    ", and 0 for what suits the command"));
  }
  return in_flight == 0 ? preset : in_flight;
}

const DescriptorPool& KnownMethods() {
  // Links the descriptors in.
  kv::v1::GetRequest::descriptor();
  echo::v1::EchoRequest::descriptor();
  const std::string files = absl::GetFlag(FLAGS_descriptor_set);
  if (files.empty()) return *DescriptorPool::generated_pool();
  static auto* pool = new DescriptorPool(DescriptorPool::generated_pool());
  const absl::Status added = AddDescriptorSets(files, *pool);
  if (!added.ok()) {
    ExitWithUsageError(
        absl::StrCat("--descriptor_set=", files, ": ", added.message()));
  }
  return *pool;
}

}  // namespace pinion::cli
