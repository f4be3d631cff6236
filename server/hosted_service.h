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

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/task.h"
#include "proto/wire/key_reader.h"
#include "server/guarded.h"
#include "server/handler_form.h"
#include "server/method_handler.h"
#include "server/shard_factory.h"

namespace pinion {

// How much one batch has: it ends when either is used up.
struct BatchBudget {
  int64_t calls = 256;  // 1 or more.
  // How long its handlers may have run when another call is added.
  std::chrono::microseconds time{500};
};

// One method that is served.
struct HostedMethod {
  std::string path;                           // "/shop.v1.CounterService/Add"
  int index = 0;                              // Among its service's methods.
  std::optional<KeyReader> key;               // None: the method has no key.
  TaskClass task_class = TaskClass::kNormal;  // By its route's priority.
  const google::protobuf::Descriptor* request = nullptr;
  MethodHandler handler;
};

class HostedService {
 public:
  // Of a shard that wants to hear of the end of each batch; null: it does not.
  using EndBatchFunction = std::function<absl::Status(void* shard)>;

  HostedService(absl::string_view name, ShardFactory shards,
                EndBatchFunction end_batch);
  HostedService(const HostedService&) = delete;
  HostedService& operator=(const HostedService&) = delete;

  const std::string& name() const { return name_; }
  const std::vector<HostedMethod>& methods() const { return methods_; }
  const ShardFactory& shards() const { return shards_; }
  const BatchBudget& batch() const { return batch_; }
  bool ends_batches() const { return end_batch_ != nullptr; }

  // What the shard says at the end of a batch, or throws.
  absl::Status EndBatch(void* shard) const {
    return Guarded("EndBatch()", [&] { return end_batch_(shard); });
  }

  // The first mistake that was made, if any; also if no method is served.
  absl::Status Check() const;

 protected:
  // Serves the method `name`, whose .proto must have these message types.
  void Add(absl::string_view name, const google::protobuf::Descriptor* request,
           const google::protobuf::Descriptor* response, MethodHandler handler);

  // Gives the method that was added last another key.
  void SetKey(absl::string_view path);
  void SetBatch(const BatchBudget& budget);

 private:
  // A method's mistake, which another key may mend.
  struct KeyMistake {
    int method;
    absl::Status status;
  };

  void ReadKey(HostedMethod& method, absl::string_view said_by,
               absl::string_view path);

  const std::string name_;
  const google::protobuf::ServiceDescriptor* const descriptor_;
  const ShardFactory shards_;
  const EndBatchFunction end_batch_;
  BatchBudget batch_;
  std::vector<HostedMethod> methods_;
  std::vector<KeyMistake> key_mistakes_;
  absl::Status mistake_;
};

// A service hosted in shards of the class `Shard`.
//
// If that has a member absl::Status EndBatch(), it is called at the end of each
// batch of calls that its worker has handled in one go, after their handlers,
// whichever methods they are of; and the answers these gave wait for it, and
// leave in their order: so what a batch has done can be written at once. An
// error of its answers all of them in their place. Answers that are given when
// a handler has returned, by a Call, do not wait, nor does who they answer.
template <typename Shard>
class ShardedService : public HostedService {
 public:
  ShardedService(absl::string_view name, ShardFactory shards)
      : HostedService(name, std::move(shards), EndBatchOf()) {}

  // Serves the method `name` by a member function of the shard, which is
  //
  //   absl::Status M(const Request&, Response*)
  //   absl::Status M(const Request&, Response*, CallContext&)
  //     of one call: an error that it returns goes to the client as it is;
  //   void M(Call<Request, Response>)
  //     of one call, which is answered when it is finished: see call.h;
  //   void M(absl::Span<Call<Request, Response>>)
  //     of those that wait one behind the other, up to Batch(): each is
  //     finished, or moved out to be finished later.
  //
  // An exception out of it answers INTERNAL, with its text, what it has not
  // finished, and the lane goes on.
  template <typename Member>
  ShardedService& On(absl::string_view name, Member member) {
    using Form = internal::HandlerForm<internal::SignatureOf<Member>>;
    Add(name, Form::Request::descriptor(), Form::Response::descriptor(),
        Form::template Of<Shard>(member));
    return *this;
  }

  // Routes the calls of the method that was given last by the field `path` of
  // its request, "account.id", in the place of what its .proto says: for one
  // that may not be changed.
  ShardedService& Key(absl::string_view path) {
    SetKey(path);
    return *this;
  }

  // How much a batch has at most, for batch handlers and EndBatch().
  ShardedService& Batch(const BatchBudget& budget) {
    SetBatch(budget);
    return *this;
  }

 private:
  static EndBatchFunction EndBatchOf() {
    if constexpr (requires(Shard & shard) { shard.EndBatch(); }) {
      static_assert(std::is_same_v<decltype(std::declval<Shard&>().EndBatch()),
                                   absl::Status>,
                    "EndBatch() of a shard returns an absl::Status");
      return [](void* shard) { return static_cast<Shard*>(shard)->EndBatch(); };
    } else {
      return nullptr;
    }
  }
};

}  // namespace pinion

#endif  // PINION_SERVER_HOSTED_SERVICE_H_
