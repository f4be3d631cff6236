// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/cpu/cgroup_quota.h"

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "pinion/core/cpu/cgroup_folders.h"

namespace pinion {
namespace {

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
  auto text = ReadCgroupFile(path);
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
  auto text = ReadCgroupFile(path);
  if (!text.ok()) return text.status();
  if (!text->has_value()) return absl::OkStatus();
  int64_t time = 0;
  if (!absl::SimpleAtoi(**text, &time) || time == 0 || time < -1) {
    return NotUnderstood(path, **text, "-1 or microseconds");
  }
  if (time == -1) return absl::OkStatus();

  const std::string period_path = absl::StrCat(folder, "/cpu.cfs_period_us");
  auto period_text = ReadCgroupFile(period_path);
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
    auto text = ReadCgroupFile(path);
    if (!text.ok()) return text.status();
    if (!text->has_value() || (*text)->empty()) continue;
    quota.cpuset = **text;
    quota.cpuset_source = path;
  }
  return absl::OkStatus();
}

absl::Status ReadV2(CgroupQuota& quota,
                    const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    absl::Status read = TightenByV2(quota, folder);
    if (read.ok()) read = FindCpuset(quota, folder, {"cpuset.cpus.effective"});
    if (!read.ok()) return read;
  }
  return absl::OkStatus();
}

absl::Status ReadV1(CgroupQuota& quota, const CgroupFolders& folders) {
  for (const std::string& folder : folders.v1("cpu")) {
    const absl::Status read = TightenByV1(quota, folder);
    if (!read.ok()) return read;
  }
  for (const std::string& folder : folders.v1("cpuset")) {
    const absl::Status read =
        FindCpuset(quota, folder, {"cpuset.effective_cpus", "cpuset.cpus"});
    if (!read.ok()) return read;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CgroupQuota> ReadCgroupQuota(const std::string& root) {
  const absl::StatusOr<CgroupFolders> folders = CgroupFolders::Read(root);
  if (!folders.ok()) return folders.status();
  CgroupQuota quota;
  absl::Status read = ReadV1(quota, *folders);
  if (read.ok()) read = ReadV2(quota, folders->v2());
  if (!read.ok()) return read;
  return quota;
}

}  // namespace pinion
