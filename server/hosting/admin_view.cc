// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/admin_view.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "pinion/core/base/version.h"
#include "pinion/core/clock.h"
#include "pinion/core/run_record.h"
#include "pinion/core/scheduler.h"
#include "pinion/proto/wire/key.h"
#include "pinion/proto/wire/nearest_first.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/lane/lanes.h"
#include "pinion/server/metrics/metrics.h"
#include "pinion/server/metrics/process_facts.h"
#include "pinion/server/observe/key_name.h"
#include "pinion/server/observe/observation.h"
#include "pinion/server/observe/stalls.h"
#include "pinion/server/session/session_list.h"

namespace pinion::internal {
namespace {

using ::google::protobuf::FieldDescriptor;

constexpr size_t kMostShown = 128;

uint64_t Millis(absl::Time time) {
  return static_cast<uint64_t>(std::max<int64_t>(absl::ToUnixMillis(time), 0));
}

uint64_t Nanos(std::chrono::nanoseconds span) {
  return static_cast<uint64_t>(std::max<int64_t>(span.count(), 0));
}

admin::v1::Counts ToProto(const CallCounts& counts) {
  admin::v1::Counts proto;
  proto.set_accepted(counts.accepted);
  proto.set_ok(counts.ok);
  proto.set_error(counts.error);
  proto.set_expired(counts.expired);
  proto.set_cancelled(counts.cancelled);
  proto.set_stopped(counts.stopped);
  proto.set_waiting(counts.waiting);
  proto.set_running(counts.running);
  proto.set_abandoned(counts.abandoned);
  for (size_t i = 0; i < counts.refused.size(); ++i) {
    if (counts.refused[i] == 0) continue;
    admin::v1::Refusals& refusals = *proto.add_refused();
    refusals.set_reason(static_cast<v1::Reason>(i));
    refusals.set_calls(counts.refused[i]);
  }
  return proto;
}

admin::v1::Latency ToProto(const LatencySummary& latency) {
  admin::v1::Latency proto;
  proto.set_calls(latency.count());
  proto.set_p50_ns(latency.Percentile(0.5));
  proto.set_p90_ns(latency.Percentile(0.9));
  proto.set_p99_ns(latency.Percentile(0.99));
  proto.set_p999_ns(latency.Percentile(0.999));
  proto.set_max_ns(latency.Percentile(1));
  return proto;
}

admin::v1::ServiceInfo InfoOf(const HostedService& service) {
  admin::v1::ServiceInfo info;
  info.set_name(service.name());
  for (const HostedMethod& method : service.methods()) {
    admin::v1::MethodInfo& its = *info.add_methods();
    its.set_path(method.path);
    if (method.key.has_value()) its.set_key(method.key->path());
    its.set_streams(method.handler.streams);
  }
  return info;
}

bool HasKeys(const HostedService& service) {
  return std::any_of(
      service.methods().begin(), service.methods().end(),
      [](const HostedMethod& method) { return method.key.has_value(); });
}

// The field that is the method's key.
const FieldDescriptor& KeyField(const HostedMethod& method) {
  const google::protobuf::Descriptor* type = method.request;
  const FieldDescriptor* field = nullptr;
  for (const absl::string_view name : absl::StrSplit(method.key->path(), '.')) {
    field = type->FindFieldByName(std::string(name));
    type = field->message_type();
  }
  return *field;
}

// Whether all keys of the service are numbers.
bool KeysAreNumbers(const HostedService& service) {
  return std::all_of(service.methods().begin(), service.methods().end(),
                     [](const HostedMethod& method) {
                       return !method.key.has_value() ||
                              KeyField(method).cpp_type() !=
                                  FieldDescriptor::CPPTYPE_STRING;
                     });
}

// The key's text in its one form: a number has no leading zero.
absl::StatusOr<std::string> KeyText(const HostedService& service,
                                    const std::string& given) {
  if (KeysAreNumbers(service)) {
    int64_t number = 0;
    uint64_t large = 0;
    if (absl::SimpleAtoi(given, &number)) return absl::StrCat(number);
    if (absl::SimpleAtoi(given, &large)) return absl::StrCat(large);
    return absl::InvalidArgumentError(
        absl::StrCat("the keys of ", service.name(), " are numbers, and ",
                     Quoted(given, kMostShown), " is none"));
  }
  if (given.empty() || given.size() > kMaxKeyBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a key has 1 to ", kMaxKeyBytes, " bytes, and this has ",
                     given.size()));
  }
  return given;
}

