// SPDX-License-Identifier: Apache-2.0
//
// TlsOptions: how a server's listener encrypts, and whether it asks clients for
//             certificates. docs/security.md shows how to begin.
//
// Threads: plain data; the functions are for any thread.
// Example: pinion::Server server({.listen = "0.0.0.0:50051",
//                                 .tls = {.certificate = "server.pem",
//                                         .key = "server.key"}});
#ifndef PINION_SERVER_TLS_OPTIONS_H_
#define PINION_SERVER_TLS_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/third_party/cpp20.h"

namespace pinion {

// Whether clients show certificates.
enum class ClientAuth : uint8_t {
  kOff,       // They are not asked.
  kOptional,  // They may have none; one that they show must be valid.
  kRequired,  // A client without a valid one cannot connect.
};

enum class TlsVersion : uint8_t { k12, k13 };

struct TlsOptions {
  // The file with the server's certificate, in PEM form, followed by those of
  // the authorities between it and the one that clients know. Empty: the
  // listener does not encrypt. Set it, and `key`, when the network is not only
  // yours.
  //
  // The server looks at the files each second. Once all of them are right
  // together, new connections get what they have; while one is wrong, the
  // server keeps what it has, and says so in its log.
  std::string certificate = {};

  // The file with the private key of `certificate`, in PEM form, without a
  // password.
  std::string key = {};

  // The file with the authorities, in PEM form, that have issued the
  // certificates of clients. Set it with client_auth.
  std::string client_ca = {};

  // Whether clients show certificates, which say who they are. Set it to
  // kRequired when only known clients may connect; to kOptional when some of
  // them prove in another way who they are.
  ClientAuth client_auth = ClientAuth::kOff;

  // The oldest version of TLS that a client may use. Raise it to 1.3 when all
  // clients have that.
  TlsVersion min_version = TlsVersion::k12;

  // Whether the listener encrypts.
  bool on() const { return !certificate.empty(); }

  bool operator==(const TlsOptions&) const = default;
};

// "off", "optional", "required"; "1.2", "1.3": as in a flag and a file.
absl::string_view ToString(ClientAuth client_auth);
absl::string_view ToString(TlsVersion version);

// Their inverse. INVALID_ARGUMENT with the text and the valid ones.
absl::StatusOr<ClientAuth> ParseClientAuth(absl::string_view text);
absl::StatusOr<TlsVersion> ParseTlsVersion(absl::string_view text);

}  // namespace pinion

#endif  // PINION_SERVER_TLS_OPTIONS_H_
