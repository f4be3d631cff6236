// SPDX-License-Identifier: Apache-2.0
//
// OrderAsGrpcDoes(): shows ThreadSanitizer an order that it cannot see.
//
// A call's handler runs after the call was begun, and its answer comes after
// the handler's end. gRPC sees to that by locks and atomics that are not built
// for ThreadSanitizer, which so takes what the test and the handler do in turn
// for a race. Who begins a call, handles it or gets its answer passes here.
//
// Threads: anyone.
#ifndef PINION_TESTS_SUPPORT_GRPC_ORDER_H_
#define PINION_TESTS_SUPPORT_GRPC_ORDER_H_

#include <atomic>

namespace pinion::testing {

// Release, with the acquire of all who come later.
inline void OrderAsGrpcDoes() {
  static std::atomic<unsigned> passed{0};
  passed.fetch_add(1, std::memory_order_acq_rel);
}

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_GRPC_ORDER_H_
