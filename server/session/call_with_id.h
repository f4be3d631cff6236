// SPDX-License-Identifier: Apache-2.0
//
// CallWithId: a call that shares its stream with others: its client tells it
//             from them by an id.
//
// Threads: as RoutedCall says. The id is fixed before the call enters.
// Life:    as RoutedCall's.
// Example: class SessionCall final : public CallWithId { ... };
//          call.set_id(7);
#ifndef PINION_SERVER_SESSION_CALL_WITH_ID_H_
#define PINION_SERVER_SESSION_CALL_WITH_ID_H_

#include <cstdint>

#include "pinion/server/call/routed_call.h"
#include "pinion/server/io/io_thread.h"

namespace pinion {

class CallWithId : public RoutedCall, public IoDelivery {
 public:
  // The client's id.
  uint64_t id() const { return room_; }
  void set_id(uint64_t id) { room_ = id; }

 protected:
  ~CallWithId() override = default;
};

}  // namespace pinion

#endif  // PINION_SERVER_SESSION_CALL_WITH_ID_H_
