// SPDX-License-Identifier: Apache-2.0
//
// TlsCredentialsOf: the credentials of a channel that encrypts, with what the
//                   files have now.
//
// Threads: any thread; it reads files.
// Why:     gRPC says of wrong files only that it has no credentials, in its
// log. Example: auto credentials = TlsCredentialsOf(*options.tls);
//          if (!credentials.ok()) return credentials.status();
#ifndef PINION_CLIENT_INTERNAL_TLS_CREDENTIALS_H_
#define PINION_CLIENT_INTERNAL_TLS_CREDENTIALS_H_

#include <grpcpp/security/credentials.h>

#include <memory>

#include "absl/status/statusor.h"
#include "pinion/client/client_options.h"

namespace pinion::client_internal {

// INVALID_ARGUMENT, with the member, the path and what is wrong, if a file
// cannot be read, is damaged, has expired, or a key is not its certificate's.
// `tls` has both of certificate and key, or neither.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsCredentialsOf(
    const ClientTls& tls);

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_TLS_CREDENTIALS_H_
