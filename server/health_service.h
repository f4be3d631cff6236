// SPDX-License-Identifier: Apache-2.0
//
// HealthService: serves grpc.health.v1.Health out of a Health.
//
// Threads: made, and its calls first awaited, before the I/O threads start,
//          which then answer all calls themselves.
// Life:    outlives the I/O threads. A change of `health` reaches them, so none
//          may be made once they are stopped.
// Example: HealthService service(health, raw_service);
//          ...                    // gRPC has built its server.
//          for (auto& io : io_threads) service.AwaitCalls(*io);
#ifndef PINION_SERVER_HEALTH_SERVICE_H_
#define PINION_SERVER_HEALTH_SERVICE_H_

#include <memory>
#include <vector>

#include "server/health.h"
#include "server/health_watch_call.h"
#include "server/io_thread.h"
#include "server/raw_service.h"

namespace pinion {

class HealthService {
 public:
  static constexpr char kName[] = "grpc.health.v1.Health";

  // Adds the service's methods to `service`.
  HealthService(Health& health, RawService& service);

  // Has `io` answer calls. Once for each I/O thread.
  void AwaitCalls(IoThread& io);

 private:
  Health& health_;
  RawService& service_;
  const int check_method_;
  const int watch_method_;
  std::vector<std::unique_ptr<HealthWatches>> watches_;  // Of each I/O thread.
};

}  // namespace pinion

#endif  // PINION_SERVER_HEALTH_SERVICE_H_
