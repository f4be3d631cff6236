// SPDX-License-Identifier: Apache-2.0
//
// LateSource: an AdminSource that is there before the server is.
//
// Threads: any. Set() is called once.
// Example: LateSource source;
//          AdminService service(path, source);   // Answers UNAVAILABLE.
//          source.Set(view);
#ifndef PINION_SERVER_ADMIN_LATE_SOURCE_H_
#define PINION_SERVER_ADMIN_LATE_SOURCE_H_

#include <atomic>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/server/admin/admin_source.h"

namespace pinion {

class LateSource final : public AdminSource {
 public:
  // From now on the answers are those of `source`.
  void Set(AdminSource& source) {
    // Release, with the acquire in Get(): it sees the started server.
    source_.store(&source, std::memory_order_release);
  }

  bool started() override { return Get() != nullptr; }

  // Empty answers before the start, or UNAVAILABLE where there can be an error.

  admin::v1::GetInfoResponse GetInfo() override {
    AdminSource* const source = Get();
    return source == nullptr ? admin::v1::GetInfoResponse() : source->GetInfo();
  }
  admin::v1::GetStateResponse GetState() override {
    AdminSource* const source = Get();
    return source == nullptr ? admin::v1::GetStateResponse()
                             : source->GetState();
  }
  admin::v1::ListSlowCallsResponse ListSlowCalls(
      const admin::v1::ListSlowCallsRequest& request) override {
    AdminSource* const source = Get();
    return source == nullptr ? admin::v1::ListSlowCallsResponse()
                             : source->ListSlowCalls(request);
  }
  admin::v1::ListHotKeysResponse ListHotKeys(
      const admin::v1::ListHotKeysRequest& request) override {
    AdminSource* const source = Get();
    return source == nullptr ? admin::v1::ListHotKeysResponse()
                             : source->ListHotKeys(request);
  }
  absl::StatusOr<admin::v1::ExplainKeyResponse> ExplainKey(
      const admin::v1::ExplainKeyRequest& request) override {
    AdminSource* const source = Get();
    if (source == nullptr) return NotStarted();
    return source->ExplainKey(request);
  }
  admin::v1::ListStallsResponse ListStalls(
      const admin::v1::ListStallsRequest& request) override {
    AdminSource* const source = Get();
    return source == nullptr ? admin::v1::ListStallsResponse()
                             : source->ListStalls(request);
  }
  admin::v1::ListSessionsResponse ListSessions(
      const admin::v1::ListSessionsRequest& request) override {
    AdminSource* const source = Get();
    return source == nullptr ? admin::v1::ListSessionsResponse()
                             : source->ListSessions(request);
  }
  admin::v1::GetSettingsResponse GetSettings() override {
    AdminSource* const source = Get();
    return source == nullptr ? admin::v1::GetSettingsResponse()
                             : source->GetSettings();
  }
  absl::StatusOr<admin::v1::SetResponse> Set(
      const admin::v1::SetRequest& request, absl::string_view who) override {
    AdminSource* const source = Get();
    if (source == nullptr) return NotStarted();
    return source->Set(request, who);
  }
  std::string Metrics() override {
    AdminSource* const source = Get();
    return source == nullptr ? std::string() : source->Metrics();
  }

 private:
  AdminSource* Get() const { return source_.load(std::memory_order_acquire); }

  static absl::Status NotStarted() {
    return absl::UnavailableError("the server has not started yet");
  }

  std::atomic<AdminSource*> source_{nullptr};
};

}  // namespace pinion

#endif  // PINION_SERVER_ADMIN_LATE_SOURCE_H_
