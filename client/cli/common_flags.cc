// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/common_flags.h"

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/client/cli/descriptor_sets.h"
#include "pinion/client/cli/failure_text.h"
#include "pinion/client/token_file.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/tools/command_line.h"

ABSL_FLAG(std::string, target, "127.0.0.1:50051",
          "The server as a gRPC target: host:port or unix:path.");
ABSL_FLAG(
    bool, tls, false,
    "Encrypt, and check the server's certificate. Set it when the server, "
    "or a proxy in front of it, encrypts.");
ABSL_FLAG(std::string, ca, "",
          "The file with the authorities, in PEM form, that have issued the "
          "server's certificate; empty: those that this machine trusts. Needs "
          "--tls.");
ABSL_FLAG(std::string, cert, "",
          "The file with the certificate of this client, in PEM form. Set it, "
          "and --key, when the server asks for one. Needs --tls.");
ABSL_FLAG(std::string, key, "",
          "The file with the private key of --cert, in PEM form, without a "
          "password. Needs --tls.");
ABSL_FLAG(std::string, server_name, "",
          "The name that the server's certificate must have; empty: the host "
          "of --target. Needs --tls.");

ABSL_FLAG(std::string, token_file, "",
          "A file with a token, a JWT, that proves who calls; empty: none. It "
          "is read again each minute, and sent over TLS, or to this machine, "
          "only. Set it when the server judges tokens.");

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
          "Descriptor sets of services that the server does not tell of by "
          "gRPC's reflection: files, "
          "with commas between them. bazel build //PACKAGE:NAME, a "
          "proto_library, makes one as "
          "bazel-bin/PACKAGE/NAME-descriptor-set.proto.bin; protoc makes one "
          "by --include_imports --descriptor_set_out=FILE.");

ABSL_FLAG(bool, json, false,
          "Print JSON, for scripts: bench prints an object per line, for each "
          "second, each kind of error, and the result; the others print one "
          "object.");

namespace pinion::cli {
namespace {

using google::protobuf::DescriptorPool;

// What is open costs memory here and at the server.
constexpr int kMaxInFlight = 1'000'000;

// The exit code if a server could not be asked.
constexpr int kNotAsked = 1;

}  // namespace

std::string TargetFlag() { return absl::GetFlag(FLAGS_target); }

ClientOptions ConnectionOfFlags() {
  const ClientTls tls = {.ca = absl::GetFlag(FLAGS_ca),
                         .cert = absl::GetFlag(FLAGS_cert),
                         .key = absl::GetFlag(FLAGS_key),
                         .server_name = absl::GetFlag(FLAGS_server_name)};
  ClientOptions options;
  const std::string token_file = absl::GetFlag(FLAGS_token_file);
  if (!token_file.empty()) options.token_source = TokenFile(token_file);
  if (absl::GetFlag(FLAGS_tls)) {
    if (tls.cert.empty() != tls.key.empty()) {
      ExitWithUsageError(tls.key.empty() ? "--cert needs --key"
                                         : "--key needs --cert");
    }
    options.tls = tls;
    return options;
  }
  for (const auto& [flag, value] :
       {std::pair("ca", tls.ca), std::pair("cert", tls.cert),
        std::pair("key", tls.key), std::pair("server_name", tls.server_name)}) {
    if (value.empty()) continue;
    ExitWithUsageError(absl::StrCat("--", flag,
                                    " is for connections with --tls, and "
                                    "this one would not be encrypted"));
  }
  return options;
}

FlagGroup ClientFlags(std::vector<absl::string_view> of_command) {
  of_command.insert(of_command.begin(), "target");
  for (const char* flag :
       {"tls", "ca", "cert", "key", "server_name", "token_file"}) {
    of_command.emplace_back(flag);
  }
  return {"Client", std::move(of_command)};
}

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

bool JsonFlag() { return absl::GetFlag(FLAGS_json); }

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

const google::protobuf::MethodDescriptor& FindOrExit(const Methods& methods,
                                                     absl::string_view method) {
  const auto found = methods.Find(method);
  methods.Disconnect();
  if (!found.ok()) ExitWith(found.status());
  return **found;
}

void ExitWith(const absl::Status& status) {
  if (absl::IsInvalidArgument(status)) ExitWithUsageError(status.message());
  std::fprintf(stderr, "pinion: %s\n", DescribeError(status).c_str());
  std::exit(kNotAsked);
}

}  // namespace pinion::cli
