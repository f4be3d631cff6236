// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/metrics/call_metrics.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "pinion/core/base/check.h"
#include "pinion/server/call_counts.h"
#include "pinion/v1/failure.pb.h"

namespace pinion {
namespace {

using prometheus::MetricType;
using Labels = MetricFamilies::Labels;
using Family = MetricFamilies::Family;

// By the number of the code.
constexpr std::array<const char*, CallCounts::kCodes> kCodeNames = {
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated"};

// The code with which a call is refused for that reason. (A request that is too
// large for a server attached to yours is refused with RESOURCE_EXHAUSTED, for
// BAD_REQUEST like others; gRPC refuses it before, in a server of its own.)
absl::StatusCode CodeOf(v1::Reason reason) {
  switch (reason) {
    case v1::REASON_LANE_FULL:
    case v1::REASON_WAIT_TOO_LONG:
    case v1::REASON_LANE_STALLED:
    case v1::REASON_TOO_MANY_CALLS:
    case v1::REASON_RESPONSE_TOO_LARGE:
    case v1::REASON_SERVER_FULL:
    case v1::REASON_SHARE_FULL:
    case v1::REASON_RATE_LIMITED:
      return absl::StatusCode::kResourceExhausted;
    case v1::REASON_EXPIRED:
      return absl::StatusCode::kDeadlineExceeded;
    case v1::REASON_CANCELLED:
      return absl::StatusCode::kCancelled;
    case v1::REASON_STOPPING:
      return absl::StatusCode::kUnavailable;
    case v1::REASON_NO_SUCH_METHOD:
      return absl::StatusCode::kUnimplemented;
    case v1::REASON_BAD_REQUEST:
      return absl::StatusCode::kInvalidArgument;
    case v1::REASON_UNAUTHENTICATED:
      return absl::StatusCode::kUnauthenticated;
    case v1::REASON_NOT_ALLOWED:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kUnknown;
  }
}

// Answers by code, those of refused calls included.
std::array<uint64_t, CallCounts::kCodes> ByCode(const CallCounts& counts) {
  std::array<uint64_t, CallCounts::kCodes> codes = counts.error_codes;
  const auto add = [&](absl::StatusCode code, uint64_t calls) {
    codes[static_cast<size_t>(code)] += calls;
  };
  add(absl::StatusCode::kOk, counts.ok);
  add(absl::StatusCode::kDeadlineExceeded,
      counts.expired - counts.expired_tokens);
  add(absl::StatusCode::kUnauthenticated, counts.expired_tokens);
  add(absl::StatusCode::kCancelled, counts.cancelled);
  add(absl::StatusCode::kUnavailable,
      counts.stopped - counts.stopped_by_policy);
  add(absl::StatusCode::kPermissionDenied, counts.stopped_by_policy);
  for (size_t i = 0; i < counts.refused.size(); ++i) {
    add(CodeOf(static_cast<v1::Reason>(i)), counts.refused[i]);
  }
  return codes;
}

// "shop.v1.CounterService" and "Add" of "/shop.v1.CounterService/Add".
std::pair<std::string, std::string> ServiceAndMethod(absl::string_view path) {
  const size_t slash = path.rfind('/');
  PINION_CHECK(slash != absl::string_view::npos && slash > 0, "the method ",
               path, " has no service");
  return {std::string(path.substr(1, slash - 1)),
          std::string(path.substr(slash + 1))};
}

// As gRPC's own middlewares call them, so that their dashboards work.
Labels GrpcLabels(const MethodSnapshot& method) {
  auto [service, name] = ServiceAndMethod(method.method);
  return {{"grpc_type", method.streams ? "server_stream" : "unary"},
          {"grpc_service", std::move(service)},
          {"grpc_method", std::move(name)}};
}

Labels LabelsOf(const MethodSnapshot& method) {
  auto [service, name] = ServiceAndMethod(method.method);
  return {{"service", std::move(service)}, {"method", std::move(name)}};
}

Labels With(Labels labels, std::string name, std::string value) {
  labels.push_back({std::move(name), std::move(value)});
  return labels;
}

// "lane_full"
std::string NameOf(v1::Reason reason) {
  const std::string& name = v1::Reason_Name(reason);
  return absl::AsciiStrToLower(absl::StripPrefix(name, "REASON_"));
}

void AddGrpcFamilies(const ServerSnapshot& snapshot, MetricFamilies& families) {
  Family started = families.Counter(
      "grpc_server_started_total",
      "Calls that have arrived, whether they were accepted or refused.");
  for (const MethodSnapshot& method : snapshot.methods) {
    started.Add(
        GrpcLabels(method),
        static_cast<double>(method.counts.accepted + method.counts.refusals()));
  }
  Family handled = families.Counter(
      "grpc_server_handled_total",
      "Calls that were answered, by the gRPC status code of the answer, those "
      "that were refused included.");
  for (const MethodSnapshot& method : snapshot.methods) {
    const auto codes = ByCode(method.counts);
    for (size_t code = 0; code < codes.size(); ++code) {
      handled.Add(With(GrpcLabels(method), "grpc_code", kCodeNames[code]),
                  static_cast<double>(codes[code]));
    }
  }
  Family handling = families.Histogram(
      "grpc_server_handling_seconds",
      "Seconds from a call's claim by its worker to its handler's end, of "
      "calls that a handler has run. Waiting is not in it.");
  for (const MethodSnapshot& method : snapshot.methods) {
    handling.Add(GrpcLabels(method), method.ran);
  }
}

void AddWaits(const ServerSnapshot& snapshot, MetricFamilies& families) {
  Family waited = families.Histogram(
      "pinion_call_waited_seconds",
      "Seconds that a call waited in its lane's list for its worker, of calls "
      "that a handler has run, without the part in "
      "pinion_call_woken_late_seconds.");
  for (const MethodSnapshot& method : snapshot.methods) {
    waited.Add(LabelsOf(method), method.waited);
  }
  Family late = families.Histogram(
      "pinion_call_woken_late_seconds",
      "Seconds that a call waited because its worker's thread slept on after "
      "it was woken, of calls that a handler has run.");
  for (const MethodSnapshot& method : snapshot.methods) {
    late.Add(LabelsOf(method), method.woken_late);
  }
}

void AddOutcomes(const ServerSnapshot& snapshot, MetricFamilies& families) {
  Family accepted = families.Counter("pinion_calls_accepted_total",
                                     "Calls that were admitted to a lane.");
  for (const MethodSnapshot& method : snapshot.methods) {
    accepted.Add(LabelsOf(method), static_cast<double>(method.counts.accepted));
  }
  Family answered = families.Counter(
      "pinion_calls_answered_total",
      "Accepted calls that were answered, by outcome: ok and error by the "
      "handler; expired, cancelled and stopped in its place.");
  for (const MethodSnapshot& method : snapshot.methods) {
    const CallCounts& counts = method.counts;
    const std::pair<const char*, uint64_t> outcomes[] = {
        {"ok", counts.ok},
        {"error", counts.error},
        {"expired", counts.expired},
        {"cancelled", counts.cancelled},
        {"stopped", counts.stopped}};
    for (const auto& [outcome, calls] : outcomes) {
      answered.Add(With(LabelsOf(method), "outcome", outcome),
                   static_cast<double>(calls));
    }
  }
  Family refused = families.Counter(
      "pinion_calls_refused_total",
      "Calls that were refused, by reason; none of them has run.");
  for (const MethodSnapshot& method : snapshot.methods) {
    for (size_t i = 1; i < method.counts.refused.size(); ++i) {
      const auto reason = static_cast<v1::Reason>(i);
      // Nothing is refused because its handler answered.
      if (reason == v1::REASON_HANDLER || !v1::Reason_IsValid(reason)) continue;
      refused.Add(With(LabelsOf(method), "reason", NameOf(reason)),
                  static_cast<double>(method.counts.refused[i]));
    }
  }
}

Labels LabelsOfLane(const LaneSnapshot& lane) {
  return {{"service", lane.service}, {"worker", absl::StrCat(lane.worker)}};
}

double Seconds(std::chrono::nanoseconds span) {
  return std::chrono::duration<double>(span).count();
}

constexpr MetricFamilies::Column<LaneSnapshot> kLaneColumns[] = {
    {MetricType::Gauge, "pinion_lane_waiting_calls",
     "Accepted calls that wait for the worker now.",
     [](const LaneSnapshot& lane) -> double { return lane.counts.waiting; }},
    {MetricType::Gauge, "pinion_lane_running_calls",
     "Calls whose handler has begun and that are not answered, open streams "
     "included.",
     [](const LaneSnapshot& lane) -> double { return lane.counts.running; }},
    {MetricType::Gauge, "pinion_lane_abandoned_calls",
     "Calls that are answered in their handler's place but whose handler still "
     "runs or keeps them.",
     [](const LaneSnapshot& lane) -> double { return lane.counts.abandoned; }},
    {MetricType::Counter, "pinion_lane_accepted_total",
     "Calls that were admitted to the lane.",
     [](const LaneSnapshot& lane) -> double { return lane.counts.accepted; }},
    {MetricType::Counter, "pinion_lane_refused_total",
     "Calls that were refused after they were routed to the lane, for any "
     "reason.",
     [](const LaneSnapshot& lane) -> double { return lane.counts.refusals(); }},
    {MetricType::Gauge, "pinion_lane_held_calls",
     "Places of the lane that calls hold now.",
     [](const LaneSnapshot& lane) -> double { return lane.held_calls; }},
    {MetricType::Gauge, "pinion_lane_max_calls",
     "Places of the lane; beyond them calls are refused with LANE_FULL.",
     [](const LaneSnapshot& lane) -> double { return lane.max_calls; }},
    {MetricType::Gauge, "pinion_lane_held_bytes",
     "Bytes of requests that the lane holds now.",
     [](const LaneSnapshot& lane) -> double { return lane.held_bytes; }},
    {MetricType::Gauge, "pinion_lane_max_bytes",
     "The most bytes of requests that the lane may hold.",
     [](const LaneSnapshot& lane) -> double { return lane.max_bytes; }},
    {MetricType::Gauge, "pinion_lane_open_streams",
     "Streams of the lane that are open now.",
     [](const LaneSnapshot& lane) -> double { return lane.open_streams; }},
    {MetricType::Gauge, "pinion_lane_max_streams",
     "The most streams of the lane that may be open.",
     [](const LaneSnapshot& lane) -> double { return lane.max_streams; }},
    {MetricType::Gauge, "pinion_lane_kept_streams",
     "Streams that have ended and that their handlers still keep.",
     [](const LaneSnapshot& lane) -> double { return lane.kept_streams; }},
    {MetricType::Gauge, "pinion_lane_call_seconds",
     "Seconds that the lane has lately taken for a call; 0 if that is unknown.",
     [](const LaneSnapshot& lane) -> double {
       return Seconds(lane.time_per_call);
     }},
    {MetricType::Gauge, "pinion_lane_drain_seconds",
     "Seconds that the worker will take for the lane's calls that wait and "
     "run, if calls go on as lately.",
     [](const LaneSnapshot& lane) -> double {
       return Seconds(lane.drain_time);
     }},
    {MetricType::Gauge, "pinion_keyed_entries",
     "Entries of the shard's Keyed maps now.",
     [](const LaneSnapshot& lane) -> double { return lane.keyed.entries; }},
    {MetricType::Gauge, "pinion_keyed_bytes",
     "Bytes that the entries of the shard's Keyed maps take now.",
     [](const LaneSnapshot& lane) -> double { return lane.keyed.bytes; }},
    {MetricType::Counter, "pinion_keyed_expired_total",
     "Entries that were removed because their time to live was over.",
     [](const LaneSnapshot& lane) -> double { return lane.keyed.expired; }},
    {MetricType::Counter, "pinion_keyed_evicted_total",
     "Entries that were removed to make room for others.",
     [](const LaneSnapshot& lane) -> double { return lane.keyed.evicted; }},
};

}  // namespace

void AddCallMetrics(const ServerSnapshot& snapshot, MetricFamilies& families) {
  AddGrpcFamilies(snapshot, families);
  AddWaits(snapshot, families);
  AddOutcomes(snapshot, families);
  families.AddColumns<LaneSnapshot>(kLaneColumns, snapshot.lanes, LabelsOfLane);
}

}  // namespace pinion