// The smallest request with that key: its field's tag and length before it.
int64_t BytesOfRequest(absl::string_view key) {
  return static_cast<int64_t>(key.size()) + (key.size() < 128 ? 2 : 3);
}

bool IsOf(absl::string_view method, absl::string_view service) {
  return absl::StartsWith(method, absl::StrCat("/", service, "/"));
}

// A worker counts a round when it ends. One that is stuck counts as busy now.
uint64_t BusyNanos(const Scheduler& scheduler, const WorkerStats& stats) {
  const std::optional<RunRecord::Run> run =
      scheduler.running(stats.worker).Look();
  if (!run.has_value()) return stats.busy_ns;
  const Clock& clock = scheduler.clock();
  const uint64_t ticks = clock.Ticks() - run->begun;
  // The counters of two CPUs may differ a little: not by half of their range.
  if (static_cast<int64_t>(ticks) < 0) return stats.busy_ns;
  return stats.busy_ns + static_cast<uint64_t>(clock.TicksToNanos(ticks));
}

}  // namespace

AdminView::AdminView(Runtime& runtime)
    : runtime_(runtime),
      settings_(
          runtime.options(),
          {.change =
               [&runtime](const HostingOptions& options) {
                 runtime.Change(options);
               },
           .log_settings = [&runtime] { return runtime.log().settings(); },
           .log =
               [&runtime](LogRecord record) {
                 runtime.log().WriteEach(std::move(record));
               }}) {}

void AdminView::Started() {
  {
    MutexLock lock(mutex_);
    started_ = runtime_.Now();
  }
  settings_.Begin();
}

void AdminView::Listens(std::string address,
                        std::function<ServerSnapshot()> snapshot) {
  MutexLock lock(mutex_);
  address_ = std::move(address);
  snapshot_ = std::move(snapshot);
}

ServerSnapshot AdminView::Snapshot() const {
  std::function<ServerSnapshot()> snapshot;
  {
    MutexLock lock(mutex_);
    snapshot = snapshot_;
  }
  ServerSnapshot seen = snapshot ? snapshot() : runtime_.Snapshot();
  AddRunsUnderWay(seen.workers);
  return seen;
}

// When a long run has ended and its round has not, that run is in neither; a
// counter that goes back would count as one that began anew.
void AdminView::AddRunsUnderWay(std::vector<WorkerStats>& workers) const {
  MutexLock lock(mutex_);
  busy_told_.resize(std::max(busy_told_.size(), workers.size()));
  for (WorkerStats& stats : workers) {
    uint64_t& told = busy_told_[static_cast<size_t>(stats.worker)];
    told = std::max(told, BusyNanos(runtime_.scheduler(), stats));
    stats.busy_ns = told;
  }
}

admin::v1::KeyName AdminView::NameOf(absl::string_view key) const {
  return NameKey(key, runtime_.options().key_seed, settings_.show_keys());
}

admin::v1::Running AdminView::RunningOf(
    const RunningCalls::Running& running) const {
  admin::v1::Running proto;
  proto.set_method(running.method);
  if (running.key.has_value()) *proto.mutable_key() = NameOf(*running.key);
  proto.set_principal(OneLine(running.caller));
  proto.set_work(OneLine(running.work));
  proto.set_age_ns(Nanos(running.age));
  return proto;
}

