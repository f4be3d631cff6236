// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/party/peer_address.h"

#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace pinion {

// gRPC escapes the brackets.
std::string PeerAddress(absl::string_view peer) {
  if (!absl::ConsumePrefix(&peer, "ipv4:") &&
      !absl::ConsumePrefix(&peer, "ipv6:")) {
    return "";
  }
  const size_t colon = peer.rfind(':');
  if (colon == absl::string_view::npos) return "";
  std::string host(peer.substr(0, colon));
  absl::StrReplaceAll({{"%5B", ""},
                       {"%5D", ""},
                       {"%5b", ""},
                       {"%5d", ""},
                       {"[", ""},
                       {"]", ""}},
                      &host);
  // A zone ("%25eth0") is the machine's own business.
  return host.substr(0, host.find('%'));
}

}  // namespace pinion
