// SPDX-License-Identifier: Apache-2.0
//
// Followers: the streams of one worker on which new lines of an account are
//            told.
//
// Threads: the worker's alone.
// Slow:    one whose client takes so little that a line finds no room ends with
//          RESOURCE_EXHAUSTED: it has all lines up to there, and can go on
//          after the last.
// Stop:    when the server's stop begins, they end with UNAVAILABLE.
// Example: followers.Add("alice", std::move(stream));
//          followers.Tell("alice", line);
#ifndef PINION_SERVER_EXAMPLES_LEDGER_FOLLOWERS_H_
#define PINION_SERVER_EXAMPLES_LEDGER_FOLLOWERS_H_

#include <list>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "bank/v1/ledger.pb.h"
#include "server/stream.h"

namespace bank {

class Followers {
 public:
  using LineStream = pinion::Stream<v1::StatementResponse>;

  // From now on `stream` is told of the account's lines.
  void Add(const std::string& account, LineStream stream);

  void Tell(absl::string_view account, const v1::Line& line);

 private:
  using Streams = std::list<LineStream>;

  // Lets it go if it has ended, or is to end.
  void OnChange(const std::string& account, Streams::iterator stream);

  absl::flat_hash_map<std::string, Streams> streams_;  // None is empty.
};

}  // namespace bank

#endif  // PINION_SERVER_EXAMPLES_LEDGER_FOLLOWERS_H_
