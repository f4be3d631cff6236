// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/cpu/cgroup_folders.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace pinion {
namespace {

// A mounted hierarchy, or a part of one.
struct Mount {
  bool v2 = false;
  std::vector<std::string> options = {};  // v1: its controllers among them.
  std::string group = {};                 // The group that `folder` shows.
  std::string folder = {};
};

// A line: 36 35 98:0 /group /folder rw,noatime shared:1 - cgroup cgroup rw,cpu
// `folder` comes with `root` before it.
std::vector<Mount> CgroupMounts(const std::string& mountinfo,
                                const std::string& root) {
  std::vector<Mount> mounts;
  for (absl::string_view line : absl::StrSplit(mountinfo, '\n')) {
    const std::pair<absl::string_view, absl::string_view> halves =
        absl::StrSplit(line, absl::MaxSplits(" - ", 1));
    const std::vector<absl::string_view> place =
        absl::StrSplit(halves.first, ' ');
    const std::vector<absl::string_view> type =
        absl::StrSplit(halves.second, ' ');
    if (place.size() < 5 || type.size() < 3) continue;
    if (type[0] != "cgroup" && type[0] != "cgroup2") continue;
    Mount mount = {.v2 = type[0] == "cgroup2",
                   .options = absl::StrSplit(type[2], ',')};
    // Blanks in names are written as \040.
    if (!absl::CUnescape(place[3], &mount.group) ||
        !absl::CUnescape(place[4], &mount.folder)) {
      continue;
    }
    mount.folder = absl::StrCat(root, mount.folder);
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

// What of `group` lies below the group that `mount` shows: "" if it is that
// group, "/a/b" if it is below it; nothing if it is elsewhere.
std::optional<std::string> Below(const Mount& mount, absl::string_view group) {
  absl::string_view shown = mount.group;
  absl::ConsumeSuffix(&shown, "/");
  if (!absl::ConsumePrefix(&group, shown)) return std::nullopt;
  if (!group.empty() && group[0] != '/') return std::nullopt;
  if (absl::StrContains(absl::StrCat(group, "/"), "/../")) return std::nullopt;
  absl::ConsumeSuffix(&group, "/");
  return std::string(group);
}

// The folders that show `group` and those above it, the innermost first.
std::vector<std::string> FoldersOf(absl::string_view group,
                                   const std::vector<Mount>& mounts) {
  std::vector<std::string> folders;
  for (const Mount& mount : mounts) {
    std::optional<std::string> below = Below(mount, group);
    if (!below.has_value()) continue;
    while (!below->empty()) {
      folders.push_back(absl::StrCat(mount.folder, *below));
      below->resize(below->rfind('/'));
    }
    folders.push_back(mount.folder);
  }
  if (folders.empty() && !mounts.empty()) folders = {mounts[0].folder};
  return folders;
}

std::vector<Mount> MountsOfV2(const std::vector<Mount>& mounts) {
  std::vector<Mount> found;
  for (const Mount& mount : mounts) {
    if (mount.v2) found.push_back(mount);
  }
  return found;
}

std::vector<Mount> MountsOfV1(const std::vector<Mount>& mounts,
                              const std::string& controller) {
  std::vector<Mount> found;
  for (const Mount& mount : mounts) {
    for (const std::string& option : mount.options) {
      if (!mount.v2 && option == controller) found.push_back(mount);
    }
  }
  return found;
}

}  // namespace

absl::StatusOr<CgroupFolders> CgroupFolders::Read(const std::string& root) {
  auto groups = ReadCgroupFile(absl::StrCat(root, "/proc/self/cgroup"));
  if (!groups.ok()) return groups.status();
  auto mountinfo = ReadCgroupFile(absl::StrCat(root, "/proc/self/mountinfo"));
  if (!mountinfo.ok()) return mountinfo.status();
  const std::vector<Mount> mounts = CgroupMounts(mountinfo->value_or(""), root);

  CgroupFolders folders;
  const std::string lines = groups->value_or("");
  // A line: 4:cpu,cpuacct:/group in v1, 0::/group in v2.
  for (absl::string_view line : absl::StrSplit(lines, '\n')) {
    const std::vector<std::string> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    if (parts[0] == "0") {
      folders.v2_ = FoldersOf(parts[2], MountsOfV2(mounts));
      continue;
    }
    const std::vector<std::string> controllers = absl::StrSplit(parts[1], ',');
    for (const std::string& controller : controllers) {
      folders.v1_[controller] =
          FoldersOf(parts[2], MountsOfV1(mounts, controller));
    }
  }
  return folders;
}

std::vector<std::string> CgroupFolders::v1(
    const std::string& controller) const {
  const auto found = v1_.find(controller);
  return found == v1_.end() ? std::vector<std::string>() : found->second;
}

absl::StatusOr<std::optional<std::string>> ReadCgroupFile(
    const std::string& path) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"),
                                             &std::fclose);
  std::string text;
  if (file != nullptr) {
    char part[4096];
    while (size_t size = std::fread(part, 1, sizeof(part), file.get())) {
      text.append(part, size);
    }
    if (std::ferror(file.get()) == 0) {
      return std::string(absl::StripAsciiWhitespace(text));
    }
  }
  // ENODEV: the group was removed while its file was open.
  if (errno == ENOENT || errno == ENOTDIR || errno == ENODEV) {
    return std::optional<std::string>();
  }
  return absl::InternalError(
      absl::StrCat("cannot read ", path, ": ", std::strerror(errno)));
}

}  // namespace pinion
