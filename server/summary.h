// SPDX-License-Identifier: Apache-2.0
//
// Summary: the account of a server for people: what became of its calls, as one
//          line or as a table.
//
// Threads: any thread.
// Example: LOG << SummaryLine(server.Snapshot());
#ifndef PINION_SERVER_SUMMARY_H_
#define PINION_SERVER_SUMMARY_H_

#include <string>

#include "pinion/server/snapshot.h"

namespace pinion {

// "accepted 21 (ok 10, error 1, expired 2, cancelled 3, stopped 5), refused 7
// (LANE_FULL 5, STOPPING 2); at most 8 calls with 120 bytes at a time;
// connections: accepted 3, refused 1, at most 2 at a time". Calls whose handler
// still runs though they are answered follow "stopped" as "abandoned", if there
// are any. Names connections only if there were any.
std::string SummaryLine(const ServerSnapshot& snapshot);

// The same as a table, with a row for each method and one for all of them. Each
// line ends with a line end.
std::string SummaryTable(const ServerSnapshot& snapshot);

}  // namespace pinion

#endif  // PINION_SERVER_SUMMARY_H_
