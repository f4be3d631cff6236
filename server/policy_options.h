// SPDX-License-Identifier: Apache-2.0
//
// PolicyOptions, PartyLimitOptions: who may call what, and how much one party
//                                   may ask of a server.
//
// Threads: plain data; parts of HostingOptions. A reload can change them.
// Example: HostingOptions options = {.limits = {.calls_per_second = 100},
//                                    .policy = {.policy_file = "policy.json"}};
#ifndef PINION_SERVER_POLICY_OPTIONS_H_
#define PINION_SERVER_POLICY_OPTIONS_H_

#include <cstdint>
#include <string>

#include "pinion/third_party/cpp20.h"

namespace pinion {

struct PolicyOptions {
  // The file with the policy, in the JSON form of gRFC A43 or the same in YAML:
  // docs/security.md has examples. Empty: there is no policy, and each client
  // may call each method. With a policy, each call is denied that no rule
  // allows, those of health and reflection too. The file is read at the start
  // and at each reload; a mistake in it stops the one and refuses the other.
  // Set it when not every client may call everything.
  std::string policy_file = {};

  // Whether calls that the policy denies are only counted and logged, and then
  // let in. Set it to try a policy beside real clients.
  bool policy_dry_run = false;

  friend bool operator==(const PolicyOptions&, const PolicyOptions&) = default;
};

// A party is a principal (the one of a token, if the client has two) or, of a
// client without one, its IPv4 address or its IPv6 /64 network. Clients without
// a principal that come from HostingOptions::trusted_proxies, over a Unix
// socket or in-process cannot be told from others, and have none of these
// limits.
struct PartyLimitOptions {
  // How many calls one party may begin in a second, in sessions and plain ones
  // together, and how many at once after a while without calls; 0 to
  // 1,000,000,000. 0 means that there is no limit, and of call_burst, that it
  // is one second's calls. A further call is refused with REASON_RATE_LIMITED
  // and says when to retry. Set it to a few times what an honest client needs.
  int64_t calls_per_second = 0;
  int64_t call_burst = 0;

  // How many bytes of requests one party may send in a second, 0 to 1 TiB; 0
  // means that there is no limit. One second's bytes may come at once; a call
  // is let in while any are left, and what it is larger is missing later. Set
  // it when large requests of one party take what others need.
  int64_t bytes_per_second = 0;

  // How many connections one party may have with calls or sessions on them, 0
  // to 1,000,000; 0 means that there is no limit. Calls on a further connection
  // are refused with REASON_RATE_LIMITED. max_connections_per_address bounds
  // connections on which nothing was called yet. Set it when one principal
  // comes from many addresses.
  int64_t connections_per_party = 0;

  // How many sessions, and how many server streams, one party may have open, 0
  // to 1,000,000; 0 means that there is no limit. A further one is refused with
  // RESOURCE_EXHAUSTED. Each session has a share of the server of its own: set
  // the first when clients that you do not trust may open sessions.
  int64_t sessions_per_party = 0;
  int64_t streams_per_party = 0;

  friend bool operator==(const PartyLimitOptions&,
                         const PartyLimitOptions&) = default;
};

}  // namespace pinion

#endif  // PINION_SERVER_POLICY_OPTIONS_H_