admin::v1::GetInfoResponse AdminView::GetInfo() {
  admin::v1::GetInfoResponse info;
  info.set_program(ValidUtf8(program_invocation_short_name));
  info.set_version(std::string(kVersion));
  info.set_process_id(static_cast<uint32_t>(getpid()));
  {
    MutexLock lock(mutex_);
    info.set_address(address_);
    info.set_started_ms(Millis(started_));
  }
  info.set_now_ms(Millis(runtime_.Now()));
  info.set_workers(static_cast<uint32_t>(runtime_.scheduler().worker_count()));
  info.set_io_threads(static_cast<uint32_t>(runtime_.io_threads()));
  for (const auto& lanes : runtime_.lanes()) {
    *info.add_services() = InfoOf(lanes->service());
  }
  info.set_stopping(runtime_.health().stopping());
  return info;
}

admin::v1::GetStateResponse AdminView::GetState() {
  const ServerSnapshot snapshot = Snapshot();
  admin::v1::GetStateResponse state;
  state.set_now_ms(Millis(runtime_.Now()));
  for (const WorkerStats& stats : snapshot.workers) {
    admin::v1::WorkerState& worker = *state.add_workers();
    worker.set_worker(static_cast<uint32_t>(stats.worker));
    worker.set_busy_ns(stats.busy_ns);
    worker.set_idle_ns(stats.idle_ns);
    worker.set_longest_run_ns(stats.longest_run_ns);
    worker.set_stalled(snapshot.stalls[stats.worker].stalled);
    worker.set_sleeps(stats.sleeps);
    worker.set_wakes_sent(stats.wakes_sent);
    const auto running = runtime_.running_calls().WhatRuns(
        stats.worker, runtime_.scheduler().clock());
    if (running.has_value()) *worker.mutable_running() = RunningOf(*running);
  }
  for (const LaneSnapshot& lane : snapshot.lanes) {
    admin::v1::LaneState& its = *state.add_lanes();
    its.set_service(lane.service);
    its.set_worker(static_cast<uint32_t>(lane.worker));
    *its.mutable_counts() = ToProto(lane.counts);
    its.set_held_calls(lane.held_calls);
    its.set_max_calls(lane.max_calls);
    its.set_held_bytes(lane.held_bytes);
    its.set_max_bytes(lane.max_bytes);
    its.set_open_streams(lane.open_streams);
    its.set_time_per_call_ns(Nanos(lane.time_per_call));
    admin::v1::WorkerState& worker = *state.mutable_workers(lane.worker);
    worker.set_waiting(worker.waiting() +
                       static_cast<int64_t>(lane.counts.waiting));
  }
  for (const MethodSnapshot& method : snapshot.methods) {
    admin::v1::MethodState& its = *state.add_methods();
    its.set_method(method.method);
    *its.mutable_counts() = ToProto(method.counts);
    *its.mutable_waited() = ToProto(method.waited);
    *its.mutable_woken_late() = ToProto(method.woken_late);
    *its.mutable_ran() = ToProto(method.ran);
  }
  state.set_held_calls(snapshot.held_calls);
  state.set_max_calls(snapshot.max_calls);
  state.set_held_bytes(snapshot.held_bytes);
  state.set_max_bytes(snapshot.max_bytes);
  state.set_open_connections(snapshot.connections.open);
  state.set_open_sessions(snapshot.sessions.open);
  state.set_stopping(snapshot.stopping);
  state.set_serving(snapshot.serving);
  return state;
}

