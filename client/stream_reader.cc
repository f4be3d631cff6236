// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/stream_reader.h"

#include "pinion/client/internal/stream_call.h"
#include "pinion/core/base/mutex.h"

namespace pinion {

namespace client_internal {

void StartNext(StreamCall& call, NextFunction done) {
  call.StartNext(std::move(done));
}

void FailStream(StreamCall& call, absl::Status status) {
  call.Fail(std::move(status));
}

}  // namespace client_internal

RawStreamReader::RawStreamReader(
    std::shared_ptr<client_internal::StreamCall> call)
    : call_(std::move(call)) {}

RawStreamReader::RawStreamReader(RawStreamReader&& other) noexcept = default;

RawStreamReader& RawStreamReader::operator=(RawStreamReader&& other) noexcept {
  if (this != &other) {
    if (call_ != nullptr) call_->Cancel();
    call_ = std::move(other.call_);
  }
  return *this;
}

RawStreamReader::~RawStreamReader() {
  if (call_ != nullptr) call_->Cancel();
}

std::optional<std::string> RawStreamReader::Next() {
  Mutex mutex;
  CondVar changed;
  bool came = false;
  std::optional<std::string> next;
  StartNext([&](std::optional<absl::string_view> message) {
    MutexLock lock(mutex);
    if (message.has_value()) next.emplace(*message);
    came = true;
    changed.NotifyAll();
  });
  MutexLock lock(mutex);
  while (!came) changed.Wait(mutex);
  return next;
}

void RawStreamReader::StartNext(client_internal::NextFunction done) {
  call_->StartNext(std::move(done));
}

void RawStreamReader::Cancel() { call_->Cancel(); }

const absl::Status& RawStreamReader::status() const {
  return call_->end().status;
}

const std::optional<v1::Timing>& RawStreamReader::timing() const {
  return call_->end().timing;
}

const Metadata& RawStreamReader::trailing() const {
  return call_->end().trailing;
}

}  // namespace pinion
