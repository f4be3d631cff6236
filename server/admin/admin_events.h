// SPDX-License-Identifier: Apache-2.0
//
// AdminEvents: the server-sent events of the live page, each with
//              its message as JSON: "info", "state", "slow", "hot"
//              and "stalls".
//
// Threads: the owner's only.
// Cost:    each text is made once and serves all pages. The state is made each
//          time that the pages get something, the others each kRarely; and all
//          of them for a new page, if they are older than kOften.
// Example: AdminEvents events(source, clock);
//          Send(events.First());   // All five, to a new page.
//          Send(events.Next());    // To all pages, each second.
#ifndef PINION_SERVER_ADMIN_ADMIN_EVENTS_H_
#define PINION_SERVER_ADMIN_ADMIN_EVENTS_H_

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pinion/core/clock.h"
#include "pinion/server/admin/admin_source.h"

namespace pinion {

class AdminEvents {
 public:
  static constexpr std::chrono::seconds kOften{1};
  static constexpr std::chrono::seconds kRarely{3};

  AdminEvents(AdminSource& source, const Clock& clock);

  // All of them, none older than kOften.
  std::string First();
  // Those that are due, whatever new pages got meanwhile. One that cannot be
  // made is left out; the page says that it misses it.
  std::string Next();

 private:
  struct Event {
    const char* name;
    std::chrono::seconds every;
    std::function<absl::StatusOr<std::string>()> make;
    std::string text = {};
    std::optional<Moment> made = std::nullopt;
    std::optional<Moment> told = std::nullopt;  // To all pages.
  };

  // Its text, made anew if it is as old as `age`.
  const std::string& Fresh(Event& event, std::chrono::seconds age);

  const Clock clock_;
  std::vector<Event> events_;
};

}  // namespace pinion

#endif  // PINION_SERVER_ADMIN_ADMIN_EVENTS_H_
