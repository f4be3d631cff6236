// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/admin/admin_events.h"

#include "absl/strings/str_cat.h"
#include "pinion/server/admin/admin_json.h"

namespace pinion {

AdminEvents::AdminEvents(AdminSource& source, const Clock& clock)
    : clock_(clock) {
  const auto add = [this](const char* name, std::chrono::seconds every,
                          auto make) {
    events_.push_back({.name = name, .every = every, .make = std::move(make)});
  };
  add("info", kRarely, [&source] { return AdminJson(source.GetInfo()); });
  add("state", kOften, [&source] { return AdminJson(source.GetState()); });
  add("slow", kRarely,
      [&source] { return AdminJson(source.ListSlowCalls({})); });
  add("hot", kRarely, [&source] { return AdminJson(source.ListHotKeys({})); });
  add("stalls", kRarely,
      [&source] { return AdminJson(source.ListStalls({})); });
}

std::string AdminEvents::First() {
  std::string all;
  for (Event& event : events_) {
    absl::StrAppend(&all, Fresh(event, kOften));
    // The first page of all has its time from here.
    if (!event.told.has_value()) event.told = clock_.Now();
  }
  return all;
}

std::string AdminEvents::Next() {
  const Moment now = clock_.Now();
  std::string due;
  for (Event& event : events_) {
    // The pages' second may be a little short of that by which it was told.
    const bool is_due = event.every == kOften || !event.told.has_value() ||
                        now - *event.told >= event.every;
    if (!is_due) continue;
    event.told = now;
    absl::StrAppend(&due, Fresh(event, std::chrono::seconds(0)));
  }
  return due;
}

const std::string& AdminEvents::Fresh(Event& event, std::chrono::seconds age) {
  const Moment now = clock_.Now();
  if (event.made.has_value() && now - *event.made < age) return event.text;
  event.made = now;
  // Without line ends: JSON escapes them.
  const absl::StatusOr<std::string> json = event.make();
  event.text =
      json.ok() ? absl::StrCat("event: ", event.name, "\ndata: ", *json, "\n\n")
                : std::string();
  return event.text;
}

}  // namespace pinion
