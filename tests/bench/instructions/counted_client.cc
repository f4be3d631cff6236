// SPDX-License-Identifier: Apache-2.0
//
// counted_client: calls counted_server in batches, and is what
//                 tools/count-instructions counts at the client.
//
// Unless --at_once is set, the callback of each call starts the next one, as a
// closed loop does. The answers of a batch come in one message; the client
// sends what 64 of them have started in one message, or more if a write is
// under way.
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/client/call_options.h"
#include "pinion/client/client.h"
#include "pinion/client/client_options.h"
#include "pinion/client/echo_methods.h"
#include "pinion/core/base/check.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/tests/bench/instructions/counted_phase.h"
#include "pinion/tests/bench/support/program.h"

ABSL_FLAG(std::string, target, "", "the address that counted_server prints");
ABSL_FLAG(int, payload, 64, "how many bytes a call has; 0 to 4000000");
ABSL_FLAG(bool, typed, false,
          "calls with messages, which the client serializes and parses; "
          "otherwise with bytes");
ABSL_FLAG(bool, unary, false,
          "each call is a unary call of gRPC's; otherwise they go within one "
          "session. Needs --at_once");
ABSL_FLAG(bool, at_once, false,
          "the last answer of a batch starts all calls of the next, so that "
          "they leave in one message; otherwise each answer starts a call");
ABSL_FLAG(absl::Duration, timeout, absl::InfiniteDuration(),
          "each call's time limit; inf: none");

namespace pinion::bench {
namespace {

constexpr absl::string_view kUsage =
    "usage: counted_client --target=ADDRESS [FLAG]...\n\n"
    "Calls Echo of a counted_server that has the same --in_batch, --warm_up "
    "and\n--batches, in batches. tools/count-instructions runs it.";

// On a busy machine, a server under callgrind takes seconds for its first word.
ClientOptions PatientOptions(bool unary) {
  return {.unary = unary,
          .connect_timeout = absl::InfiniteDuration(),
          .keepalive_time = absl::InfiniteDuration()};
}

struct CallKind {
  size_t payload;
  bool typed;
  bool unary;
  bool at_once;
  CallOptions options;
};

CallKind KindOfFlags() {
  return {
      .payload = static_cast<size_t>(CheckedFlag(FLAGS_payload, 0, 4'000'000)),
      .typed = absl::GetFlag(FLAGS_typed),
      .unary = absl::GetFlag(FLAGS_unary),
      .at_once = absl::GetFlag(FLAGS_at_once),
      .options = {.timeout = absl::GetFlag(FLAGS_timeout)}};
}

// Threads: Run() by the owner. The rest runs in callbacks. A session runs one
// of
//          them at a time. Those of unary calls run on several threads, but
//          only the last one of a batch starts calls.
class BatchLoop {
 public:
  BatchLoop(const std::string& target, const BatchPlan& plan, CallKind kind)
      : in_batch_(plan.in_batch),
        // One batch more than count, so that the answers of the last one that
        // counts start calls, too.
        calls_(int64_t{1} * (plan.warm_up + plan.batches + 1) * plan.in_batch),
        kind_(std::move(kind)),
        phase_(plan),
        client_(Client::Connect(target, PatientOptions(kind_.unary))) {
    request_.set_payload(std::string(kind_.payload, 'a'));
    request_bytes_ = request_.SerializeAsString();
    echo::v1::EchoResponse response;
    response.set_payload(request_.payload());
    due_ = kind_.typed ? kind_.payload : response.ByteSizeLong();
  }

  // Calls until the last answer.
  absl::Status Run() {
    // Opens the session, or the connection. Its callback starts the first
    // batch, because what is started outside of callbacks leaves at once.
    client_->StartRaw(echo::kEcho.name(), request_bytes_, {},
                      [this](const Reply& reply) {
                        if (!reply.status.ok()) return End(reply.status);
                        StartBatch();
                      });
    return end_.get_future().get();
  }

 private:
  void StartBatch() {
    started_ += in_batch_;
    for (int i = 0; i < in_batch_; ++i) Start();
  }

  void Start() {
    if (kind_.typed) {
      client_->Start(echo::kEcho, request_, kind_.options,
                     [this](const absl::StatusOr<echo::v1::EchoResponse>& got) {
                       if (!got.ok()) return End(got.status());
                       Answered(got->payload().size());
                     });
    } else {
      client_->StartRaw(echo::kEcho.name(), request_bytes_, kind_.options,
                        [this](const Reply& reply) {
                          if (!reply.status.ok()) return End(reply.status);
                          Answered(reply.response.size());
                        });
    }
  }

  // Looks at the response's size alone: what is done here counts. That it is
  // the right one, tests show.
  void Answered(size_t size) {
    if (size != due_) {
      return End(absl::InternalError(
          absl::StrCat("a response of ", size, " bytes came, not of ", due_)));
    }
    if (NextIsDue()) StartBatch();
    if (kind_.at_once || started_ == calls_) return;
    ++started_;
    Start();
  }

  // Counts an answer. Returns whether it was the last one of a batch after
  // which a whole batch starts.
  bool NextIsDue() {
    std::unique_lock<std::mutex> lock(mutex_, std::defer_lock);
    if (kind_.unary) lock.lock();
    if (++answered_ % in_batch_ == 0) phase_.EndBatch();
    if (answered_ == calls_) End(absl::OkStatus());
    return kind_.at_once && answered_ == started_ && started_ < calls_;
  }

  void End(const absl::Status& status) {
    if (!std::exchange(ended_, true)) end_.set_value(status);
  }

  // Fixed at construction.
  const int in_batch_;
  const int64_t calls_;
  const CallKind kind_;
  echo::v1::EchoRequest request_;
  std::string request_bytes_;
  size_t due_;  // The size of a response, or of its payload.

  std::mutex mutex_;  // Taken for unary calls only.
  CountedPhase phase_;
  int64_t started_ = 0;
  int64_t answered_ = 0;
  bool ended_ = false;
  std::promise<absl::Status> end_;

  const std::unique_ptr<Client> client_;  // Last: its callbacks use the others.
};

int Main(int argc, char** argv) {
  ParseFlags(argc, argv, kUsage);
  const CallKind kind = KindOfFlags();
  PINION_CHECK(!kind.unary || kind.at_once, "--unary needs --at_once");
  BatchLoop loop(absl::GetFlag(FLAGS_target), PlanOfFlags(), kind);
  return ExitCode(loop.Run());
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
