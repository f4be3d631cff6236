// SPDX-License-Identifier: Apache-2.0
//
// ScriptedSessions: a server of sessions that says what the test says, to see
//                   what a client makes of it. ScriptedStream: one stream.
//
// Threads: anyone.
// Life:    the test's client goes first.
// Example: ScriptedSessions server;
//          auto client = Client::Connect(server.address());
//          client->StartRaw(...);
//          ScriptedStream& stream = server.AwaitStream(0);
//          stream.SendHello();
//          stream.Answer(stream.AwaitCall().id());
#ifndef PINION_TESTS_SUPPORT_SCRIPTED_SESSIONS_H_
#define PINION_TESTS_SUPPORT_SCRIPTED_SESSIONS_H_

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/server_callback.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pinion/v1/session.grpc.pb.h"

namespace pinion::testing {

class ScriptedStream final
    : public grpc::ServerBidiReactor<v1::OpenRequest, v1::OpenResponse> {
 public:
  ScriptedStream(grpc::CallbackServerContext& context, bool reads)
      : peer(context.peer()), context_(context) {
    if (reads) StartRead(&incoming_);
  }

  // Names the connection.
  const std::string peer;

  // The next call that came. Its method has its name, however it was sent.
  v1::SessionCall AwaitCall() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !calls_.empty() || reads_ended_; });
    if (calls_.empty()) return {};
    v1::SessionCall call = std::move(calls_.front());
    calls_.pop_front();
    return call;
  }
  // The id of the next cancel that came.
  uint64_t AwaitCancel() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !cancels_.empty(); });
    const uint64_t id = cancels_.front();
    cancels_.pop_front();
    return id;
  }
  v1::ClientHello AwaitHello() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return hello_come_; });
    return hello_;
  }
  // Waits until the client has said all, or is gone.
  void AwaitEndOfReads() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return reads_ended_; });
  }
  // How many calls came that were not awaited.
  size_t calls_left() {
    std::unique_lock lock(mutex_);
    return calls_.size();
  }

  void Send(v1::OpenResponse response) {
    std::unique_lock lock(mutex_);
    unsent_.push_back(std::move(response));
    WriteNext();
  }
  void SendHello(uint64_t max_calls = 1000,
                 uint64_t max_bytes = uint64_t{1} << 30,
                 uint64_t max_message_bytes = 4 << 20) {
    v1::OpenResponse response;
    *response.mutable_hello() = Hello(max_calls, max_bytes, max_message_bytes);
    Send(response);
  }
  static v1::ServerHello Hello(uint64_t max_calls, uint64_t max_bytes,
                               uint64_t max_message_bytes) {
    v1::ServerHello hello;
    hello.set_revision(1);
    hello.set_max_open_calls(max_calls);
    hello.set_max_open_bytes(max_bytes);
    hello.set_max_message_bytes(max_message_bytes);
    return hello;
  }
  // Answers with the payload.
  void Answer(uint64_t id, const std::string& payload = "") {
    v1::OpenResponse response;
    v1::SessionAnswer* const answer = response.add_answers();
    answer->set_id(id);
    answer->set_payload(payload);
    Send(response);
  }
  // Answers with RESOURCE_EXHAUSTED and this failure.
  void Refuse(uint64_t id, v1::Reason reason, v1::Executed executed,
              uint64_t retry_after_us = 0) {
    v1::OpenResponse response;
    v1::SessionAnswer* const answer = response.add_answers();
    answer->set_id(id);
    answer->set_code(static_cast<int>(grpc::StatusCode::RESOURCE_EXHAUSTED));
    answer->set_message("refused by the script");
    answer->mutable_failure()->set_reason(reason);
    answer->mutable_failure()->set_executed(executed);
    answer->mutable_failure()->set_retry_after_us(retry_after_us);
    Send(response);
  }
  void SendDrain(v1::DrainReason reason) {
    v1::OpenResponse response;
    response.mutable_drain()->set_reason(reason);
    Send(response);
  }

  // Ends the stream, once what was sent has left.
  void End(const grpc::Status& status) {
    std::unique_lock lock(mutex_);
    end_ = std::make_unique<grpc::Status>(status);
    WriteNext();
  }

 private:
  friend class ScriptedSessions;

  void OnReadDone(bool ok) override {
    std::unique_lock lock(mutex_);
    changed_.notify_all();
    if (!ok) {
      reads_ended_ = true;
      if (context_.IsCancelled() && end_ == nullptr) {
        end_ = std::make_unique<grpc::Status>(grpc::Status::CANCELLED);
      }
      WriteNext();
      return;
    }
    Keep();
    incoming_.Clear();
    StartRead(&incoming_);
  }

  void Keep() {
    if (incoming_.has_hello()) {
      hello_come_ = true;
      hello_ = incoming_.hello();
    }
    for (const v1::MethodName& name : incoming_.methods()) {
      names_[name.index()] = name.name();
    }
    for (const uint64_t id : incoming_.cancel()) cancels_.push_back(id);
    for (v1::SessionCall& call : *incoming_.mutable_calls()) {
      if (call.method().empty()) call.set_method(names_[call.method_index()]);
      calls_.push_back(std::move(call));
    }
  }

  void OnWriteDone(bool) override {
    std::unique_lock lock(mutex_);
    writing_ = false;
    unsent_.pop_front();
    WriteNext();
  }

  void WriteNext() {
    if (writing_ || finished_) return;
    if (!unsent_.empty()) {
      writing_ = true;
      StartWrite(&unsent_.front());
    } else if (end_ != nullptr) {
      finished_ = true;
      Finish(*end_);
    }
  }

  void OnDone() override {
    std::unique_lock lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }

  void AwaitDone() {
    std::unique_lock lock(mutex_);
    if (end_ == nullptr) {
      end_ = std::make_unique<grpc::Status>(grpc::Status::OK);
    }
    WriteNext();
    changed_.wait(lock, [&] { return done_; });
  }

  grpc::CallbackServerContext& context_;
  v1::OpenRequest incoming_;

  std::mutex mutex_;  // Guards the rest.
  std::condition_variable changed_;
  std::map<uint32_t, std::string> names_;
  std::deque<v1::SessionCall> calls_;
  std::deque<uint64_t> cancels_;
  v1::ClientHello hello_;
  bool hello_come_ = false;
  bool reads_ended_ = false;
  std::deque<v1::OpenResponse> unsent_;  // The first: under way, if `writing_`.
  bool writing_ = false;
  std::unique_ptr<grpc::Status> end_;
  bool finished_ = false;
  bool done_ = false;
};

