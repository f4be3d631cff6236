// SPDX-License-Identifier: Apache-2.0
//
// Call: one request, from its arrival to its one answer.
//
// Threads: owned by one side at a time: the I/O thread until it is in a lane's
//          list, then the worker until Deliver(), then the I/O thread again.
// Use:     a transport derives from it; a lane knows only this.
#ifndef PINION_SERVER_CALL_H_
#define PINION_SERVER_CALL_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "core/work_item.h"
#include "server/answer.h"
#include "server/hosted_service.h"

namespace pinion {

class Call : public WorkItem {
 public:
  virtual ~Call() = default;

  // Hands the call, with its `answer`, back to its transport. Called once, on
  // the worker; the worker touches the call no more.
  virtual void Deliver() = 0;

  // Puts the answer on the wire; on the transport's thread.
  virtual void SendAnswer() = 0;

  const Method* method = nullptr;
  absl::string_view request;  // Serialized; lives as long as the call.
  bool inside = false;        // The front door counts it.
  bool wants_timing = false;
  int64_t accepted_ns = 0;  // MonotonicNanos(); set when timing is wanted.
  Answer answer;
};

}  // namespace pinion

#endif  // PINION_SERVER_CALL_H_
