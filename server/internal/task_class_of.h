// SPDX-License-Identifier: Apache-2.0
//
// TaskClassOf: the class of the tasks that serve a priority.
//
// Threads: a plain function; any thread.
// Example: method.task_class = TaskClassOf(route.priority());
#ifndef PINION_SERVER_INTERNAL_TASK_CLASS_OF_H_
#define PINION_SERVER_INTERNAL_TASK_CLASS_OF_H_

#include "pinion/core/task.h"
#include "pinion/v1/priority.pb.h"

namespace pinion {

// kNormal for PRIORITY_UNSPECIFIED.
inline TaskClass TaskClassOf(v1::Priority priority) {
  switch (priority) {
    case v1::PRIORITY_URGENT:
      return TaskClass::kUrgent;
    case v1::PRIORITY_BULK:
      return TaskClass::kBulk;
    default:
      return TaskClass::kNormal;
  }
}

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_TASK_CLASS_OF_H_
