// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/echo/batched_echo.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/channel_arguments.h>

#include <limits>
#include <utility>

#include "pinion/tests/bench/support/serve_on_loopback.h"

namespace pinion::bench {
namespace {

class EchoReactor final : public grpc::ServerBidiReactor<EchoBatch, EchoBatch> {
 public:
  EchoReactor() { StartRead(&incoming_); }

 private:
  void OnReadDone(bool ok) override {
    std::unique_lock lock(mutex_);
    if (!ok) {
      reads_ended_ = true;
      FinishWhenDone();
      return;
    }
    for (EchoItem& item : *incoming_.mutable_items()) {
      next_.mutable_items()->Add(std::move(item));
    }
    incoming_.Clear();
    WriteNext();
    StartRead(&incoming_);
  }

  void OnWriteDone(bool) override {
    std::unique_lock lock(mutex_);
    writing_ = false;
    outgoing_.Clear();
    WriteNext();
    FinishWhenDone();
  }

  void OnDone() override { delete this; }

  void WriteNext() {
    if (writing_ || next_.items().empty()) return;
    outgoing_.Swap(&next_);
    writing_ = true;
    StartWrite(&outgoing_);
  }

  void FinishWhenDone() {
    if (reads_ended_ && !writing_) Finish(grpc::Status::OK);
  }

  EchoBatch incoming_;
  EchoBatch outgoing_;
  std::mutex mutex_;  // Guards the rest.
  EchoBatch next_;
  bool writing_ = false;
  bool reads_ended_ = false;
};

class BatchedEcho final : public BatchedEchoService::CallbackService {
  grpc::ServerBidiReactor<EchoBatch, EchoBatch>* Echo(
      grpc::CallbackServerContext*) override {
    return new EchoReactor;
  }
};

// A batch has all that is ready, of any size.
constexpr int kAnySize = std::numeric_limits<int>::max();

// The way whose answers this thread tells.
thread_local const BatchedEchoWay* telling = nullptr;

grpc::ChannelArguments AnySize() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kAnySize);
  return arguments;
}

}  // namespace

std::string StartBatchedEcho() {
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kAnySize);
  builder.RegisterService(new BatchedEcho);
  return ServeOnLoopback(builder);
}

BatchedEchoWay::BatchedEchoWay(const std::string& address, size_t payload_bytes)
    : payloads_(payload_bytes),
      stub_(BatchedEchoService::NewStub(grpc::CreateCustomChannel(
          address, grpc::InsecureChannelCredentials(), AnySize()))) {
  stub_->async()->Echo(&context_, this);
  AddHold();  // For writes that are begun elsewhere, until the reads end.
  StartRead(&incoming_);
  StartCall();
}

BatchedEchoWay::~BatchedEchoWay() {
  context_.TryCancel();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done_; });
}

void BatchedEchoWay::Begin(CallSlot& slot) {
  std::unique_lock lock(mutex_);
  if (slots_.size() <= slot.index()) slots_.resize(slot.index() + 1);
  slots_[slot.index()] = &slot;
  EchoItem* const item = next_.add_items();
  item->set_id(slot.index());
  item->set_payload(payloads_.Of(slot));
  // What the answers of a message start makes one message.
  if (telling != this) WriteNext();
}

void BatchedEchoWay::WriteNext() {
  if (writing_ || over_ || next_.items().empty()) return;
  outgoing_.Swap(&next_);
  writing_ = true;
  StartWrite(&outgoing_);
}

void BatchedEchoWay::OnReadDone(bool ok) {
  if (!ok) {
    std::unique_lock lock(mutex_);
    over_ = true;
    RemoveHold();
    return;
  }
  telling = this;
  for (const EchoItem& item : incoming_.items()) {
    CallSlot& slot = *SlotOf(item.id());
    slot.Answered(payloads_.Check(slot, item.payload()));
  }
  telling = nullptr;
  incoming_.Clear();
  {
    std::unique_lock lock(mutex_);
    WriteNext();
  }
  StartRead(&incoming_);
}

CallSlot* BatchedEchoWay::SlotOf(uint64_t id) {
  std::unique_lock lock(mutex_);
  return slots_.at(id);
}

void BatchedEchoWay::OnWriteDone(bool) {
  std::unique_lock lock(mutex_);
  writing_ = false;
  outgoing_.Clear();
  WriteNext();
}

void BatchedEchoWay::OnDone(const grpc::Status&) {
  std::unique_lock lock(mutex_);
  done_ = true;
  changed_.notify_all();
}

}  // namespace pinion::bench
