// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/cpu/machine.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/cpu/affinity.h"
#include "pinion/core/cpu/cgroup_quota.h"

namespace pinion {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ProbeMachineTest, AgreesWithTheKernelAboutTheAllowedCpus) {
  const absl::StatusOr<Machine> machine = ProbeMachine();
  ASSERT_TRUE(machine.ok()) << machine.status();
  EXPECT_EQ(AllowedNumbers(machine->cpus), AllowedCpus().value());
  EXPECT_GT(machine->quota_cpus, 0);
}

TEST(ProbeMachineTest, LeavesTheThreadWhereItIs) {
  const std::vector<int> before = AllowedCpus().value();
  ASSERT_TRUE(ProbeMachine().ok());
  EXPECT_EQ(AllowedCpus().value(), before);
}

TEST(ProbeMachineTest, RefusesATopologyOfAnotherMachine) {
  setenv("HWLOC_SYNTHETIC", "Core:4 PU:2", 1);
  const absl::StatusOr<Machine> machine = ProbeMachine();
  unsetenv("HWLOC_SYNTHETIC");
  EXPECT_EQ(machine.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(SyntheticMachineTest, RefusesWhatHwlocDoesNotUnderstand) {
  EXPECT_EQ(SyntheticMachine("Abacus:3").status().code(),
            absl::StatusCode::kInvalidArgument);
}

// --- Control groups, from files written here --------------------------------

// A folder that stands for "/".
class CgroupTest : public ::testing::Test {
 protected:
  CgroupTest()
      : root_(std::string(::testing::TempDir()) + "/" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
  }
  ~CgroupTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path full = root_ + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }

  void BeInGroups(const std::string& lines) {
    Write("/proc/self/cgroup", lines);
  }
  void MountV2() {
    Write("/proc/self/mountinfo",
          "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
          "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 "
          "rw,nsdelegate\n");
  }
  void MountV1() {
    Write("/proc/self/mountinfo",
          "31 22 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
          "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup "
          "rw,cpu,cpuacct\n"
          "33 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
          "34 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  }

  CgroupQuota Read() {
    absl::StatusOr<CgroupQuota> quota = ReadCgroupQuota(root_);
    EXPECT_TRUE(quota.ok()) << quota.status();
    return quota.ok() ? *std::move(quota) : CgroupQuota();
  }
  void ExpectRefused(const std::string& file, const std::string& said) {
    const absl::Status status = ReadCgroupQuota(root_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(root_ + file), HasSubstr(said)));
  }
  void ExpectNoQuota() {
    const CgroupQuota quota = Read();
    EXPECT_TRUE(std::isinf(quota.cpus)) << quota.cpus;
    EXPECT_THAT(quota.source, IsEmpty());
  }

  const std::string root_;
};

TEST_F(CgroupTest, ThatAreAbsentLimitNothing) {
  ExpectNoQuota();
  BeInGroups("0::/\n");
  MountV2();
  ExpectNoQuota();
}

TEST_F(CgroupTest, V2QuotaIsTheTightestOnTheWayUp) {
  BeInGroups("0::/a/b/c\n");
  MountV2();
  Write("/sys/fs/cgroup/a/cpu.max", "250000 100000\n");
  Write("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  Write("/sys/fs/cgroup/a/b/c/cpu.max", "200000 50000\n");
  Write("/sys/fs/cgroup/other/cpu.max", "10000 100000\n");
  EXPECT_EQ(Read().cpus, 2.5);
  EXPECT_EQ(Read().source, root_ + "/sys/fs/cgroup/a/cpu.max");
  Write("/sys/fs/cgroup/a/b/c/cpu.max", "50000 100000\n");
  EXPECT_EQ(Read().cpus, 0.5);
}

TEST_F(CgroupTest, V2MaxIsNoQuota) {
  BeInGroups("0::/a\n");
  MountV2();
  Write("/sys/fs/cgroup/a/cpu.max", "max 100000\n");
  ExpectNoQuota();
}

TEST_F(CgroupTest, V2QuotaThatIsNoneIsRefused) {
  BeInGroups("0::/a\n");
  MountV2();
  for (const std::string text :
       {"", "100000", "min 100000", "0 100000", "-1 100000", "100000 0",
        "100000 x", "1 2 3"}) {
    Write("/sys/fs/cgroup/a/cpu.max", text);
    ExpectRefused("/sys/fs/cgroup/a/cpu.max", "says '" + text + "'");
  }
}

TEST_F(CgroupTest, FilesThatCannotBeReadAreRefused) {
  BeInGroups("0::/a\n");
  MountV2();
  std::filesystem::create_directories(root_ + "/sys/fs/cgroup/a/cpu.max");
  ExpectRefused("/sys/fs/cgroup/a/cpu.max", "cannot read");
}

TEST_F(CgroupTest, V1QuotaIsTheTightestOnTheWayUp) {
  BeInGroups("4:memory:/m\n3:cpu,cpuacct:/a/b\n2:cpuset:/s\n0::/\n");
  MountV1();
  const std::string cpu = "/sys/fs/cgroup/cpu,cpuacct";
  Write(cpu + "/cpu.cfs_quota_us", "-1\n");
  Write(cpu + "/a/cpu.cfs_quota_us", "300000\n");
  Write(cpu + "/a/cpu.cfs_period_us", "100000\n");
  Write(cpu + "/a/b/cpu.cfs_quota_us", "400000\n");
  Write(cpu + "/a/b/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Read().cpus, 3);
  EXPECT_EQ(Read().source, root_ + cpu + "/a/cpu.cfs_quota_us");
}

TEST_F(CgroupTest, V1MinusOneIsNoQuota) {
  BeInGroups("3:cpu,cpuacct:/a\n");
  MountV1();
  Write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
  ExpectNoQuota();
}

TEST_F(CgroupTest, V1QuotaOrPeriodThatIsNoneIsRefused) {
  BeInGroups("3:cpu,cpuacct:/a\n");
  MountV1();
  const std::string folder = "/sys/fs/cgroup/cpu,cpuacct/a/";
  for (const std::string text : {"", "0", "-2", "max", "1 2"}) {
    Write(folder + "cpu.cfs_quota_us", text);
    ExpectRefused(folder + "cpu.cfs_quota_us", "says '" + text + "'");
  }
  Write(folder + "cpu.cfs_quota_us", "100000");
  ExpectRefused(folder + "cpu.cfs_period_us", "says 'nothing'");
  Write(folder + "cpu.cfs_period_us", "0");
  ExpectRefused(folder + "cpu.cfs_period_us", "says '0'");
}

TEST_F(CgroupTest, OfBothVersionsTheTighterQuotaCounts) {
  BeInGroups("3:cpu,cpuacct:/a\n0::/u\n");
  MountV1();
  const std::string v1 = "/sys/fs/cgroup/cpu,cpuacct/a/";
  Write(v1 + "cpu.cfs_quota_us", "300000\n");
  Write(v1 + "cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Read().cpus, 3);
  Write("/sys/fs/cgroup/unified/u/cpu.max", "150000 100000\n");
  EXPECT_EQ(Read().cpus, 1.5);
}

// What a container sees that has no cgroup namespace of its own.
TEST_F(CgroupTest, AreFoundBelowAMountOfAnInnerGroup) {
  BeInGroups("0::/pods/one/app\n");
  Write("/proc/self/mountinfo",
        "30 22 0:26 /pods/one /sys/fs/my\\040cgroups ro - cgroup2 cgroup rw\n");
  Write("/sys/fs/my cgroups/app/cpu.max", "100000 100000\n");
  EXPECT_EQ(Read().source, root_ + "/sys/fs/my cgroups/app/cpu.max");
  Write("/sys/fs/my cgroups/cpu.max", "50000 100000\n");
  EXPECT_EQ(Read().source, root_ + "/sys/fs/my cgroups/cpu.max");
}

TEST_F(CgroupTest, OutsideOfTheMountAreHeldToTheMountedGroup) {
  Write("/proc/self/mountinfo",
        "30 22 0:26 /pods/one /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  Write("/sys/fs/cgroup/cpu.max", "150000 100000\n");
  Write("/sys/fs/cpu.max", "10000 100000\n");  // No group's.
  for (const std::string group : {"/", "/pods/one2", "/../x", "/pods/one/.."}) {
    BeInGroups("0::" + group + "\n");
    EXPECT_EQ(Read().cpus, 1.5) << group;
  }
}

TEST_F(CgroupTest, TellTheCpusetOfTheInnermostGroupThatHasOne) {
  BeInGroups("0::/a/b\n");
  MountV2();
  Write("/sys/fs/cgroup/cpuset.cpus.effective", "0-7\n");
  Write("/sys/fs/cgroup/a/cpuset.cpus.effective", "0-3,8\n");
  EXPECT_EQ(Read().cpuset, "0-3,8");
  EXPECT_EQ(Read().cpuset_source,
            root_ + "/sys/fs/cgroup/a/cpuset.cpus.effective");
}

TEST_F(CgroupTest, V1CpusetIsToldToo) {
  BeInGroups("2:cpuset:/s\n");
  MountV1();
  Write("/sys/fs/cgroup/cpuset/s/cpuset.cpus", "1,3\n");
  EXPECT_EQ(Read().cpuset, "1,3");
}

TEST_F(CgroupTest, ReachTheMachine) {
  const int cpu = AllowedCpus().value().back();
  BeInGroups("0::/a\n");
  MountV2();
  Write("/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  Write("/sys/fs/cgroup/a/cpuset.cpus.effective", std::to_string(cpu));
  const absl::StatusOr<Machine> machine = ProbeMachine(root_);
  ASSERT_TRUE(machine.ok()) << machine.status();
  EXPECT_THAT(AllowedNumbers(machine->cpus), ElementsAre(cpu));
  EXPECT_EQ(machine->quota_cpus, 1.5);
  EXPECT_THAT(machine->allowed_by, EndsWith("/a/cpuset.cpus.effective"));
}

TEST_F(CgroupTest, WithACpusetThatIsNoListIsRefused) {
  BeInGroups("0::/a\n");
  MountV2();
  Write("/sys/fs/cgroup/a/cpuset.cpus.effective", "many\n");
  const absl::Status status = ProbeMachine(root_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("/a/cpuset.cpus.effective: the CPU list 'many'"));
}

}  // namespace
}  // namespace pinion
