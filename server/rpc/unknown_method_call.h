// SPDX-License-Identifier: Apache-2.0
//
// UnknownMethodCall: a call of a method that is not hosted; answers it with an
//                    error: that of the policy, if the client may not call it.
//
// Threads: its I/O thread only.
// Life:    as for UnaryCall.
#ifndef PINION_SERVER_RPC_UNKNOWN_METHOD_CALL_H_
#define PINION_SERVER_RPC_UNKNOWN_METHOD_CALL_H_

#include <grpcpp/generic/async_generic_service.h>

#include <optional>

#include "pinion/server/door/front_door.h"
#include "pinion/server/door/plain_caller.h"
#include "pinion/server/io/io_patience.h"
#include "pinion/server/io/io_thread.h"

namespace pinion {

class UnknownMethodCall final : private IoEvent,
                                private OpenCall,
                                private IoPatience::Wait {
 public:
  // Waits for one call that no registered method takes.
  static void Await(grpc::AsyncGenericService& service, FrontDoor& door,
                    IoThread& io);

 private:
  UnknownMethodCall(grpc::AsyncGenericService& service, FrontDoor& door,
                    IoThread& io);

  void OnEvent(bool ok) override;
  void OnStop() override {}  // It is answered when it arrives.
  void OnOverdue() override { context_.TryCancel(); }
  void Begin();
  void Answer();

  grpc::AsyncGenericService& service_;
  FrontDoor& door_;
  IoThread& io_;
  bool arrived_ = false;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  std::optional<PlainCaller> caller_;  // Once it has arrived.
};

}  // namespace pinion

#endif  // PINION_SERVER_RPC_UNKNOWN_METHOD_CALL_H_
