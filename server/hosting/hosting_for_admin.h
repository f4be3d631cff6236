// SPDX-License-Identifier: Apache-2.0
//
// HostingForAdmin: what those who answer an operator need of a Hosting; of a
//                  Server, its hosting() has all of it.
//
// Threads: as those of what it gives. Use them after the start; they live as
//          long as the Hosting.
// Example: Listen(HostingForAdmin::Source(server.hosting()));
#ifndef PINION_SERVER_HOSTING_HOSTING_FOR_ADMIN_H_
#define PINION_SERVER_HOSTING_HOSTING_FOR_ADMIN_H_

#include "pinion/server/admin/admin_source.h"
#include "pinion/server/hosting.h"
#include "pinion/server/hosting/admin_view.h"
#include "pinion/server/hosting/live_settings.h"

namespace pinion::internal {

class HostingForAdmin {
 public:
  static AdminSource& Source(Hosting& hosting) { return *hosting.admin_; }
  static LiveSettings& Settings(Hosting& hosting) {
    return hosting.admin_->settings();
  }
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_HOSTING_HOSTING_FOR_ADMIN_H_
