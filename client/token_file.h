// SPDX-License-Identifier: Apache-2.0
//
// TokenFile(): a source of tokens that reads them from a file, which somebody
//              else renews, as Kubernetes does.
//
// Threads: any thread may call the source.
// Example: auto client = Client::Connect(
//              "server:50051", {.tls = ClientTls(),
//                               .token_source = TokenFile("/run/token")});
#ifndef PINION_CLIENT_TOKEN_FILE_H_
#define PINION_CLIENT_TOKEN_FILE_H_

#include <string>

#include "pinion/client/client_options.h"

namespace pinion {

// Reads the file each time it is asked, and leaves out white space around the
// token. An error with the path if the file cannot be read, is empty, or has
// more than 8 KiB.
TokenSource TokenFile(std::string path);

}  // namespace pinion

#endif  // PINION_CLIENT_TOKEN_FILE_H_
