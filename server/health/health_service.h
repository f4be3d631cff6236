// SPDX-License-Identifier: Apache-2.0
//
// HealthService: serves grpc.health.v1.Health from a Health.
//
// Threads: made, and its calls first awaited, before the I/O threads start.
//          They answer all calls themselves.
// Life:    it must outlive the I/O threads. Changes of `health` reach them, so
//          make none after they are stopped.
// Example: HealthService service(health, raw_service, guard);
//          ...                    // gRPC has built its server.
//          for (auto& io : io_threads) service.AwaitCalls(*io);
#ifndef PINION_SERVER_HEALTH_HEALTH_SERVICE_H_
#define PINION_SERVER_HEALTH_HEALTH_SERVICE_H_

#include <memory>
#include <vector>

#include "pinion/server/call/call_guard.h"
#include "pinion/server/health.h"
#include "pinion/server/health/health_watch_call.h"
#include "pinion/server/io/io_thread.h"
#include "pinion/server/io/raw_service.h"

namespace pinion {

class HealthService {
 public:
  static constexpr char kName[] = "grpc.health.v1.Health";

  // Adds its methods to `service`. `guard` says who may call them.
  HealthService(Health& health, RawService& service, CallGuard guard);

  // Makes `io` answer calls. Call it once for each I/O thread.
  void AwaitCalls(IoThread& io);

 private:
  Health& health_;
  RawService& service_;
  const CallGuard guard_;
  const int check_method_;
  const int watch_method_;
  // One for each I/O thread.
  std::vector<std::unique_ptr<HealthWatches>> watches_;
};

}  // namespace pinion

#endif  // PINION_SERVER_HEALTH_HEALTH_SERVICE_H_
