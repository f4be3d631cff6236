// SPDX-License-Identifier: Apache-2.0
//
// ReadPemFile: the text of a file with certificates or a key.
//
// Threads: any thread; it waits for the disk only, never for a pipe's writer.
// Example: const auto text = ReadPemFile("/etc/pinion/server.pem");
#ifndef PINION_CORE_TLS_PEM_FILE_H_
#define PINION_CORE_TLS_PEM_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace pinion {

// Far more than the largest bundle of authorities: Debian's has 220 KB.
constexpr size_t kMaxPemBytes = 4 << 20;

// INVALID_ARGUMENT unless `path` is a plain file that can be read and has at
// most kMaxPemBytes: "\"/etc/a.pem\" cannot be read: Permission denied". The
// message begins with the path.
absl::StatusOr<std::string> ReadPemFile(const std::string& path);

}  // namespace pinion

#endif  // PINION_CORE_TLS_PEM_FILE_H_
