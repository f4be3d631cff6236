// SPDX-License-Identifier: Apache-2.0
//
// Parties: the clients behind a server's calls: a Party for each client that
// has
//          proven its name; for others, one for each session, and for each
//          connection that has unary calls open.
//
// Threads: any thread.
// Life:    parties may outlive it. A connection's party stays, with everything
//          that is held for it, as long as anyone refers to it; so a client
//          gets no new share by closing its calls and starting others.
// Example: std::shared_ptr<Party> party = parties.OfConnection(context.peer());
#ifndef PINION_SERVER_PARTY_PARTIES_H_
#define PINION_SERVER_PARTY_PARTIES_H_

#include <cstddef>
#include <memory>
#include <string>

#include "pinion/server/party/party.h"
#include "pinion/server/party/trusted_proxies.h"

namespace pinion {

class Parties {
 public:
  // For a server with `lanes` lanes.
  Parties(size_t lanes, TrustedProxies proxies);
  ~Parties();
  Parties(const Parties&) = delete;
  Parties& operator=(const Parties&) = delete;

  // A new party.
  std::shared_ptr<Party> OfSession() const;

  // The party of whoever has proven that name, as Principal::ToString() writes
  // it: all calls and sessions of one client, on any connection.
  std::shared_ptr<Party> OfPrincipal(const std::string& principal);

  // The party of the connection from `peer`, as gRPC names it. Null if that may
  // be many clients: behind a trusted proxy, over a Unix socket, or in-process.
  std::shared_ptr<Party> OfConnection(const std::string& peer);

 private:
  class Table;

  const size_t lanes_;
  const TrustedProxies proxies_;
  const std::shared_ptr<Table> table_;  // Shared with the parties.
};

}  // namespace pinion

#endif  // PINION_SERVER_PARTY_PARTIES_H_
