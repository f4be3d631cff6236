// SPDX-License-Identifier: Apache-2.0
//
// HostileCall: a plain call or a server stream that reads nothing of what it
//              asked for, or only the first message.
//
// Threads: the owner's.
// Life:    it cancels the call when it goes, and waits for its end.
// Example: HostileCall get(channel, "/pinion.kv.v1.KvService/Get",
//                          request.SerializeAsString(),
//                          HostileCall::Reads::kNothing);
#ifndef PINION_TESTS_BENCH_SUPPORT_HOSTILE_CALL_H_
#define PINION_TESTS_BENCH_SUPPORT_HOSTILE_CALL_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

namespace pinion::bench {

class HostileCall final
    : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  enum class Reads { kFirst, kNothing };

  HostileCall(const std::shared_ptr<grpc::Channel>& channel,
              const std::string& method, const std::string& request,
              Reads reads);
  ~HostileCall() override;
  HostileCall(const HostileCall&) = delete;
  HostileCall& operator=(const HostileCall&) = delete;

  // With Reads::kFirst: waits until the first message has come or the call has
  // ended, but not for longer than some seconds.
  void AwaitFirst();

 private:
  void OnReadDone(bool) override;
  void OnDone(const grpc::Status&) override;

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer outgoing_;
  grpc::ByteBuffer incoming_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool read_ = false;  // Guarded by mutex_, as is the next.
  bool done_ = false;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_HOSTILE_CALL_H_
