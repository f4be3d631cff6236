// SPDX-License-Identifier: Apache-2.0
//
// TestFiles: a new folder, among the running test's, and its files.
//
// Threads: any thread.
// Example: const TestFiles files;
//          options.certificate = files.Write("cert.pem", pair.certificate);
#ifndef PINION_TESTS_SUPPORT_TEST_FILES_H_
#define PINION_TESTS_SUPPORT_TEST_FILES_H_

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "pinion/core/base/check.h"

namespace pinion::testing {

class TestFiles {
 public:
  TestFiles() : folder_(NewFolder()) {}

  // The path of a file in it.
  std::string Path(absl::string_view name) const {
    return absl::StrCat(folder_, "/", name);
  }

  // As `cp` would: a reader may see it cut off. Returns its path.
  std::string Write(absl::string_view name, const std::string& text) const {
    const std::string path = Path(name);
    std::ofstream(path) << text;
    return path;
  }

  void Remove(absl::string_view name) const { unlink(Path(name).c_str()); }

 private:
  static std::string NewFolder() {
    std::string folder = absl::StrCat(::testing::TempDir(), "/files_XXXXXX");
    PINION_CHECK(mkdtemp(folder.data()) != nullptr, folder);
    return folder;
  }

  const std::string folder_;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_TEST_FILES_H_
