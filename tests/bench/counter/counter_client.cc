// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/counter/counter_client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "pinion/client/method.h"
#include "pinion/tests/bench/support/call_loop.h"
#include "pinion/tests/bench/support/queue_loop.h"

namespace pinion::bench {
namespace {

constexpr Method<AddRequest, AddResponse> kAdd(
    "/pinion.bench.CounterService/Add");

class UnaryAdd final : public QueueCall {
 public:
  UnaryAdd(Connections<CounterService>& connections, CounterAsker& asker)
      : connections_(connections), asker_(asker) {}

  void Begin(grpc::CompletionQueue& queue, void* tag) override {
    asked_ = asker_.Ask(request_);
    reader_.reset();
    context_.emplace();
    reader_ = connections_.Next().AsyncAdd(&*context_, request_, &queue);
    reader_->Finish(&response_, &status_, tag);
  }

  void Cancel() override {
    if (context_.has_value()) context_->TryCancel();
  }

  absl::Status Check() override {
    if (status_.ok()) return asker_.Check(asked_, response_);
    return absl::InternalError(absl::StrCat("a call failed with code ",
                                            status_.error_code(), ": ",
                                            status_.error_message()));
  }

 private:
  Connections<CounterService>& connections_;
  CounterAsker& asker_;
  CounterAsker::Asked asked_;
  AddRequest request_;
  AddResponse response_;
  grpc::Status status_;
  std::optional<grpc::ClientContext> context_;
  // Lives in the context's call, so it goes first.
  std::unique_ptr<grpc::ClientAsyncResponseReader<AddResponse>> reader_;
};

class SessionAdd final : public CallWay {
 public:
  SessionAdd(Client& client, CounterAsker& asker, int in_flight)
      : client_(client), asker_(asker), asked_(in_flight) {}

  void Begin(CallSlot& slot) override {
    AddRequest request;
    asked_[slot.index()] = asker_.Ask(request);
    client_.Start(
        kAdd, request, {},
        [this, &slot](const absl::StatusOr<AddResponse>& response) {
          slot.Answered(response.ok()
                            ? asker_.Check(asked_[slot.index()], *response)
                            : response.status());
        });
  }

 private:
  Client& client_;
  CounterAsker& asker_;
  std::vector<CounterAsker::Asked> asked_;  // By the slots' index.
};

}  // namespace

CounterClient::CounterClient(const ChildProcess& server, Way way)
    : server_(server) {
  if (way == Way::kUnary) {
    unary_ = std::make_unique<Connections<CounterService>>(server);
  } else {
    session_ = Client::Connect(server.address());
  }
}

absl::StatusOr<CallFigures> CounterClient::Measure(const CounterLoad& load,
                                                   int in_flight,
                                                   absl::Duration length) {
  asker_->Load(load);
  if (session_ != nullptr) {
    SessionAdd way(*session_, *asker_, in_flight);
    return CallLoop(way, server_, in_flight).Measure(length);
  }
  std::vector<std::unique_ptr<QueueCall>> calls;
  for (int i = 0; i < in_flight; ++i) {
    calls.push_back(std::make_unique<UnaryAdd>(*unary_, *asker_));
  }
  return MeasureQueueLoop(server_, calls, length);
}

}  // namespace pinion::bench
