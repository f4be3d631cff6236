// SPDX-License-Identifier: Apache-2.0
//
// AdminSource: what the admin page and the admin socket tell of a server, and
//              what they may change.
//
// Threads: any thread may call any function, several at a time. None waits for
//          a worker or for an I/O thread.
// Life:    the server's; whoever answers with it ends first.
// Errors:  as proto/pinion/admin/v1/admin.proto says of each method.
// Example: void Answer(AdminSource& source) { Send(source.GetState()); }
#ifndef PINION_SERVER_ADMIN_ADMIN_SOURCE_H_
#define PINION_SERVER_ADMIN_ADMIN_SOURCE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/admin/v1/admin.pb.h"

namespace pinion {

class AdminSource {
 public:
  virtual ~AdminSource() = default;

  // Whether the server has started. Before that, call nothing else: a caller
  // answers UNAVAILABLE, or 503.
  virtual bool started() { return true; }

  virtual admin::v1::GetInfoResponse GetInfo() = 0;
  virtual admin::v1::GetStateResponse GetState() = 0;
  virtual admin::v1::ListSlowCallsResponse ListSlowCalls(
      const admin::v1::ListSlowCallsRequest& request) = 0;
  virtual admin::v1::ListHotKeysResponse ListHotKeys(
      const admin::v1::ListHotKeysRequest& request) = 0;
  virtual absl::StatusOr<admin::v1::ExplainKeyResponse> ExplainKey(
      const admin::v1::ExplainKeyRequest& request) = 0;
  virtual admin::v1::ListStallsResponse ListStalls(
      const admin::v1::ListStallsRequest& request) = 0;
  virtual admin::v1::ListSessionsResponse ListSessions(
      const admin::v1::ListSessionsRequest& request) = 0;
  virtual admin::v1::GetSettingsResponse GetSettings() = 0;

  // Changes a setting. `who` asks for it, for the log: "uid 1000", "the page".
  virtual absl::StatusOr<admin::v1::SetResponse> Set(
      const admin::v1::SetRequest& request, absl::string_view who) = 0;

  // All metrics in Prometheus' text form (docs/metrics.md).
  virtual std::string Metrics() = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_ADMIN_ADMIN_SOURCE_H_
