// SPDX-License-Identifier: Apache-2.0
//
// The last file descriptors that a process may open. Connections leave them to
// its logs, certificates and everything else that it opens while it runs.
//
// Threads: any thread.
// Example: if (IsAmongLastFiles(descriptor)) TakeNoMoreConnections();
#ifndef PINION_SERVER_LISTENER_LAST_FILES_H_
#define PINION_SERVER_LISTENER_LAST_FILES_H_

#include <cstdint>

namespace pinion {

// The most files that the process may have open.
int64_t MaxFiles();

// Whether `descriptor`, just opened, is one of the last ones: the last 16, but
// at most an eighth of all. The kernel gives the lowest free one.
bool IsAmongLastFiles(int descriptor);

// Whether only these are free. `any` is an open descriptor.
bool OnlyLastFilesAreFree(int any);

}  // namespace pinion

#endif  // PINION_SERVER_LISTENER_LAST_FILES_H_
