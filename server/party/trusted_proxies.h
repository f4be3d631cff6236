// SPDX-License-Identifier: Apache-2.0
//
// TrustedProxies: the addresses of proxies that carry the calls of many clients
//                 over one connection.
//
// Threads: plain data; any thread may read.
// Example: auto proxies = TrustedProxies::Parse("10.0.0.0/8, ::1");
//          if (proxies->Contains(context.peer())) ...
#ifndef PINION_SERVER_PARTY_TRUSTED_PROXIES_H_
#define PINION_SERVER_PARTY_TRUSTED_PROXIES_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pinion {

class TrustedProxies {
 public:
  // No proxies.
  TrustedProxies() = default;

  // Parses a comma-separated list of IPv4 and IPv6 addresses and networks
  // (address/bits). Returns INVALID_ARGUMENT with the entry that is not valid.
  static absl::StatusOr<TrustedProxies> Parse(absl::string_view list);

  bool empty() const { return networks_.empty(); }

  // Whether `peer`, as gRPC names it ("ipv4:10.1.2.3:5000"), is in the list.
  bool Contains(absl::string_view peer) const;
  // The same for an address alone: "10.1.2.3".
  bool ContainsAddress(const std::string& address) const;

 private:
  // IPv4 addresses are mapped into IPv6.
  using Address = std::array<uint8_t, 16>;
  struct Network {
    Address address;
    int bits;
  };

  static bool ParseAddress(const std::string& text, Address* address,
                           int* all_bits);
  static bool ParseNetwork(absl::string_view text, Network* network);

  std::vector<Network> networks_;
};

}  // namespace pinion

#endif  // PINION_SERVER_PARTY_TRUSTED_PROXIES_H_
