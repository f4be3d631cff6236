// SPDX-License-Identifier: Apache-2.0
//
// The testing kit: what a test of hosted services is written with.
//
//   ManualServer     a server whose workers the test steps, under a fake clock
//   InProcessServer  a server with real workers
//   PendingCall      a call that was begun, and its answer
//   FakeClock        a clock that stands until it is told to go on
//   Gate             holds threads at a known point until the test opens it
//   Seed             a number to draw choices from, printed
//
// docs/testing.md shows a test of an order, of a timeout and of a stop.
#ifndef PINION_SERVER_TESTING_H_
#define PINION_SERVER_TESTING_H_

// IWYU pragma: begin_exports
#include "core/fake_clock.h"
#include "server/testing/gate.h"
#include "server/testing/in_process_server.h"
#include "server/testing/manual_server.h"
#include "server/testing/pending_call.h"
#include "server/testing/seed.h"
// IWYU pragma: end_exports

#endif  // PINION_SERVER_TESTING_H_
