// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/overload_clients.h"

#include <grpcpp/client_context.h>

#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/echo/v1/echo.grpc.pb.h"
#include "pinion/tests/bench/echo/session_echo.h"
#include "pinion/tests/bench/support/call_figures.h"
#include "pinion/tests/bench/support/call_loop.h"

namespace pinion::bench {
namespace {

// Enough that the worker has the next call also when the client or the I/O
// thread had to wait for a CPU.
constexpr int kPeakInFlight = 64;
constexpr absl::Duration kPeakLength = absl::Seconds(2);

constexpr std::chrono::seconds kPatience(30);

}  // namespace

OverloadClients::OverloadClients(const ChildProcess& server, bool unary)
    : server_(server), unary_(server) {
  if (unary) return;
  // The server's word is waited for, so that it is known what it answered in
  // time by its own clock.
  sessions_ = Client::Connect(
      server.address(), {.late_answer_timeout = absl::FromChrono(kPatience),
                         .retry = {.max_attempts = 1}});
}

absl::StatusOr<std::vector<Outcome>> OverloadClients::Run(Load load) {
  load.to = &unary_.connections();
  load.client = sessions_.get();
  auto outcomes = RunOpenLoop({load});
  if (!outcomes.ok()) return outcomes.status();
  return std::move((*outcomes)[0]);
}

absl::StatusOr<double> OverloadClients::PeakRps(const EchoAsk& ask) {
  absl::StatusOr<CallFigures> figures;
  if (sessions_ == nullptr) {
    figures = unary_.Measure(kPeakInFlight, kPeakLength, ask);
  } else {
    SessionEchoWay way(server_.address(), ask);
    figures = CallLoop(way, server_, kPeakInFlight).Measure(kPeakLength);
  }
  if (!figures.ok()) return figures.status();
  return figures->rps;
}

absl::StatusOr<BegunCalls> OverloadClients::AskBegun() {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  echo::v1::EchoKeyedRequest request;
  request.set_key("any");
  echo::v1::EchoKeyedResponse response;
  const grpc::Status status =
      unary_.connections().Next().EchoKeyed(&context, request, &response);
  const auto begun = BegunCalls::FromText(response.payload());
  if (!status.ok() || !begun.has_value()) {
    return absl::InternalError(
        absl::StrCat("the server does not tell which calls it has begun: ",
                     status.error_message()));
  }
  return *begun;
}

}  // namespace pinion::bench
