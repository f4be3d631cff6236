// SPDX-License-Identifier: Apache-2.0
//
// HealthCheckCall: a call of grpc.health.v1.Health/Check. It is answered at
//                  once, even while the server drains; if it has a new token,
//                  once that was checked.
//
// Threads: its I/O thread only.
// Life:    as for UnaryCall.
#ifndef PINION_SERVER_HEALTH_HEALTH_CHECK_CALL_H_
#define PINION_SERVER_HEALTH_HEALTH_CHECK_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include "pinion/server/call/call_guard.h"
#include "pinion/server/health.h"
#include "pinion/server/io/io_patience.h"
#include "pinion/server/io/io_thread.h"
#include "pinion/server/io/raw_service.h"

namespace pinion {

class HealthCheckCall final : private IoEvent,
                              private OpenCall,
                              private IoPatience::Wait {
 public:
  static constexpr char kPath[] = "/grpc.health.v1.Health/Check";

  // Waits for one call of the `method` of `service`.
  static void Await(const Health& health, RawService& service, int method,
                    const CallGuard& guard, IoThread& io);

 private:
  HealthCheckCall(const Health& health, RawService& service, int method,
                  const CallGuard& guard, IoThread& io);

  void OnEvent(bool ok) override;
  void OnStop() override {}  // It is answered when it arrives.
  void OnOverdue() override { context_.TryCancel(); }
  void Begin();
  void Answer();

  const Health& health_;
  RawService& service_;
  const int method_;
  const CallGuard& guard_;
  IoThread& io_;
  bool arrived_ = false;
  grpc::ServerContext context_;
  grpc::ByteBuffer buffer_;
  RawWriter writer_;
  std::unique_ptr<GuardedCall> guarded_;  // Once it has arrived.
};

}  // namespace pinion

#endif  // PINION_SERVER_HEALTH_HEALTH_CHECK_CALL_H_
