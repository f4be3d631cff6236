// SPDX-License-Identifier: Apache-2.0
//
// TraceCollector: a collector of traces in the test's process, with a real gRPC
//                 server: it keeps what it gets, and answers as the test says.
//
// Threads: the test's thread makes it; any thread may ask. gRPC's threads call
//          it.
// Example: TraceCollector collector;
//          ManualServer test(host, {.hosting = {.workers = 1,
//              .tracing = {.collector = collector.address()}}});
//          ...
//          EXPECT_EQ(collector.spans().size(), 1u);
#ifndef PINION_TESTS_SUPPORT_TRACE_COLLECTOR_H_
#define PINION_TESTS_SUPPORT_TRACE_COLLECTOR_H_

#include <google/protobuf/message_lite.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/method_handler.h>
#include <grpcpp/support/status.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/otlp/v1/trace.pb.h"

namespace pinion::testing {

class TraceCollector : private grpc::Service {
 public:
  using Request = otlp::v1::ExportTraceServiceRequest;
  using Response = otlp::v1::ExportTraceServiceResponse;
  // Answers the `number`th request, from 1. May block.
  using Answer = std::function<grpc::Status(int number, Response& response)>;

  explicit TraceCollector(Answer answer = {},
                          std::shared_ptr<grpc::ServerCredentials> credentials =
                              grpc::InsecureServerCredentials())
      : answer_(std::move(answer)) {
    using Base = google::protobuf::MessageLite;
    AddMethod(new grpc::internal::RpcServiceMethod(
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        grpc::internal::RpcMethod::NORMAL_RPC,
        new grpc::internal::RpcMethodHandler<TraceCollector, Request, Response,
                                             Base, Base>(
            [](TraceCollector* collector, grpc::ServerContext*,
               const Request* request, Response* response) {
              return collector->Export(*request, *response);
            },
            this)));
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", port);
  }
  ~TraceCollector() override { server_->Shutdown(); }

  const std::string& address() const { return address_; }

  // Waits until `count` requests have come, whatever they are answered.
  void AwaitRequests(int count) {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return requests_ >= count; });
  }
  int requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  // All spans of the requests that were answered OK, in their order.
  std::vector<otlp::v1::Span> spans() const {
    const std::lock_guard lock(mutex_);
    return spans_;
  }
  // The attributes of the program that has sent the last request.
  otlp::v1::Resource resource() const {
    const std::lock_guard lock(mutex_);
    return resource_;
  }

 private:
  grpc::Status Export(const Request& request, Response& response) {
    int number = 0;
    {
      const std::lock_guard lock(mutex_);
      number = ++requests_;
      came_.notify_all();
    }
    const grpc::Status status =
        answer_ ? answer_(number, response) : grpc::Status::OK;
    if (!status.ok()) return status;
    const std::lock_guard lock(mutex_);
    for (const auto& program : request.resource_spans()) {
      resource_ = program.resource();
      for (const auto& scope : program.scope_spans()) {
        spans_.insert(spans_.end(), scope.spans().begin(), scope.spans().end());
      }
    }
    return status;
  }

  const Answer answer_;
  std::string address_;

  mutable std::mutex mutex_;
  std::condition_variable came_;
  // With the mutex held.
  int requests_ = 0;
  std::vector<otlp::v1::Span> spans_;
  otlp::v1::Resource resource_;

  std::unique_ptr<grpc::Server> server_;
};

// The text of an attribute, or its number in decimal; "" if there is none.
template <typename Owner>
std::string AttributeOf(const Owner& owner, absl::string_view key) {
  for (const otlp::v1::KeyValue& attribute : owner.attributes()) {
    if (attribute.key() != key) continue;
    const otlp::v1::AnyValue& value = attribute.value();
    return value.has_int_value() ? absl::StrCat(value.int_value())
                                 : value.string_value();
  }
  return "";
}

// When a span's event was, in nanoseconds after the span's start; -1: it has
// no such event.
inline int64_t NanosOfEvent(const otlp::v1::Span& span,
                            absl::string_view name) {
  for (const otlp::v1::Span::Event& event : span.events()) {
    if (event.name() != name) continue;
    return static_cast<int64_t>(event.time_unix_nano() -
                                span.start_time_unix_nano());
  }
  return -1;
}

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_TRACE_COLLECTOR_H_
