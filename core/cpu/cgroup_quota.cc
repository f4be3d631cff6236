// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/cpu/cgroup_quota.h"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
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

// The text of `path` without blanks around it; nothing if there is no such
// file (any more).
absl::StatusOr<std::optional<std::string>> ReadText(const std::string& path) {
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

absl::Status NotUnderstood(const std::string& path, absl::string_view text,
                           absl::string_view expected) {
  return absl::InternalError(absl::StrCat("cannot tell the CPU quota: ", path,
                                          " says '", text, "'; expected ",
                                          expected));
}

// Lowers `quota` to `time` per `period` (both in microseconds), said by `path`.
void Tighten(CgroupQuota& quota, int64_t time, int64_t period,
             const std::string& path) {
  const double cpus = static_cast<double>(time) / static_cast<double>(period);
  if (cpus >= quota.cpus) return;
  quota.cpus = cpus;
  quota.source = path;
}

// cpu.max: "max 100000" or "250000 100000".
absl::Status TightenByV2(CgroupQuota& quota, const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/cpu.max");
  auto text = ReadText(path);
  if (!text.ok()) return text.status();
  if (!text->has_value()) return absl::OkStatus();
  const std::vector<std::string> words = absl::StrSplit(**text, ' ');
  int64_t time = 0, period = 0;
  if (words.size() != 2 || !absl::SimpleAtoi(words[1], &period) ||
      period <= 0 ||
      (words[0] != "max" &&
       (!absl::SimpleAtoi(words[0], &time) || time <= 0))) {
    return NotUnderstood(path, **text,
                         "'max' or microseconds, then a period's microseconds");
  }
  if (words[0] != "max") Tighten(quota, time, period, path);
  return absl::OkStatus();
}

// cpu.cfs_quota_us, where -1 is none, and cpu.cfs_period_us.
absl::Status TightenByV1(CgroupQuota& quota, const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/cpu.cfs_quota_us");
  auto text = ReadText(path);
  if (!text.ok()) return text.status();
  if (!text->has_value()) return absl::OkStatus();
  int64_t time = 0;
  if (!absl::SimpleAtoi(**text, &time) || time == 0 || time < -1) {
    return NotUnderstood(path, **text, "-1 or microseconds");
  }
  if (time == -1) return absl::OkStatus();

  const std::string period_path = absl::StrCat(folder, "/cpu.cfs_period_us");
  auto period_text = ReadText(period_path);
  if (!period_text.ok()) return period_text.status();
  int64_t period = 0;
  if (!absl::SimpleAtoi(period_text->value_or(""), &period) || period <= 0) {
    return NotUnderstood(period_path, period_text->value_or("nothing"),
                         "microseconds");
  }
  Tighten(quota, time, period, path);
  return absl::OkStatus();
}

// Takes the cpuset from the first of `files` in `folder` that has one.
absl::Status FindCpuset(CgroupQuota& quota, const std::string& folder,
                        const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    if (!quota.cpuset_source.empty()) break;
    const std::string path = absl::StrCat(folder, "/", file);
    auto text = ReadText(path);
    if (!text.ok()) return text.status();
    if (!text->has_value() || (*text)->empty()) continue;
    quota.cpuset = **text;
    quota.cpuset_source = path;
  }
  return absl::OkStatus();
}

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

absl::Status ReadV2(CgroupQuota& quota, absl::string_view group,
                    const std::vector<Mount>& mounts) {
  for (const std::string& folder : FoldersOf(group, MountsOfV2(mounts))) {
    absl::Status read = TightenByV2(quota, folder);
    if (read.ok()) read = FindCpuset(quota, folder, {"cpuset.cpus.effective"});
    if (!read.ok()) return read;
  }
  return absl::OkStatus();
}

absl::Status ReadV1(CgroupQuota& quota, absl::string_view group,
                    const std::string& controller,
                    const std::vector<Mount>& mounts) {
  if (controller != "cpu" && controller != "cpuset") return absl::OkStatus();
  for (const std::string& folder :
       FoldersOf(group, MountsOfV1(mounts, controller))) {
    const absl::Status read =
        controller == "cpu"
            ? TightenByV1(quota, folder)
            : FindCpuset(quota, folder,
                         {"cpuset.effective_cpus", "cpuset.cpus"});
    if (!read.ok()) return read;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CgroupQuota> ReadCgroupQuota(const std::string& root) {
  auto groups = ReadText(absl::StrCat(root, "/proc/self/cgroup"));
  if (!groups.ok()) return groups.status();
  auto mountinfo = ReadText(absl::StrCat(root, "/proc/self/mountinfo"));
  if (!mountinfo.ok()) return mountinfo.status();
  const std::vector<Mount> mounts = CgroupMounts(mountinfo->value_or(""), root);

  CgroupQuota quota;
  const std::string lines = groups->value_or("");
  // A line: 4:cpu,cpuacct:/group in v1, 0::/group in v2.
  for (absl::string_view line : absl::StrSplit(lines, '\n')) {
    const std::vector<std::string> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    if (parts[0] == "0") {
      const absl::Status read = ReadV2(quota, parts[2], mounts);
      if (!read.ok()) return read;
      continue;
    }
    const std::vector<std::string> controllers = absl::StrSplit(parts[1], ',');
    for (const std::string& controller : controllers) {
      const absl::Status read = ReadV1(quota, parts[2], controller, mounts);
      if (!read.ok()) return read;
    }
  }
  return quota;
}

}  // namespace pinion
