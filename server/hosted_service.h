// SPDX-License-Identifier: Apache-2.0
//
// HostedService: a gRPC service whose methods run in shards, one per worker.
//
// Threads: one thread builds it before the server starts; it is fixed after
//          that. Workers run its methods.
// Example: server.Host<Counter>("shop.v1.CounterService")
//              .On("Add", &Counter::Add);
//
// Mistakes are kept, and the server's start reports the first: no such service
// or method, message types that differ from the .proto's, a field that cannot
// be a key, a method that does not say where its calls run.
#ifndef PINION_SERVER_HOSTED_SERVICE_H_
#define PINION_SERVER_HOSTED_SERVICE_H_

#include <google/protobuf/descriptor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/server/internal/end_batch_of.h"
#include "pinion/server/internal/guarded.h"
#include "pinion/server/internal/handler_form.h"
#include "pinion/server/internal/handler_signature.h"
#include "pinion/server/internal/hosted_method.h"
#include "pinion/server/internal/method_handler.h"
#include "pinion/server/internal/shard_factory.h"

namespace pinion {

// The budget of one batch. A batch ends when either part is used up.
struct BatchBudget {
  int64_t calls = 256;  // At least 1. Raise it when EndBatch() is expensive.
  // No call is added to the batch once its handlers have run this long.
  std::chrono::microseconds time{500};
};

class HostedService {
 public:
  // Called at the end of each batch; null if the shard has no EndBatch().
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

  // Calls the shard's EndBatch(); an exception becomes an error, and sets
  // `threw`.
  absl::Status EndBatch(void* shard, bool& threw) const {
    return Guarded(
        "EndBatch()", [&] { return end_batch_(shard); }, &threw);
  }

  // The first mistake, if any. A service without methods is a mistake.
  absl::Status Check() const;

 protected:
  // Serves the method `name`. Its .proto must have these message types.
  void Add(absl::string_view name, const google::protobuf::Descriptor* request,
           const google::protobuf::Descriptor* response, MethodHandler handler);

  // Change where the calls of the method that was added last run.
  void SetKey(absl::string_view path);
  void SetAnyWorker();
  void SetBatch(const BatchBudget& budget);

 private:
  // What says where a method's calls run, in the words of an error; empty if
  // nothing does.
  struct Where {
    std::string key;
    std::string any_worker;
    absl::Status key_mistake;  // Of the last key; another can correct it.
  };

  // Whether there is a method; otherwise `call` is a mistake.
  bool ComesAfterOn(absl::string_view call);
  void ReadKey(absl::string_view said_by, absl::string_view path);
  absl::Status CheckWhere(const HostedMethod& method) const;
  // "shop.v1.CounterService.Add"
  std::string FullName(const HostedMethod& method) const;

  const std::string name_;
  const google::protobuf::ServiceDescriptor* const descriptor_;
  const ShardFactory shards_;
  const EndBatchFunction end_batch_;
  BatchBudget batch_;
  std::vector<HostedMethod> methods_;
  std::vector<Where> where_;  // By method.
  absl::Status mistake_;
};

// Whether a worker calls EndBatch() of a shard of that class; see below.
template <typename Shard>
concept EndsBatches = internal::HasEndBatch<Shard>;

// A service hosted in shards of class `Shard`.
//
// If `Shard` has a member `absl::Status EndBatch()`, the worker calls it after
// each batch: after the handlers of all calls, of any method, that it ran in
// one go. The handlers' answers wait for EndBatch() and then leave in order, so
// the shard can write the work of the whole batch at once. If EndBatch()
// returns an error, that error replaces all of these answers. Answers given
// later through a Call do not wait for EndBatch().
//
// An EndBatch() that is private or has another signature does not compile, nor
// do some misspellings of its name. The compiler cannot see all of them, nor
// what is private in a `final` class; so a shard that must not answer before
// its EndBatch() says: static_assert(pinion::EndsBatches<Ledger>);
template <typename Shard>
class ShardedService : public HostedService {
 public:
  ShardedService(absl::string_view name, ShardFactory shards)
      : HostedService(name, std::move(shards), EndBatchOf()) {}

  // Serves the method `name` with a member function of the shard, or with a
  // function or a lambda, in one of these forms:
  //
  //   absl::Status M(const Request&, Response*)
  //   absl::Status M(const Request&, Response*, CallContext&)
  //     One call. An error goes to the client unchanged.
  //   void M(Call<Request, Response>)
  //     One call, answered by its Finish(), at once or later: see call.h.
  //   void M(absl::Span<Call<Request, Response>>)
  //     The calls that wait in a row, up to Batch(). Finish() each of them, or
  //     move it out and finish it later.
  //   void M(const Request&, Stream<Response>)
  //     One server-streaming call: see stream.h.
  //
  // A function or a lambda may take the shard before these parameters:
  // absl::Status F(Shard&, const Request&, Response*). All workers call it, at
  // once, so a lambda is not mutable; keep what changes in the shard.
  //
  // If the function throws, the calls that it has not finished are answered
  // INTERNAL with the exception's text, and the lane goes on.
  template <typename Handler>
  ShardedService& On(absl::string_view name, Handler handler) {
    if constexpr (internal::kIsHandler<Shard, Handler>) {
      using Form =
          internal::HandlerForm<internal::HandlerSignature<Shard, Handler>>;
      Add(name, Form::Request::descriptor(), Form::Response::descriptor(),
          Form::template Of<Shard>(std::move(handler)));
    } else {
      internal::RefuseHandler<Shard, Handler>();
    }
    return *this;
  }

  // Each method has a key or says that any worker will do, in its .proto
  // (route.proto) or by one of the two below; with neither, or with both, the
  // server does not start. Use them for a .proto that you cannot change.

  // Routes the calls of the method given last by the field `path` of its
  // request, for example "account.id", instead of the key in its .proto.
  ShardedService& Key(absl::string_view path) {
    SetKey(path);
    return *this;
  }

  // Says that any worker may run the calls of the method given last: the one
  // that the metadata `pinion-worker` names, or else one that the server
  // chooses. For a method that uses no state of its shard.
  ShardedService& AnyWorker() {
    SetAnyWorker();
    return *this;
  }

  // Sets the budget of a batch, for batch handlers and EndBatch().
  ShardedService& Batch(const BatchBudget& budget) {
    SetBatch(budget);
    return *this;
  }

 private:
  static EndBatchFunction EndBatchOf() {
    internal::CheckEndBatch<Shard>();
    if constexpr (EndsBatches<Shard>) {
      return [](void* shard) { return static_cast<Shard*>(shard)->EndBatch(); };
    } else {
      return nullptr;
    }
  }
};

}  // namespace pinion

#endif  // PINION_SERVER_HOSTED_SERVICE_H_
