// SPDX-License-Identifier: Apache-2.0
//
// Someone runs a worker's round on another thread.
#include "pinion/core/worker.h"

void RunHere(pinion::Worker& worker) {
  // error: 'Round' is a private member of 'pinion::Worker'
  worker.Round();
}
