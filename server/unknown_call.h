// SPDX-License-Identifier: Apache-2.0
//
// UnknownCall: a call of a method that is not hosted; it is told so in words.
//
// Threads: its I/O thread's.
// Life:    as UnaryCall's.
#ifndef PINION_SERVER_UNKNOWN_CALL_H_
#define PINION_SERVER_UNKNOWN_CALL_H_

#include <grpcpp/generic/async_generic_service.h>

#include "server/io_thread.h"

namespace pinion {

class UnknownCall final : private IoEvent, private OpenCall {
 public:
  // Waits for one call that no registered method is for.
  static void Await(grpc::AsyncGenericService& service, IoThread& io);

 private:
  UnknownCall(grpc::AsyncGenericService& service, IoThread& io);

  void OnEvent(bool ok) override;
  void OnStop() override {}  // It is answered as soon as it arrives.
  void Answer();

  grpc::AsyncGenericService& service_;
  IoThread& io_;
  bool arrived_ = false;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_;
};

}  // namespace pinion

#endif  // PINION_SERVER_UNKNOWN_CALL_H_