absl::StatusOr<const Lanes*> AdminView::LanesFor(
    const std::string& service) const {
  const Lanes* found = nullptr;
  std::vector<std::string> names;
  std::vector<std::string> with_keys;
  for (const auto& lanes : runtime_.lanes()) {
    const HostedService& its = lanes->service();
    names.push_back(its.name());
    if (HasKeys(its)) with_keys.push_back(its.name());
    if (service.empty() ? HasKeys(its) : its.name() == service) {
      found = lanes.get();
    }
  }
  if (service.empty() && with_keys.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("several services have keys; name one of ",
                     absl::StrJoin(with_keys, ", ")));
  }
  if (service.empty() && found == nullptr) {
    return absl::NotFoundError("no hosted service has keys");
  }
  if (found == nullptr) {
    return absl::NotFoundError(absl::StrCat(
        "no service ", Quoted(service, kMostShown), " is hosted; there are ",
        absl::StrJoin(NearestFirst(service, names), ", ")));
  }
  if (!HasKeys(found->service())) {
    return absl::InvalidArgumentError(
        absl::StrCat(service, " has no keys: a call of it goes to any worker"));
  }
  return found;
}

absl::StatusOr<admin::v1::ExplainKeyResponse> AdminView::ExplainKey(
    const admin::v1::ExplainKeyRequest& request) {
  const absl::StatusOr<const Lanes*> found = LanesFor(request.service());
  if (!found.ok()) return found.status();
  const Lanes& lanes = **found;
  const std::string& service = lanes.service().name();
  const absl::StatusOr<std::string> key =
      KeyText(lanes.service(), request.key());
  if (!key.ok()) return key.status();
  const int worker = runtime_.slot_owners().OwnerOf(Key::FromBytes(*key));

  admin::v1::ExplainKeyResponse response;
  response.set_service(service);
  *response.mutable_key() = NameOf(*key);
  response.set_worker(static_cast<uint32_t>(worker));
  response.set_stalled(runtime_.health().IsStalled(worker));
  const auto running =
      runtime_.running_calls().WhatRuns(worker, runtime_.scheduler().clock());
  const bool runs_service =
      running.has_value() && IsOf(running->method, service);
  if (running.has_value()) {
    *response.mutable_running() = RunningOf(*running);
    response.set_runs_this_key(runs_service && running->key == *key);
  }
  const Lanes::Ahead ahead = lanes.AheadOf(worker, TaskClass::kNormal);
  // The one that runs does not wait.
  response.set_waiting_before(
      std::max<int64_t>(ahead.calls - (runs_service ? 1 : 0), 0));
  response.set_wait_ns(Nanos(ahead.time));
  const std::optional<Answer> refusal =
      runtime_.door().Foretell(lanes, worker, BytesOfRequest(*key));
  if (refusal.has_value()) {
    response.set_verdict(std::string(refusal->status.message()));
    response.set_reason(refusal->failure()->reason());
  } else {
    response.set_verdict("admitted");
  }
  runtime_.observation().AddRecent(service, *key, response);
  return response;
}

admin::v1::ListSlowCallsResponse AdminView::ListSlowCalls(
    const admin::v1::ListSlowCallsRequest& request) {
  return runtime_.observation().ListSlowCalls(request);
}

admin::v1::ListHotKeysResponse AdminView::ListHotKeys(
    const admin::v1::ListHotKeysRequest& request) {
  return runtime_.observation().ListHotKeys(request);
}

admin::v1::ListStallsResponse AdminView::ListStalls(
    const admin::v1::ListStallsRequest& request) {
  return runtime_.stalls().List(request.limit(), settings_.show_keys());
}

admin::v1::ListSessionsResponse AdminView::ListSessions(
    const admin::v1::ListSessionsRequest& request) {
  const SessionList* const sessions = runtime_.sessions();
  if (sessions == nullptr) return {};
  return sessions->List(request.limit());
}

admin::v1::GetSettingsResponse AdminView::GetSettings() {
  return settings_.Get();
}

absl::StatusOr<admin::v1::SetResponse> AdminView::Set(
    const admin::v1::SetRequest& request, absl::string_view who) {
  return settings_.Set(request.name(), request.value(), who);
}

std::string AdminView::Metrics() {
  const ServerSnapshot snapshot = Snapshot();
  return MetricsText({.snapshot = snapshot,
                      .version = kVersion,
                      .process = ReadProcessFacts(),
                      .worker_times = runtime_.WorkerTimes()});
}

}  // namespace pinion::internal
