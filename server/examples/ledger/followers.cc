// SPDX-License-Identifier: Apache-2.0
#include "server/examples/ledger/followers.h"

#include <iterator>
#include <utility>

#include "absl/status/status.h"

namespace bank {

void Followers::Add(const std::string& account, LineStream stream) {
  Streams& streams = streams_[account];
  const auto added = streams.insert(streams.end(), std::move(stream));
  added->OnChange([this, account, added] { OnChange(account, added); });
}

void Followers::Tell(absl::string_view account, const v1::Line& line) {
  const auto found = streams_.find(account);
  if (found == streams_.end()) return;
  v1::StatementResponse response;
  *response.add_lines() = line;
  found->second.remove_if([&](LineStream& stream) {
    absl::Status sent = stream.Send(response);
    if (sent.ok()) return false;
    stream.Finish(std::move(sent));
    return true;
  });
  if (found->second.empty()) streams_.erase(found);
}

void Followers::OnChange(const std::string& account, Streams::iterator stream) {
  if (!stream->cancelled() && !stream->stopping()) return;
  stream->Finish(absl::UnavailableError("the server is stopping"));
  const auto found = streams_.find(account);
  found->second.erase(stream);
  if (found->second.empty()) streams_.erase(found);
}

}  // namespace bank
