// SPDX-License-Identifier: Apache-2.0
#include "server/io_thread.h"

#include <grpc/support/time.h>
#include <pthread.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"

namespace pinion {
namespace {

gpr_timespec Now() { return gpr_time_0(GPR_CLOCK_MONOTONIC); }

}  // namespace

void IoThread::Bell::Ring() {
  if (!rung_.exchange(true, std::memory_order_acq_rel)) {
    alarm_.Set(queue_, Now(), static_cast<IoEvent*>(this));
  }
}

void IoThread::Bell::OnEvent(bool) {
  rung_.exchange(false, std::memory_order_acq_rel);
}

void IoThread::StopBell::Ring() {
  alarm_.Set(io_->queue(), Now(), static_cast<IoEvent*>(this));
}

void IoThread::StopBell::OnEvent(bool) { io_->stopping_ = true; }

IoThread::IoThread(int index,
                   std::unique_ptr<grpc::ServerCompletionQueue> queue)
    : index_(index),
      queue_(std::move(queue)),
      bell_(queue_.get()),
      stop_bell_(this) {}

IoThread::~IoThread() {
  PINION_CHECK(!thread_.joinable(), "I/O thread ", index_, " was not stopped");
  if (queue_shut_down_) return;
  // Never started: the queue must be empty and shut down before it goes.
  queue_->Shutdown();
  void* tag;
  bool ok;
  while (queue_->Next(&tag, &ok)) {
  }
}

void IoThread::Start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(),
                       absl::StrCat("pinion-io", index_).c_str());
    Run();
  });
}

void IoThread::Stop() {
  stop_bell_.Ring();
  thread_.join();
}

void IoThread::Run() {
  for (;;) {
    SendAnswers();
    if (stopping_ && open_calls_ == 0 && !queue_shut_down_) {
      queue_shut_down_ = true;
      queue_->Shutdown();
    }
    void* tag;
    bool ok;
    switch (queue_->AsyncNext(&tag, &ok, Now())) {
      case grpc::CompletionQueue::SHUTDOWN:
        return;
      case grpc::CompletionQueue::TIMEOUT:
        // Whoever delivers from now on rings the bell.
        if (!answers_.TrySleep()) continue;
        if (!queue_->Next(&tag, &ok)) return;
        SendAnswers();  // Takes back the announcement of the sleep, too.
        [[fallthrough]];
      case grpc::CompletionQueue::GOT_EVENT:
        static_cast<IoEvent*>(tag)->OnEvent(ok);
    }
  }
}

void IoThread::SendAnswers() {
  WorkChain answers = answers_.TakeAll();
  while (Call* call = answers.Pop<Call>()) call->SendAnswer();
}

}  // namespace pinion
