// SPDX-License-Identifier: Apache-2.0
//
// CgroupFolders: the folders in which the kernel shows this process's cgroups,
//                and the files in them.
//
// Threads: any thread. It reads files, so call it once, at the start.
// Finds:   v2, v1 and both at once, wherever they are mounted.
// Example: auto folders = CgroupFolders::Read();
//          for (const std::string& folder : folders->v1("memory")) ...
#ifndef PINION_CORE_CPU_CGROUP_FOLDERS_H_
#define PINION_CORE_CPU_CGROUP_FOLDERS_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pinion {

class CgroupFolders {
 public:
  // Reads `root`/proc/self/{cgroup,mountinfo}; the folders are below `root`,
  // too. A missing file means that there is no cgroup. INTERNAL if a file
  // cannot be read; the message names it.
  static absl::StatusOr<CgroupFolders> Read(const std::string& root = "");

  // The folders of the process's group and of those above it, up to the mount,
  // the innermost first: of v2, and of a controller of v1, such as "cpu". If
  // the process lies outside the mounted groups, as a namespace may cause, the
  // mounted group's own folder.
  const std::vector<std::string>& v2() const { return v2_; }
  std::vector<std::string> v1(const std::string& controller) const;

 private:
  std::vector<std::string> v2_;
  std::map<std::string, std::vector<std::string>> v1_;  // By controller.
};

// The text of `path` without blanks around it; nothing if there is no such file
// (any more). INTERNAL if it cannot be read; the message names it.
absl::StatusOr<std::optional<std::string>> ReadCgroupFile(
    const std::string& path);

}  // namespace pinion

#endif  // PINION_CORE_CPU_CGROUP_FOLDERS_H_
