// SPDX-License-Identifier: Apache-2.0
//
// FakeSource: an AdminSource without a server. It answers what a test can
// recognise, and keeps what was set.
//
// Threads: any thread.
// Example: FakeSource source;
//          AdminHttp page({.listen = "127.0.0.1:0"}, source);
//          EXPECT_EQ(source.changes(), "lane_calls=9 for the page");
#ifndef PINION_TESTS_SERVER_ADMIN_FAKE_SOURCE_H_
#define PINION_TESTS_SERVER_ADMIN_FAKE_SOURCE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/core/base/mutex.h"
#include "pinion/server/admin/admin_source.h"

namespace pinion::testing {

class FakeSource : public AdminSource {
 public:
  // What a stranger may choose as a key.
  static constexpr char kMarkup[] = "<script>alert('\"&\n')</script>";

  // The states have a program name of this size, so that they are that large.
  void SetPadding(size_t size) {
    MutexLock lock(mutex_);
    padding_ = size;
  }

  // "NAME=VALUE", of each Set() that was right, and who asked for it.
  struct Change {
    std::string text;
    std::string who;
  };
  std::vector<Change> changes() {
    MutexLock lock(mutex_);
    return changes_;
  }
  // How often GetState() was called.
  int states() {
    MutexLock lock(mutex_);
    return states_;
  }

  admin::v1::GetInfoResponse GetInfo() override {
    admin::v1::GetInfoResponse info;
    info.set_program("fake");
    info.set_started_ms(1'700'000'000'000);
    return info;
  }

  // Its time is the number of the call.
  admin::v1::GetStateResponse GetState() override {
    admin::v1::GetStateResponse state;
    MutexLock lock(mutex_);
    state.set_now_ms(static_cast<uint64_t>(++states_));
    admin::v1::Running& running = *state.add_workers()->mutable_running();
    running.set_method("/fake.v1.Service/Method");
    running.mutable_key()->set_key(kMarkup);
    running.set_work(std::string(padding_, '.'));
    return state;
  }

  admin::v1::ListSlowCallsResponse ListSlowCalls(
      const admin::v1::ListSlowCallsRequest& request) override {
    admin::v1::ListSlowCallsResponse calls;
    calls.add_slowest()->set_method(absl::StrCat("slow", request.limit()));
    return calls;
  }

  admin::v1::ListHotKeysResponse ListHotKeys(
      const admin::v1::ListHotKeysRequest& request) override {
    admin::v1::ListHotKeysResponse keys;
    admin::v1::HotKeysOfService& service = *keys.add_services();
    service.set_service(
        absl::StrCat("hot", request.limit(), "of", request.service()));
    service.add_by_calls()->mutable_key()->set_key(kMarkup);
    return keys;
  }

  absl::StatusOr<admin::v1::ExplainKeyResponse> ExplainKey(
      const admin::v1::ExplainKeyRequest& request) override {
    if (request.service() == "unknown") {
      return absl::NotFoundError("no such service");
    }
    admin::v1::ExplainKeyResponse why;
    why.set_service(request.service());
    why.mutable_key()->set_key(request.key());
    return why;
  }

  admin::v1::ListStallsResponse ListStalls(
      const admin::v1::ListStallsRequest& request) override {
    admin::v1::ListStallsResponse stalls;
    stalls.add_stalls()->add_stack(absl::StrCat("stack", request.limit()));
    return stalls;
  }

  admin::v1::ListSessionsResponse ListSessions(
      const admin::v1::ListSessionsRequest& request) override {
    admin::v1::ListSessionsResponse sessions;
    sessions.set_open(request.limit());
    return sessions;
  }

  admin::v1::GetSettingsResponse GetSettings() override {
    admin::v1::GetSettingsResponse all;
    const auto add = [&](const char* name, const char* value,
                         admin::v1::Origin origin, bool can_change) {
      admin::v1::Setting& one = *all.add_settings();
      one.set_name(name);
      one.set_value(value);
      one.set_origin(origin);
      one.set_can_change(can_change);
    };
    add("lane_calls", "16384", admin::v1::ORIGIN_DEFAULT, true);
    add("listen", "a\nb", admin::v1::ORIGIN_FLAG, false);
    add("stall_after", "1s", admin::v1::ORIGIN_FILE, false);
    add("show_keys", "true", admin::v1::ORIGIN_RUN_TIME, true);
    return all;
  }

  absl::StatusOr<admin::v1::SetResponse> Set(
      const admin::v1::SetRequest& request, absl::string_view who) override {
    if (request.name() == "listen") {
      return absl::FailedPreconditionError("listen needs a restart");
    }
    if (request.name() != "lane_calls") {
      return absl::NotFoundError("no such setting; did you mean lane_calls?");
    }
    if (request.value() == "many") {
      return absl::InvalidArgumentError("many is not a number");
    }
    MutexLock lock(mutex_);
    changes_.push_back(
        {absl::StrCat(request.name(), "=", request.value()), std::string(who)});
    admin::v1::SetResponse done;
    done.set_old_value("16384");
    done.set_new_value(request.value());
    return done;
  }

  // Its number is that of the call.
  std::string Metrics() override {
    MutexLock lock(mutex_);
    return absl::StrCat("fake_total ", ++metrics_, "\n");
  }

 private:
  Mutex mutex_;
  size_t padding_ ABSL_GUARDED_BY(mutex_) = 0;
  int states_ ABSL_GUARDED_BY(mutex_) = 0;
  int metrics_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Change> changes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SERVER_ADMIN_FAKE_SOURCE_H_
