// SPDX-License-Identifier: Apache-2.0
//
// HostedService: a gRPC service whose methods run in shards, one per worker.
//
// Threads: built before the server starts, on the thread that builds it, and
//          fixed from then on; a method's function runs on workers.
// Example: server.Host<Counter>("shop.v1.CounterService")
//              .On("Add", &Counter::Add);
//
// Mistakes (no such service or method, other message types than the .proto
// says, a key that cannot be one) are kept, and stop the server's start.
#ifndef PINION_SERVER_HOSTED_SERVICE_H_
#define PINION_SERVER_HOSTED_SERVICE_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/task.h"
#include "proto/wire/key_reader.h"
#include "server/answer.h"
#include "server/call_context.h"
#include "server/shard_factory.h"

namespace pinion {

// One method that is served.
struct HostedMethod {
  // Parses the request, runs the handler on the shard, serializes the response.
  using Function = std::function<Answer(void* shard, absl::string_view request,
                                        CallContext& context)>;

  std::string path;                           // "/shop.v1.CounterService/Add"
  int index = 0;                              // Among its service's methods.
  std::optional<KeyReader> key;               // None: the method has no key.
  TaskClass task_class = TaskClass::kNormal;  // By its route's priority.
  bool uses_context = false;  // Its handler asks for a CallContext.
  Function run;
};

class HostedService {
 public:
  HostedService(absl::string_view name, ShardFactory shards);
  HostedService(const HostedService&) = delete;
  HostedService& operator=(const HostedService&) = delete;

  const std::string& name() const { return name_; }
  const std::vector<HostedMethod>& methods() const { return methods_; }
  const ShardFactory& shards() const { return shards_; }

  // The first mistake that was made, if any; also if no method is served.
  absl::Status Check() const;

 protected:
  // Serves the method `name`, whose .proto must have these message types.
  void Add(absl::string_view name, const google::protobuf::Descriptor* request,
           const google::protobuf::Descriptor* response, bool uses_context,
           HostedMethod::Function function);

  // Parses `bytes` into `request`, calls `handler`, serializes `response`.
  static Answer Run(absl::string_view bytes, google::protobuf::Message& request,
                    google::protobuf::Message& response,
                    absl::FunctionRef<absl::Status()> handler);

 private:
  const std::string name_;
  const google::protobuf::ServiceDescriptor* const descriptor_;
  const ShardFactory shards_;
  std::vector<HostedMethod> methods_;
  absl::Status mistake_;
};

// A service hosted in shards of the class `Shard`.
template <typename Shard>
class ShardedService : public HostedService {
 public:
  using HostedService::HostedService;

  // Serves the method `name` by `handler`. An error that it returns goes to the
  // client as it is.
  template <typename Request, typename Response>
  ShardedService& On(absl::string_view name,
                     absl::Status (Shard::*handler)(const Request&,
                                                    Response*)) {
    return On<Request, Response>(name, /*uses_context=*/false,
                                 [handler](Shard& shard, const Request& request,
                                           Response* response, CallContext&) {
                                   return (shard.*handler)(request, response);
                                 });
  }

  template <typename Request, typename Response>
  ShardedService& On(absl::string_view name,
                     absl::Status (Shard::*handler)(const Request&, Response*,
                                                    CallContext&)) {
    return On<Request, Response>(
        name, /*uses_context=*/true,
        [handler](Shard& shard, const Request& request, Response* response,
                  CallContext& context) {
          return (shard.*handler)(request, response, context);
        });
  }

 private:
  template <typename Request, typename Response, typename Handler>
  ShardedService& On(absl::string_view name, bool uses_context,
                     Handler handler) {
    Add(name, Request::descriptor(), Response::descriptor(), uses_context,
        [handler](void* shard, absl::string_view bytes, CallContext& context) {
          Request request;
          Response response;
          return Run(bytes, request, response, [&] {
            return handler(*static_cast<Shard*>(shard), request, &response,
                           context);
          });
        });
    return *this;
  }
};

}  // namespace pinion

#endif  // PINION_SERVER_HOSTED_SERVICE_H_
