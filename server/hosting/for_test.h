// SPDX-License-Identifier: Apache-2.0
//
// HostingForTest, ServerForTest: how the testing kit steps a Hosting or a
// Server.
//
// Threads: as those of what they give.
// Example: std::unique_ptr<Server> server =
//              ServerForTest::Make({}, options, ManualRun{.clock =
//              time.clock()});
//          ServerForTest::runtime(*server).manual_scheduler().Step(0);
#ifndef PINION_SERVER_HOSTING_FOR_TEST_H_
#define PINION_SERVER_HOSTING_FOR_TEST_H_

#include <memory>

#include "pinion/server/hosting.h"
#include "pinion/server/hosting/runtime.h"
#include "pinion/server/internal/manual_run.h"
#include "pinion/server/options.h"
#include "pinion/server/server.h"

namespace pinion::internal {

class HostingForTest {
 public:
  // A hosting whose workers have no threads, and whose time is the test's.
  static std::unique_ptr<Hosting> Make(HostingOptions options,
                                       ManualRun manual);

  static Runtime& runtime(Hosting& hosting) { return *hosting.runtime_; }
};

class ServerForTest {
 public:
  // A server whose workers have no threads, and whose time is the test's.
  static std::unique_ptr<Server> Make(ListenOptions listen,
                                      HostingOptions options, ManualRun manual);

  static Runtime& runtime(Server& server) {
    return HostingForTest::runtime(server.hosting());
  }
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_HOSTING_FOR_TEST_H_
