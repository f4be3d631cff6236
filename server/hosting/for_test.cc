// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/for_test.h"

#include <utility>

namespace pinion::internal {

std::unique_ptr<Hosting> HostingForTest::Make(HostingOptions options,
                                              ManualRun manual) {
  // The constructors are private: std::make_unique() may not call them.
  return std::unique_ptr<Hosting>(
      new Hosting(std::move(options), std::move(manual)));
}

std::unique_ptr<Server> ServerForTest::Make(ListenOptions listen,
                                            HostingOptions options,
                                            ManualRun manual) {
  return std::unique_ptr<Server>(
      new Server(std::move(listen), std::move(options), std::move(manual)));
}

}  // namespace pinion::internal
