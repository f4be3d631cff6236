// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/observe/observation.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/proto/wire/key.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/internal/hosted_method.h"
#include "pinion/server/observe/hot_keys.h"
#include "pinion/server/observe/key_name.h"
#include "pinion/server/observe/slow_calls.h"
#include "pinion/server/observe/windows.h"
#include "pinion/server/slot.h"

namespace pinion {
namespace {

size_t LimitOf(uint32_t asked, size_t otherwise, size_t most) {
  return asked == 0 ? otherwise : std::min<size_t>(asked, most);
}

std::vector<std::unique_ptr<WorkerNotes>> NotesOf(int workers) {
  std::vector<std::unique_ptr<WorkerNotes>> notes;
  for (int i = 0; i < workers; ++i) {
    notes.push_back(std::make_unique<WorkerNotes>());
  }
  return notes;
}

double ShareOf(uint64_t part, uint64_t whole) {
  if (whole == 0) return 0;
  return std::min(static_cast<double>(part) / static_cast<double>(whole), 1.0);
}

}  // namespace

Observation::Observation(const ObservationOptions& options)
    : clock_(options.clock),
      wall_clock_(options.wall_clock),
      start_(clock_.Now()),
      workers_(NotesOf(options.workers)),
      show_keys_(options.show_keys),
      shared_{.key_seed = options.key_seed,
              .windows = Windows(start_),
              .sample_of = static_cast<uint64_t>(options.sample_calls),
              .recent = {}} {}

LaneObserver* Observation::AddLane(absl::string_view service, int worker) {
  MutexLock lock(mutex_);
  const uint64_t seed = uint64_t{random_()} << 32 | random_();
  lanes_.push_back(std::make_unique<LaneObserver>(
      shared_, *workers_[worker], std::string(service), worker, seed));
  return lanes_.back().get();
}

admin::v1::ListSlowCallsResponse Observation::ListSlowCalls(
    const admin::v1::ListSlowCallsRequest& request) const {
  const uint64_t window = shared_.windows.At(clock_.Now());
  std::vector<SlowCall> calls;
  for (const auto& worker : workers_) worker->slow.Read(window, calls);
  const bool show = show_keys();
  admin::v1::ListSlowCallsResponse response;
  for (const SlowCall& call :
       SlowestOf(std::move(calls), LimitOf(request.limit(), 20, 128))) {
    admin::v1::CallRecord& record = *response.add_slowest();
    record = RecordOf(call.note);
    if (call.note.is_of_key != 0) *record.mutable_key() = call.key.Name(show);
  }
  response.set_kept_ns(
      static_cast<uint64_t>(std::chrono::nanoseconds(Windows::kKept).count()));
  return response;
}

admin::v1::ListHotKeysResponse Observation::ListHotKeys(
    const admin::v1::ListHotKeysRequest& request) const {
  std::map<std::string, std::vector<const LaneObserver*>> services;
  {
    MutexLock lock(mutex_);
    for (const auto& lane : lanes_) {
      if (request.service().empty() || request.service() == lane->service) {
        services[lane->service].push_back(lane.get());
      }
    }
  }
  admin::v1::ListHotKeysResponse response;
  for (const auto& [name, lanes] : services) {
    admin::v1::HotKeysOfService& service = *response.add_services();
    service =
        HotKeysOf(lanes, LimitOf(request.limit(), 10, HeavyKeys::kCounters));
    service.set_service(name);
  }
  response.set_sampled_of(sample_of());
  return response;
}

admin::v1::HotKeysOfService Observation::HotKeysOf(
    const std::vector<const LaneObserver*>& lanes, size_t limit) const {
  const uint64_t window = shared_.windows.At(clock_.Now());
  HotKeysReading reading;
  for (const LaneObserver* lane : lanes) {
    if (const HotKeys* const hot = lane->hot_keys()) {
      hot->Read(window, lane->worker, reading);
    }
  }
  reading.SortHeaviestFirst();
  admin::v1::HotKeysOfService service;
  service.set_calls(reading.calls);
  service.set_ran_ns(reading.ran_ns);
  // The window before the first one has nothing.
  service.set_since_ms(
      MillisOf(shared_.windows.BeginOf(std::max<uint64_t>(window, 2) - 1)));
  const bool show = show_keys();
  const auto fill = [&](const HotKeysReading::Heavy& heavy, uint64_t whole) {
    admin::v1::HotKey key;
    *key.mutable_key() = heavy.key.Name(show);
    key.set_worker(static_cast<uint32_t>(heavy.worker));
    key.set_error(heavy.error);
    key.set_share(ShareOf(heavy.weight, whole));
    return key;
  };
  for (const HotKeysReading::Heavy& heavy : reading.by_calls) {
    if (service.by_calls_size() == static_cast<int>(limit)) break;
    admin::v1::HotKey& key = *service.add_by_calls();
    key = fill(heavy, reading.calls);
    key.set_calls(heavy.weight);
    key.set_ran_ns(heavy.beside);
  }
  for (const HotKeysReading::Heavy& heavy : reading.by_time) {
    if (service.by_time_size() == static_cast<int>(limit)) break;
    admin::v1::HotKey& key = *service.add_by_time();
    key = fill(heavy, reading.ran_ns);
    key.set_calls(heavy.beside);
    key.set_ran_ns(heavy.weight);
  }
  return service;
}

void Observation::AddRecent(absl::string_view service, absl::string_view key,
                            admin::v1::ExplainKeyResponse& response) const {
  const admin::v1::KeyName name = NameKey(key, shared_.key_seed, show_keys());
  const std::string methods = absl::StrCat("/", service, "/");
  for (const CallNote& note : shared_.recent.Read(SlotOf(name.hash()))) {
    if (note.key_hash != name.hash()) continue;
    if (!absl::StartsWith(note.method->path, methods)) continue;
    admin::v1::CallRecord& record = *response.add_recent();
    record = RecordOf(note);
    *record.mutable_key() = name;
  }
  response.set_sampled_of(sample_of());
}

uint64_t Observation::MillisOf(Moment moment) const {
  const absl::Time then =
      wall_clock_.Now() - absl::FromChrono(clock_.Now() - moment);
  return static_cast<uint64_t>(std::max<int64_t>(absl::ToUnixMillis(then), 0));
}

admin::v1::CallRecord Observation::RecordOf(const CallNote& note) const {
  admin::v1::CallRecord record;
  record.set_ended_ms(MillisOf(Moment(note.ended)));
  record.set_method(note.method->path);
  record.set_principal(OneLine(note.Principal()));
  record.set_worker(static_cast<uint32_t>(note.worker));
  record.set_waited_ns(static_cast<uint64_t>(note.waited_ns));
  record.set_ran_ns(static_cast<uint64_t>(note.ran_ns));
  record.set_batch(note.batch);
  record.set_code(note.code);
  record.set_kept(note.kept != 0);
  return record;
}

}  // namespace pinion
