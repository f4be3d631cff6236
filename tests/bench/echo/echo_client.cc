// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/echo/echo_client.h"

#include <memory>
#include <vector>

#include "pinion/tests/bench/support/queue_loop.h"

namespace pinion::bench {
namespace {

class EchoCall final : public QueueCall {
 public:
  EchoCall(EchoConnections& connections, const EchoAsk& ask)
      : connections_(connections), ask_(ask) {}

  void Begin(grpc::CompletionQueue& queue, void* tag) override {
    echo_.Begin(ask_, kNoDeadline, connections_.Next(), queue, tag);
  }
  void Cancel() override { echo_.Cancel(); }
  absl::Status Check() override { return echo_.Check(); }

 private:
  EchoConnections& connections_;
  const EchoAsk ask_;
  AsyncEcho echo_;
};

}  // namespace

absl::StatusOr<CallFigures> EchoClient::Measure(int in_flight,
                                                absl::Duration length,
                                                const EchoAsk& ask) {
  std::vector<std::unique_ptr<QueueCall>> calls;
  for (int i = 0; i < in_flight; ++i) {
    calls.push_back(std::make_unique<EchoCall>(connections_, ask));
  }
  return MeasureQueueLoop(connections_.server(), calls, length);
}

}  // namespace pinion::bench
