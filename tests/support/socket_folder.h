// SPDX-License-Identifier: Apache-2.0
//
// SocketFolder: a new, empty folder whose path is short enough for sockets in
//               it, unlike that of the running test's. It is removed at the end
//               with what is in it.
//
// Threads: any thread.
// Example: const SocketFolder folder;
//          Listen(absl::StrCat("unix:", folder.Path("server.sock")));
#ifndef PINION_TESTS_SUPPORT_SOCKET_FOLDER_H_
#define PINION_TESTS_SUPPORT_SOCKET_FOLDER_H_

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/check.h"

namespace pinion::testing {

class SocketFolder {
 public:
  SocketFolder() { PINION_CHECK(mkdtemp(folder_.data()) != nullptr, folder_); }
  ~SocketFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  SocketFolder(const SocketFolder&) = delete;
  SocketFolder& operator=(const SocketFolder&) = delete;

  const std::string& path() const { return folder_; }

  // The path of a file in it.
  std::string Path(absl::string_view name) const {
    return absl::StrCat(folder_, "/", name);
  }

 private:
  std::string folder_ = "/tmp/pinion-test-XXXXXX";
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_SOCKET_FOLDER_H_
