// SPDX-License-Identifier: Apache-2.0
//
// AdminView: what an operator sees of a Hosting, or of the Server around it,
//            and may change.
//
// Threads: as AdminSource says of its functions. The owner calls the rest.
// Waits:   for no worker and no I/O thread: it reads what they write, and stops
//          a worker only for as long as it takes to copy what that one runs.
// Example: AdminView view(runtime);
//          view.Started();
//          const auto state = view.GetState();
#ifndef PINION_SERVER_HOSTING_ADMIN_VIEW_H_
#define PINION_SERVER_HOSTING_ADMIN_VIEW_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/core/base/mutex.h"
#include "pinion/server/admin/admin_source.h"
#include "pinion/server/hosting/live_settings.h"
#include "pinion/server/hosting/runtime.h"
#include "pinion/server/lane/running_calls.h"
#include "pinion/server/snapshot.h"

namespace pinion::internal {

class AdminView final : public AdminSource {
 public:
  // `runtime` must outlive it.
  explicit AdminView(Runtime& runtime);
  AdminView(const AdminView&) = delete;
  AdminView& operator=(const AdminView&) = delete;

  // The hosting serves from now on.
  void Started();
  // It is a Server that listens on `address`; `snapshot` is the Server's, which
  // has its connections, too.
  void Listens(std::string address, std::function<ServerSnapshot()> snapshot);

  LiveSettings& settings() { return settings_; }

  admin::v1::GetInfoResponse GetInfo() override;
  admin::v1::GetStateResponse GetState() override;
  admin::v1::ListSlowCallsResponse ListSlowCalls(
      const admin::v1::ListSlowCallsRequest& request) override;
  admin::v1::ListHotKeysResponse ListHotKeys(
      const admin::v1::ListHotKeysRequest& request) override;
  absl::StatusOr<admin::v1::ExplainKeyResponse> ExplainKey(
      const admin::v1::ExplainKeyRequest& request) override;
  admin::v1::ListStallsResponse ListStalls(
      const admin::v1::ListStallsRequest& request) override;
  admin::v1::ListSessionsResponse ListSessions(
      const admin::v1::ListSessionsRequest& request) override;
  admin::v1::GetSettingsResponse GetSettings() override;
  absl::StatusOr<admin::v1::SetResponse> Set(
      const admin::v1::SetRequest& request, absl::string_view who) override;
  std::string Metrics() override;

 private:
  // The Server's, if it is one. Its workers' busy time has the run that is
  // under way, and never less than was told before.
  ServerSnapshot Snapshot() const;
  void AddRunsUnderWay(std::vector<WorkerStats>& workers) const;
  admin::v1::KeyName NameOf(absl::string_view key) const;
  admin::v1::Running RunningOf(const RunningCalls::Running& running) const;
  // Of the service with that name or, if it is empty, of the only one with
  // keys.
  absl::StatusOr<const Lanes*> LanesFor(const std::string& service) const;

  Runtime& runtime_;
  LiveSettings settings_;

  // Shared.
  mutable Mutex mutex_;
  absl::Time started_ ABSL_GUARDED_BY(mutex_) = absl::UnixEpoch();
  std::string address_ ABSL_GUARDED_BY(mutex_);
  // Empty: it is a Hosting.
  std::function<ServerSnapshot()> snapshot_ ABSL_GUARDED_BY(mutex_);
  // By worker, the most busy time that was told.
  mutable std::vector<uint64_t> busy_told_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_HOSTING_ADMIN_VIEW_H_
