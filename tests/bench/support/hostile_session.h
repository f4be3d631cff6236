// SPDX-License-Identifier: Apache-2.0
//
// HostileSession: a session, or another stream of requests and answers, that
//                 says what it likes, as fast as the server reads it, and reads
//                 all of the answers or none.
//
// Threads: the owner's; what is written next is asked for on gRPC's.
// Life:    it breaks the stream when it goes.
// Example: HostileSession flood(address, HostileSession::Reads::kAll,
//                               [] { return message; });
#ifndef PINION_TESTS_BENCH_SUPPORT_HOSTILE_SESSION_H_
#define PINION_TESTS_BENCH_SUPPORT_HOSTILE_SESSION_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/status.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace pinion::bench {

class HostileSession final
    : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // kHello: the first message.
  enum class Reads { kAll, kHello, kNothing };
  // A whole message; none: it says nothing more, and stays.
  using Next = std::function<std::optional<std::string>()>;

  // On a connection of its own.
  HostileSession(const std::string& address, Reads reads, Next next);
  // On one that others may use, too. `method`: whose stream it is.
  HostileSession(const std::shared_ptr<grpc::Channel>& channel, Reads reads,
                 Next next, const char* method = kSession);
  ~HostileSession() override;

  // The code with which the server has ended it, if it has. gRPC does not say
  // so before all that the server sent is read.
  std::optional<grpc::StatusCode> end();

 private:
  static constexpr char kSession[] = "/pinion.v1.SessionService/Open";

  void Write();
  void OnWriteDone(bool ok) override;
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  const Reads reads_;
  const Next next_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer outgoing_;
  grpc::ByteBuffer incoming_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<grpc::StatusCode> end_;  // Guarded by mutex_.
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_HOSTILE_SESSION_H_
