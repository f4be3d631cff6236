// SPDX-License-Identifier: Apache-2.0
//
// TopPage: the page of `pinion top` as lines of text: what each worker does,
//          how fast methods are called and answered, and what is refused.
//
// Threads: a plain function; any thread.
// Rates:   of the time between two readings. Without an earlier one, or if the
//          server was started between them, they are those since its start, and
//          the page says so.
// Size:    no line is wider than `width`, down to 20 columns; it is cut, and so
//          are tables of more rows than fit: stalled and busy workers, and the
//          methods that are called most, stay.
// Example: for (const TopLine& line : TopPage(&before, now, {80, 24}, zone))
// ...
#ifndef PINION_CLIENT_CLI_TOP_PAGE_H_
#define PINION_CLIENT_CLI_TOP_PAGE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "pinion/admin/v1/admin.pb.h"

namespace pinion::cli {

// What a server said of itself at one time.
struct TopReading {
  admin::v1::GetInfoResponse info;
  admin::v1::GetStateResponse state;
};

struct TopSize {
  // A page of any height.
  static constexpr int kAnyHeight = 0;

  int width = 80;
  int height = kAnyHeight;
};

struct TopLine {
  // How a terminal may show it. The words say the same without it.
  enum Kind { kPlain, kTitle, kHeading, kAlarm };

  std::string text;
  Kind kind = kPlain;
};

// `previous`: null if there is none. `trouble`: why there is no newer reading;
// empty if `current` is new.
std::vector<TopLine> TopPage(const TopReading* previous,
                             const TopReading& current, TopSize size,
                             absl::TimeZone zone,
                             const std::string& trouble = "");

// The page while there has been no reading at all.
std::vector<TopLine> TopPageWithoutReading(const std::string& trouble,
                                           TopSize size);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_TOP_PAGE_H_
