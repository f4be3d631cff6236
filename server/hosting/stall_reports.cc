// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/stall_reports.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/duration_text.h"
#include "pinion/core/task.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

using Running = std::optional<RunningCalls::Running>;

// What a line of the log has of a stack: most of what a handler has called, and
// a line is still read.
constexpr size_t kFramesOfLine = 16;
constexpr size_t kFrameBytesOfLine = 160;

// "read < shop::Cart::Load() < shop::Cart::AddItem()"
std::string InOneLine(const std::vector<std::string>& stack) {
  std::string line;
  for (size_t i = 0; i < std::min(stack.size(), kFramesOfLine); ++i) {
    absl::StrAppend(&line, i == 0 ? "" : " < ",
                    BeginningOf(stack[i], kFrameBytesOfLine));
  }
  if (stack.size() > kFramesOfLine) absl::StrAppend(&line, " < ...");
  return line;
}

// The line about a worker that runs `running`, if that is known, for too long.
LogRecord LineOf(const StallReport& report, const Running& running,
                 const StallReports::Stack& stack) {
  LogRecord record = {.level = LogLevel::kWarning,
                      .area = LogArea::kHealth,
                      .event = "worker_stalled",
                      .worker = report.worker,
                      .message = DescribeRun(report, report.task->name()),
                      .left_out = report.suppressed};
  if (running.has_value()) {
    record.method = running->method;
    record.key = running->key;
    record.caller = running->caller;
    absl::StrAppend(&record.message, "; it runs ",
                    running->method.empty() ? running->work : "this call",
                    ", for ", DurationText(absl::FromChrono(running->age)));
  }
  if (stack.ok()) {
    absl::StrAppend(&record.message, "; stack: ", InOneLine(*stack));
  } else {
    absl::StrAppend(&record.message, "; no stack: ", stack.status().message());
  }
  return record;
}

}  // namespace

void StallReports::Report(const StallReport& report) {
  const RunningCalls::Look before = parts_.running.LookAt(report.worker);
  const Running running = parts_.running.WhatRuns(report.worker, parts_.clock);
  Stack stack = TakeStack(report);
  if (stack.ok() &&
      (!report.StillRuns() || parts_.running.LookAt(report.worker) != before)) {
    stack = absl::NotFoundError("the handler ended while its stack was taken");
  }
  parts_.log(LineOf(report, running, stack));

  SeenStall stall = {.worker = report.worker,
                     .run = {.begun = report.begun,
                             .call_begun = before.call_begun.nanos(),
                             .work_begun = before.work_begun.nanos()},
                     .reported = parts_.now(),
                     .ran = report.ran,
                     .had_cpu = report.had_cpu,
                     .blocked = report.blocked,
                     .waiting = parts_.waiting(report.worker)};
  if (running.has_value()) {
    stall.method = running->method;
    stall.key = running->key;
    stall.caller = running->caller;
    stall.work = running->work;
    stall.age = running->age;
  } else {
    stall.work = std::string(report.task->name());
    stall.age = report.ran;
  }
  if (stack.ok()) {
    stall.stack = *std::move(stack);
  } else {
    stall.no_stack = std::string(stack.status().message());
  }
  parts_.stalls.Add(std::move(stall));
}

StallReports::Stack StallReports::TakeStack(const StallReport& report) {
  if (!stacks_.load(std::memory_order_relaxed)) {
    return absl::FailedPreconditionError("stall_stacks is false");
  }
  if (!MayTake()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("at most ", kStacksPerSecond,
                     " are taken in a second; left out so far: ", left_out_));
  }
  return parts_.take_stack(report.thread_id);
}

bool StallReports::MayTake() {
  const Moment now = parts_.clock.Now();
  while (!taken_.empty() && now - taken_.front() >= std::chrono::seconds(1)) {
    taken_.pop_front();
  }
  if (taken_.size() >= kStacksPerSecond) {
    ++left_out_;
    return false;
  }
  taken_.push_back(now);
  return true;
}

}  // namespace pinion
