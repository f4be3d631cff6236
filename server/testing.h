// SPDX-License-Identifier: Apache-2.0
//
// The testing kit: what you need to test hosted services.
//
//   ManualServer     a server whose workers the test steps, under a fake clock
//   InProcessServer  a server with real workers
//   PendingCall      a call that the test has started, and its answer
//   PendingStream    a server stream that the test has opened, and its messages
//   FakeClock        a clock that stands still until the test advances it
//   Gate             holds threads at a known point until the test opens it
//   Seed             a printed number from which a test draws its choices
//
// docs/testing.md shows a test of an order, of a timeout and of a stop.
#ifndef PINION_SERVER_TESTING_H_
#define PINION_SERVER_TESTING_H_

// IWYU pragma: begin_exports
#include "pinion/core/fake_clock.h"
#include "pinion/server/testing/gate.h"
#include "pinion/server/testing/in_process_server.h"
#include "pinion/server/testing/manual_server.h"
#include "pinion/server/testing/pending_call.h"
#include "pinion/server/testing/pending_stream.h"
#include "pinion/server/testing/seed.h"
// IWYU pragma: end_exports

#endif  // PINION_SERVER_TESTING_H_
