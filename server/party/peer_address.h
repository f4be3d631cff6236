// SPDX-License-Identifier: Apache-2.0
//
// PeerAddress(): the IP address in the name that gRPC gives a connection.
//
// Threads: any thread.
// Example: PeerAddress("ipv6:%5B::1%5D:5000");  // "::1"
#ifndef PINION_SERVER_PARTY_PEER_ADDRESS_H_
#define PINION_SERVER_PARTY_PEER_ADDRESS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace pinion {

// The address of "ipv4:10.1.2.3:5000" or "ipv6:[::1]:5000", without a zone;
// empty if it is neither, as over a Unix socket and within the process.
std::string PeerAddress(absl::string_view peer);

}  // namespace pinion

#endif  // PINION_SERVER_PARTY_PEER_ADDRESS_H_