class ScriptedSessions final : private v1::SessionService::CallbackService {
 public:
  // On a free port, or on that of one that has stopped. Whether it reads what
  // clients say.
  explicit ScriptedSessions(int port = 0, bool reads = true)
      : port_(port), reads_(reads) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port),
                             grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~ScriptedSessions() {
    for (const auto& stream : streams_) stream->AwaitDone();
    server_->Shutdown();
  }

  int port() const { return port_; }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

  // How many streams were opened.
  size_t streams() {
    std::unique_lock lock(mutex_);
    return streams_.size();
  }

  // The stream that was opened as the n-th, from 0.
  ScriptedStream& AwaitStream(size_t n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return streams_.size() > n; });
    return *streams_[n];
  }

 private:
  grpc::ServerBidiReactor<v1::OpenRequest, v1::OpenResponse>* Open(
      grpc::CallbackServerContext* context) override {
    std::unique_lock lock(mutex_);
    streams_.push_back(std::make_unique<ScriptedStream>(*context, reads_));
    changed_.notify_all();
    return streams_.back().get();
  }

  int port_;
  const bool reads_;
  std::unique_ptr<grpc::Server> server_;

  std::mutex mutex_;  // Guards the rest.
  std::condition_variable changed_;
  std::vector<std::unique_ptr<ScriptedStream>> streams_;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_SCRIPTED_SESSIONS_H_
