// SPDX-License-Identifier: Apache-2.0
//
// HealthCheckCall: a call of grpc.health.v1.Health/Check; answered at once, and
//                  also while the server drains.
//
// Threads: its I/O thread's.
// Life:    as UnaryCall's.
#ifndef PINION_SERVER_HEALTH_CHECK_CALL_H_
#define PINION_SERVER_HEALTH_CHECK_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include "server/health.h"
#include "server/io_thread.h"
#include "server/raw_service.h"

namespace pinion {

class HealthCheckCall final : private IoEvent, private OpenCall {
 public:
  // Waits for one call of the `method` of `service`.
  static void Await(const Health& health, RawService& service, int method,
                    IoThread& io);

 private:
  HealthCheckCall(const Health& health, RawService& service, int method,
                  IoThread& io);

  void OnEvent(bool ok) override;
  void OnStop() override {}  // It is answered as soon as it arrives.
  void Answer();

  const Health& health_;
  RawService& service_;
  const int method_;
  IoThread& io_;
  bool arrived_ = false;
  grpc::ServerContext context_;
  grpc::ByteBuffer buffer_;
  RawWriter writer_;
};

}  // namespace pinion

#endif  // PINION_SERVER_HEALTH_CHECK_CALL_H_
