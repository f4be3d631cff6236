// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/program/memory_limit.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pinion {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string NewFolder() {
  std::string name = ::testing::TempDir() + "/memoryXXXXXX";
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  return name;
}

// A root with files as the kernel shows them.
class MemoryLimitTest : public ::testing::Test {
 protected:
  ~MemoryLimitTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path full = root_ + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }
  void HaveMemory(int64_t kilobytes) {
    Write("/proc/meminfo", "MemTotal:       " + std::to_string(kilobytes) +
                               " kB\nMemFree:  1 kB\n");
  }
  void MountV2() {
    Write("/proc/self/mountinfo",
          "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  }
  void MountV1() {
    Write("/proc/self/mountinfo",
          "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
          "33 31 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  }

  MemoryLimit Read() {
    const auto limit = ReadMemoryLimit(root_);
    EXPECT_TRUE(limit.ok()) << limit.status();
    return limit.value_or(MemoryLimit());
  }

  const std::string root_ = NewFolder();
};

TEST_F(MemoryLimitTest, WhereNothingIsKnownThereIsNone) {
  EXPECT_EQ(Read().bytes, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(Read().source, "");
}

TEST_F(MemoryLimitTest, WithoutCgroupsTheMachineLimits) {
  HaveMemory(2048);
  EXPECT_EQ(Read().bytes, 2 << 20);
  EXPECT_EQ(Read().source, "the machine");
}

TEST_F(MemoryLimitTest, TheTightestGroupOfV2OnTheWayUpLimits) {
  HaveMemory(1 << 20);
  MountV2();
  Write("/proc/self/cgroup", "0::/a/b\n");
  Write("/sys/fs/cgroup/a/b/memory.max", "max\n");
  Write("/sys/fs/cgroup/a/memory.max", "5000000\n");
  Write("/sys/fs/cgroup/other/memory.max", "1000\n");
  EXPECT_EQ(Read().bytes, 5'000'000);
  EXPECT_EQ(Read().source, root_ + "/sys/fs/cgroup/a/memory.max");
  Write("/sys/fs/cgroup/a/b/memory.high", "4000000\n");
  EXPECT_EQ(Read().bytes, 4'000'000);
}

TEST_F(MemoryLimitTest, TheTightestGroupOfV1OnTheWayUpLimits) {
  HaveMemory(1 << 20);
  MountV1();
  Write("/proc/self/cgroup", "4:memory:/a/b\n3:cpu:/c\n");
  Write("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes",
        "9223372036854771712\n");
  Write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "7000000\n");
  Write("/sys/fs/cgroup/cpu/c/memory.limit_in_bytes", "1000\n");
  EXPECT_EQ(Read().bytes, 7'000'000);
}

TEST_F(MemoryLimitTest, AGroupThatAllowsMoreThanTheMachineHasDoesNotLimit) {
  HaveMemory(2048);
  MountV2();
  Write("/proc/self/cgroup", "0::/a\n");
  Write("/sys/fs/cgroup/a/memory.max", "5000000000\n");
  EXPECT_EQ(Read().source, "the machine");
}

TEST_F(MemoryLimitTest, WhatIsNotUnderstoodIsNamed) {
  MountV2();
  Write("/proc/self/cgroup", "0::/a\n");
  for (const char* text : {"much", "-1", "5 MB"}) {
    Write("/sys/fs/cgroup/a/memory.max", text);
    const absl::Status status = ReadMemoryLimit(root_).status();
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(root_ + "/sys/fs/cgroup/a/memory.max"),
                      HasSubstr(text)));
  }
}

}  // namespace
}  // namespace pinion
