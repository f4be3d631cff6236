// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/party/trusted_proxies.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/party/peer_address.h"

namespace pinion {
namespace {

constexpr int kMappedBits = 96;  // Before an IPv4 address within an IPv6 one.

// Whether the first `bits` of both are the same.
bool Agree(const std::array<uint8_t, 16>& a, const std::array<uint8_t, 16>& b,
           int bits) {
  const int whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const int rest = bits % 8;
  return rest == 0 || (a[whole] >> (8 - rest)) == (b[whole] >> (8 - rest));
}

}  // namespace

bool TrustedProxies::ParseAddress(const std::string& text, Address* address,
                                  int* all_bits) {
  in6_addr six;
  if (inet_pton(AF_INET6, text.c_str(), &six) == 1) {
    std::copy(std::begin(six.s6_addr), std::end(six.s6_addr), address->begin());
    *all_bits = 128;
    return true;
  }
  in_addr four;
  if (inet_pton(AF_INET, text.c_str(), &four) != 1) return false;
  address->fill(0);
  (*address)[10] = (*address)[11] = 0xff;
  const auto* bytes = reinterpret_cast<const uint8_t*>(&four);
  std::copy(bytes, bytes + 4, address->begin() + 12);
  *all_bits = 32;
  return true;
}

bool TrustedProxies::ParseNetwork(absl::string_view text, Network* network) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  int all_bits = 0;
  if (!ParseAddress(std::string(parts.first), &network->address, &all_bits)) {
    return false;
  }
  int bits = all_bits;
  if (text.size() > parts.first.size() &&
      (!absl::SimpleAtoi(parts.second, &bits) || bits < 0 || bits > all_bits)) {
    return false;
  }
  network->bits = all_bits == 32 ? kMappedBits + bits : bits;
  return true;
}

absl::StatusOr<TrustedProxies> TrustedProxies::Parse(absl::string_view list) {
  TrustedProxies proxies;
  if (absl::StripAsciiWhitespace(list).empty()) return proxies;
  for (const absl::string_view entry : absl::StrSplit(list, ',')) {
    Network network;
    if (!ParseNetwork(absl::StripAsciiWhitespace(entry), &network)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "trusted_proxies has ", Quoted(entry, 64),
          ", which is no address; valid are addresses and networks with "
          "commas between them, as in \"10.0.0.0/8, ::1\""));
    }
    proxies.networks_.push_back(network);
  }
  return proxies;
}

bool TrustedProxies::Contains(absl::string_view peer) const {
  return !networks_.empty() && ContainsAddress(PeerAddress(peer));
}

bool TrustedProxies::ContainsAddress(const std::string& text) const {
  if (networks_.empty()) return false;
  Address address;
  int all_bits;
  if (!ParseAddress(text, &address, &all_bits)) return false;
  return std::any_of(networks_.begin(), networks_.end(),
                     [&](const Network& network) {
                       return Agree(network.address, address, network.bits);
                     });
}

}  // namespace pinion
