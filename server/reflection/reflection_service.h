// SPDX-License-Identifier: Apache-2.0
//
// ReflectionService: serves grpc.reflection.v1alpha.ServerReflection: tools ask
//                    it which services a server has, and for their .proto
//                    files.
//
// Threads: made before gRPC's server is built. Describe() and AwaitCalls()
//          before the I/O threads start; these answer all calls themselves.
// Life:    it must outlive gRPC's server and the I/O threads.
// Example: ReflectionService service(door, write_timeout, sees);
//          builder.RegisterService(&service.raw_service());
//          ...                    // gRPC has built its server.
//          service.Describe({"shop.v1.CounterService"});
//          for (auto& io : io_threads) service.AwaitCalls(*io);
//
// It has no part of gRPC's own reflection, which answers on threads of gRPC's,
// with no bound on its streams, and remembers each unknown name.
// grpc.reflection.v1 is not served: tools that ask for it first are told
// UNIMPLEMENTED, and ask for v1alpha then.
#ifndef PINION_SERVER_REFLECTION_REFLECTION_SERVICE_H_
#define PINION_SERVER_REFLECTION_REFLECTION_SERVICE_H_

#include <chrono>
#include <string>
#include <vector>

#include "pinion/proto/wire/reflection_message.h"
#include "pinion/server/door/front_door.h"
#include "pinion/server/io/io_thread.h"
#include "pinion/server/io/raw_service.h"
#include "pinion/server/reflection/reflection_call.h"

namespace pinion {

class ReflectionService {
 public:
  static constexpr const char* kName = reflection_protocol::kService;

  ReflectionService(FrontDoor& door, std::chrono::nanoseconds write_timeout);

  // For gRPC's server.
  RawService& raw_service() { return raw_service_; }

  // Says of which services it tells. Call it once.
  void Describe(std::vector<std::string> services);

  // Makes `io` answer calls. Call it once for each I/O thread.
  void AwaitCalls(IoThread& io);

 private:
  RawService raw_service_;
  ReflectionHost host_;
};

}  // namespace pinion

#endif  // PINION_SERVER_REFLECTION_REFLECTION_SERVICE_H_
