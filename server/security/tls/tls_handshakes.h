// SPDX-License-Identifier: Apache-2.0
//
// TlsHandshakes: asks for TLS 1.3 in a listener's handshakes, if so wanted, and
//                reports those that fail: who the peer is, and why.
//
// Threads: any thread may call Give(). Handshakes go on on gRPC's threads.
// Why:     gRPC 1.51 logs OpenSSL's reason without the peer, and has no way to
//          set a version for certificates that change. But it makes the
//          connection's SSL while it is given the connection, on that thread,
//          and OpenSSL calls a function for each SSL that is made.
// Cost:    two or three calls of a function for each record; after the
// handshake
//          of one that does nothing.
// Example: TlsHandshakes handshakes(TlsVersion::k12, log);
//          handshakes.Give(descriptor, [&] { GiveToGrpc(descriptor); });
#ifndef PINION_SERVER_SECURITY_TLS_TLS_HANDSHAKES_H_
#define PINION_SERVER_SECURITY_TLS_TLS_HANDSHAKES_H_

#include <memory>

#include "absl/functional/function_ref.h"
#include "pinion/server/log.h"
#include "pinion/server/tls_options.h"

namespace pinion {

class TlsHandshakes {
 public:
  TlsHandshakes(TlsVersion min_version, LogSink log);
  // Handshakes that are still under way are reported no more.
  ~TlsHandshakes();
  TlsHandshakes(const TlsHandshakes&) = delete;
  TlsHandshakes& operator=(const TlsHandshakes&) = delete;

  // Calls `give`, which gives the connection of `descriptor` to gRPC, and takes
  // care of its handshake.
  void Give(int descriptor, absl::FunctionRef<void()> give);

 private:
  struct Shared;
  const std::shared_ptr<Shared> shared_;

  friend class HandshakeHook;
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_TLS_TLS_HANDSHAKES_H_
