// SPDX-License-Identifier: Apache-2.0
//
// CertificateName: the principal that a certificate proves: its SPIFFE URI,
//                  else its first DNS name, else its common name (CN).
//
// Threads: any thread.
// Example: if (auto principal = CertificateName(*context.auth_context())) ...
//          auto forwarded = ForwardedName("By=spiffe://p;URI=spiffe://a/b");
#ifndef PINION_SERVER_SECURITY_IDENTITY_CERTIFICATE_NAME_H_
#define PINION_SERVER_SECURITY_IDENTITY_CERTIFICATE_NAME_H_

#include <grpcpp/security/auth_context.h>

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/server/security/identity/identity.h"

namespace pinion {

// Of the client at the other end of a TLS connection. None if it has shown no
// certificate, or if the name has control characters. None, too, if it has a
// URI that begins with spiffe:// and is not its only URI, or no valid SPIFFE
// ID: no other name takes its place; and if the DNS name or common name itself
// begins with spiffe://. gRPC has verified the certificate, unless its builder
// was told not to (GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_BUT_DONT_VERIFY): nobody
// can tell.
std::optional<Principal> CertificateName(const grpc::AuthContext& context);

// Of the client that a proxy tells of in a header x-forwarded-client-cert, as
// Envoy writes it: the last element alone counts, because a client may have
// written those before. None if that has no name, or one that proves nothing
// as above. UNAUTHENTICATED if the header cannot be read as a whole, if the
// last element has a field twice, but for DNS, or if its subject can be read in
// two ways: then the client could choose by which name it is known. The caller
// knows that the proxy may say so.
absl::StatusOr<std::optional<Principal>> ForwardedName(
    absl::string_view header);

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_IDENTITY_CERTIFICATE_NAME_H_
