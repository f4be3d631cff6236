// SPDX-License-Identifier: Apache-2.0
//
// HostedMethod: one method that a HostedService serves.
//
// Threads: made before the server starts, fixed from then on; anyone reads it.
#ifndef PINION_SERVER_INTERNAL_HOSTED_METHOD_H_
#define PINION_SERVER_INTERNAL_HOSTED_METHOD_H_

#include <google/protobuf/descriptor.h>

#include <optional>
#include <string>

#include "pinion/core/task.h"
#include "pinion/proto/wire/key_reader.h"
#include "pinion/server/internal/method_handler.h"

namespace pinion {

struct HostedMethod {
  std::string path;  // "/shop.v1.CounterService/Add"
  int index = 0;     // Its position among the methods of its service.
  std::optional<KeyReader> key;               // None: any worker will do.
  TaskClass task_class = TaskClass::kNormal;  // From the route's priority.
  const google::protobuf::Descriptor* request = nullptr;
  MethodHandler handler;
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_HOSTED_METHOD_H_
