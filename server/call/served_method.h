// SPDX-License-Identifier: Apache-2.0
//
// ServedMethod: a method, and the lanes that run its calls.
//
// Threads: made before the server starts, fixed from then on; anyone reads it.
// Use:     Lanes have one for each of their methods; RoutedCall::served points
//          to it.
#ifndef PINION_SERVER_CALL_SERVED_METHOD_H_
#define PINION_SERVER_CALL_SERVED_METHOD_H_

#include <cstddef>

#include "pinion/server/internal/hosted_method.h"

namespace pinion {

class Lanes;

struct ServedMethod {
  const HostedMethod& method;
  Lanes* lanes;
  // Among all hosted methods of the server, from 0.
  size_t number = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_CALL_SERVED_METHOD_H_
