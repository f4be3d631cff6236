// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/cpu/cpu_plan.h"

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/cpu/affinity.h"

namespace pinion {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

Machine Synthetic(const std::string& description) {
  absl::StatusOr<Machine> machine = SyntheticMachine(description);
  EXPECT_TRUE(machine.ok()) << machine.status();
  return *std::move(machine);
}

Machine WithQuota(Machine machine, double cpus) {
  machine.quota_cpus = cpus;
  machine.quota_source = "/sys/fs/cgroup/a/cpu.max";
  return machine;
}

Machine AllowingOnly(const std::set<int>& numbers, Machine machine) {
  for (Cpu& cpu : machine.cpus) cpu.allowed = numbers.count(cpu.number) != 0;
  return machine;
}

CpuPlan Plan(const CpuPlanOptions& options, const Machine& machine) {
  absl::StatusOr<CpuPlan> plan = MakeCpuPlan(options, machine);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *std::move(plan) : CpuPlan();
}

// What is wrong with `options`, which must be refused as invalid.
std::string Refusal(const CpuPlanOptions& options, const Machine& machine) {
  const absl::Status status = MakeCpuPlan(options, machine).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

// How many of `cpus` lie in each place that `member` tells.
std::map<int, int> CountBy(int Cpu::*member, const std::vector<int>& cpus,
                           const Machine& machine) {
  std::map<int, int> counts;
  for (const Cpu& cpu : machine.cpus) {
    for (int number : cpus) {
      if (cpu.number == number) ++counts[cpu.*member];
    }
  }
  return counts;
}

// --- Choosing ---------------------------------------------------------------

TEST(CpuPlanTest, TakesTheHighestNumbersAndLeavesTheLowOnesToIo) {
  const CpuPlan plan = Plan({.workers = 3}, Synthetic("Core:8 PU:1"));
  EXPECT_EQ(plan.workers, 3);
  EXPECT_THAT(plan.worker_cpus, ElementsAre(7, 6, 5));
  EXPECT_THAT(plan.io_cpus, ElementsAre(0, 1, 2, 3, 4));
}

TEST(CpuPlanTest, TakesEachCoreOnceBeforeAnyHyperthread) {
  const Machine machine = Synthetic("Core:4 PU:2");
  EXPECT_THAT(Plan({.workers = 4}, machine).worker_cpus,
              ElementsAre(7, 5, 3, 1));
  EXPECT_THAT(Plan({.workers = 6}, machine).worker_cpus,
              ElementsAre(7, 5, 3, 1, 6, 4));
}

TEST(CpuPlanTest, TakesALastFreeCoreBeforeAHyperthreadOfALessUsedNode) {
  // Node 0 has three cores left, node 1 has one.
  const Machine machine = AllowingOnly({0, 1, 2, 3, 4, 5, 6, 7},
                                       Synthetic("NUMANode:2 Core:3 PU:2"));
  EXPECT_THAT(Plan({.workers = 4}, machine).worker_cpus,
              ElementsAre(7, 5, 3, 1));
}

TEST(CpuPlanTest, CountsAHyperthreadWhoseSiblingIsNotAllowedAsACore) {
  const Machine machine = AllowingOnly({0, 1, 2, 4}, Synthetic("Core:4 PU:2"));
  EXPECT_THAT(Plan({.workers = 3}, machine).worker_cpus, ElementsAre(4, 2, 1));
}

TEST(CpuPlanTest, SpreadsOverNumaNodesAndThenOverL3Caches) {
  // Eight cores of two threads below each node: 0-15 and 16-31.
  const Machine machine = Synthetic("NUMANode:2 L3Cache:2 Core:4 PU:2");
  EXPECT_THAT(Plan({.workers = 4}, machine).worker_cpus,
              ElementsAre(31, 15, 23, 7));
  for (int workers = 1; workers <= 32; ++workers) {
    const CpuPlan plan = Plan({.workers = workers}, machine);
    ASSERT_THAT(plan.worker_cpus, SizeIs(workers));
    for (const auto& [member, places] :
         {std::pair(&Cpu::numa, 2), {&Cpu::l3, 4}, {&Cpu::core, 16}}) {
      for (const auto& [place, count] :
           CountBy(member, plan.worker_cpus, machine)) {
        EXPECT_LE(count, (workers + places - 1) / places)
            << workers << " workers, place " << place << " of " << places;
      }
    }
  }
}

TEST(CpuPlanTest, SpreadsOverAnL3CacheThatSeveralNumaNodesShare) {
  const Machine machine = Synthetic("L3Cache:2 NUMANode:2 Core:2 PU:1");
  const CpuPlan plan = Plan({.workers = 4}, machine);
  EXPECT_THAT(CountBy(&Cpu::numa, plan.worker_cpus, machine), SizeIs(4));
  EXPECT_THAT(CountBy(&Cpu::l3, plan.worker_cpus, machine), SizeIs(2));
}

TEST(CpuPlanTest, KeepsSparseNumbersAsTheyAre) {
  const Machine machine = Synthetic("Core:3 PU:2(indexes=0,100,7,300,8,5)");
  const CpuPlan plan = Plan({.workers = 4}, machine);
  EXPECT_THAT(plan.worker_cpus, ElementsAre(300, 100, 8, 7));
  EXPECT_THAT(plan.io_cpus, ElementsAre(0, 5));
  EXPECT_THAT(Plan({.cpus = "5,300"}, machine).worker_cpus,
              ElementsAre(5, 300));
}

TEST(CpuPlanTest, PlansMoreThan64Cpus) {
  const Machine machine = Synthetic("NUMANode:4 L3Cache:4 Core:8 PU:2");
  ASSERT_THAT(machine.cpus, SizeIs(256));
  const CpuPlan plan = Plan({}, machine);
  EXPECT_EQ(plan.workers, 128);
  EXPECT_THAT(CountBy(&Cpu::core, plan.worker_cpus, machine), SizeIs(128));
  EXPECT_THAT(plan.io_cpus, SizeIs(128));
  EXPECT_THAT(Plan({.workers = 256}, machine).worker_cpus, SizeIs(256));
  EXPECT_THAT(Plan({.cpus = "200,64-66"}, machine).worker_cpus,
              ElementsAre(200, 64, 65, 66));
}

TEST(CpuPlanTest, UsesOnlyAllowedCpus) {
  const Machine machine = AllowingOnly({1, 2, 5, 6}, Synthetic("Core:8 PU:1"));
  const CpuPlan plan = Plan({}, machine);
  EXPECT_THAT(plan.worker_cpus, ElementsAre(6, 5));
  EXPECT_THAT(plan.io_cpus, ElementsAre(1, 2));
}

TEST(CpuPlanTest, TakesEachCpuForACoreIfNoneAreKnown) {
  const CpuPlan plan = Plan({.workers = 2}, Synthetic("PU:4"));
  EXPECT_THAT(plan.worker_cpus, ElementsAre(3, 2));
  EXPECT_THAT(plan.ToString(), AllOf(HasSubstr("   0   -      4  2-3"),
                                     Not(HasSubstr("share a core"))));
}

TEST(CpuPlanTest, RefusesAMachineThatAllowsNoCpu) {
  EXPECT_EQ(MakeCpuPlan({}, Machine()).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(MakeCpuPlan({}, AllowingOnly({}, Synthetic("Core:2 PU:1")))
                .status()
                .code(),
            absl::StatusCode::kFailedPrecondition);
}

// --- Counts and quotas ------------------------------------------------------

TEST(CpuPlanTest, AutomaticCountIsHalfOfTheCpusAndAtLeastOne) {
  for (const auto& [cpus, workers] :
       std::map<int, int>{{1, 1}, {2, 1}, {3, 1}, {4, 2}, {64, 32}}) {
    const CpuPlan plan =
        Plan({}, Synthetic("Core:" + std::to_string(cpus) + " PU:1"));
    EXPECT_EQ(plan.workers, workers) << cpus << " CPUs";
    EXPECT_THAT(plan.worker_cpus, SizeIs(workers));
  }
}

TEST(CpuPlanTest, AutomaticCountHeedsTheQuota) {
  const Machine machine = Synthetic("Core:8 PU:1");
  for (const auto& [quota, workers] : std::map<double, int>{
           {0.5, 1}, {1, 1}, {2.5, 1}, {4, 2}, {7.9, 3}, {100, 4}}) {
    const CpuPlan plan = Plan({}, WithQuota(machine, quota));
    EXPECT_EQ(plan.workers, workers) << "a quota of " << quota;
  }
  EXPECT_THAT(Plan({}, WithQuota(machine, 2.5)).ToString(),
              HasSubstr("the cgroup quota allows 2.5 CPUs "
                        "(/sys/fs/cgroup/a/cpu.max)"));
}

TEST(CpuPlanTest, SharesAllCpusWithIoOnlyIfWorkersHaveEachAndSaysSo) {
  const CpuPlan plan = Plan({.workers = 2}, Synthetic("Core:2 PU:1"));
  EXPECT_THAT(plan.io_cpus, ElementsAre(0, 1));
  EXPECT_THAT(plan.ToString(), HasSubstr("I/O shares them all"));
  EXPECT_THAT(Plan({.workers = 1}, Synthetic("Core:2 PU:1")).ToString(),
              Not(HasSubstr("I/O shares")));
}

TEST(CpuPlanTest, RefusesMorePinnedWorkersThanCpusWithTheNumbers) {
  const Machine machine = AllowingOnly({1, 2, 3, 6}, Synthetic("Core:8 PU:1"));
  EXPECT_EQ(Refusal({.workers = 5}, machine),
            "5 pinned workers cannot each have a CPU: this process may use "
            "4 CPUs (1-3,6, by the affinity mask); ask for at most 4, or let "
            "workers float (cpu_policy float)");
}

TEST(CpuPlanTest, RefusesMorePinnedWorkersThanTheQuotaPaysFor) {
  const Machine machine = WithQuota(Synthetic("Core:8 PU:1"), 2.5);
  const std::string refusal =
      "3 pinned workers cannot each have a CPU: the cgroup quota allows "
      "2.5 CPUs (/sys/fs/cgroup/a/cpu.max); ask for at most 2, raise the "
      "quota, or let workers float (cpu_policy float)";
  EXPECT_EQ(Refusal({.workers = 3}, machine), refusal);
  EXPECT_EQ(Refusal({.cpus = "1-3"}, machine), refusal);
  EXPECT_EQ(Plan({.workers = 2}, machine).workers, 2);
}

TEST(CpuPlanTest, AllowsOnePinnedWorkerUnderAQuotaBelowOneCpu) {
  const Machine machine = WithQuota(Synthetic("Core:2 PU:1"), 0.25);
  EXPECT_EQ(Plan({.workers = 1}, machine).workers, 1);
  EXPECT_THAT(Refusal({.workers = 2}, machine),
              HasSubstr("ask for at most 1,"));
}

TEST(CpuPlanTest, RefusesACountThatIsNone) {
  const Machine machine = Synthetic("Core:8 PU:1");
  for (const int count : {-1, -5, 8193, 1 << 30}) {
    EXPECT_EQ(Refusal({.workers = count}, machine),
              absl::StrCat(count,
                           " workers cannot be had; give a number from 1 to "
                           "8192, or 0 for as many as fit the machine"));
  }
}

TEST(CpuPlanTest, ReadsThePolicyByName) {
  EXPECT_EQ(ParseCpuPolicy("pin").value(), CpuPolicy::kPin);
  EXPECT_EQ(ParseCpuPolicy("float").value(), CpuPolicy::kFloat);
  EXPECT_EQ(ParseCpuPolicy("Pin").status().message(),
            "there is no CPU policy 'Pin'; expected 'pin' or 'float'");
}

// --- Floating workers -------------------------------------------------------

TEST(CpuPlanTest, FloatingWorkersShareAllAllowedCpusWithIo) {
  const Machine machine = AllowingOnly({1, 2, 5, 6}, Synthetic("Core:8 PU:1"));
  const CpuPlan plan = Plan({.policy = CpuPolicy::kFloat}, machine);
  EXPECT_EQ(plan.workers, 2);
  EXPECT_THAT(plan.worker_cpus, ElementsAre(1, 2, 5, 6));
  EXPECT_THAT(plan.io_cpus, ElementsAre(1, 2, 5, 6));
  EXPECT_EQ(plan.ToString(),
            "2 workers, floating:\n"
            "NUMA  L3  cores  worker CPUs  I/O CPUs\n"
            "   0   -      4  1-2,5-6      1-2,5-6\n"
            "This process may use 4 CPUs (1-2,5-6, by the affinity mask).\n"
            "No cgroup quota limits it.\n"
            "Automatic: workers for half of the 4 usable CPUs, 2.\n"
            "Workers float over all allowed CPUs.\n"
            "No allowed CPU is without workers, so I/O shares them all.\n");
}

TEST(CpuPlanTest, FloatingWorkersShareTheListedCpusAlone) {
  const CpuPlan plan =
      Plan({.workers = 2, .cpus = "5-7", .policy = CpuPolicy::kFloat},
           Synthetic("Core:8 PU:1"));
  EXPECT_EQ(plan.workers, 2);
  EXPECT_THAT(plan.worker_cpus, ElementsAre(5, 6, 7));
  EXPECT_THAT(plan.io_cpus, ElementsAre(0, 1, 2, 3, 4));
}

TEST(CpuPlanTest, FloatingWorkersExceedTheCpusOnlyIfCounted) {
  const Machine machine = WithQuota(Synthetic("Core:4 PU:1"), 2.5);
  EXPECT_EQ(Plan({.cpus = "0-3", .policy = CpuPolicy::kFloat}, machine).workers,
            2);
  const CpuPlan plan =
      Plan({.workers = 9, .policy = CpuPolicy::kFloat}, machine);
  EXPECT_EQ(plan.workers, 9);
  EXPECT_THAT(plan.ToString(),
              HasSubstr("9 workers were asked for and take turns: there is "
                        "time for 2 CPUs."));
}

// --- Lists ------------------------------------------------------------------

TEST(CpuPlanTest, TakesAListExactlyAndInItsOrder) {
  const Machine machine = Synthetic("Core:10 PU:1");
  const CpuPlan plan = Plan({.cpus = "8,0-2,4"}, machine);
  EXPECT_EQ(plan.workers, 5);
  EXPECT_THAT(plan.worker_cpus, ElementsAre(8, 0, 1, 2, 4));
  EXPECT_THAT(plan.io_cpus, ElementsAre(3, 5, 6, 7, 9));
  EXPECT_EQ(Plan({.workers = 5, .cpus = "8,0-2,4"}, machine).worker_cpus,
            plan.worker_cpus);
}

TEST(CpuPlanTest, RefusesAListThatDisagreesWithTheCount) {
  EXPECT_EQ(Refusal({.workers = 3, .cpus = "0-1"}, Synthetic("Core:4 PU:1")),
            "3 pinned workers and the CPU list '0-1' of 2 CPUs do not agree; "
            "list as many CPUs as workers, or leave one out");
}

TEST(CpuPlanTest, RefusesACpuListedTwice) {
  const Machine machine = Synthetic("Core:8 PU:1");
  for (const std::string list : {"3,3", "0-3,3", "2-4,3-5"}) {
    EXPECT_EQ(Refusal({.cpus = list}, machine),
              "CPU 3 is listed twice; list each CPU once");
  }
}

TEST(CpuPlanTest, RefusesACpuThatDoesNotExist) {
  EXPECT_EQ(Refusal({.cpus = "2-4"}, Synthetic("Core:4 PU:1")),
            "there is no CPU 4; this process may use 4 CPUs (0-3, by the "
            "affinity mask)");
}

TEST(CpuPlanTest, RefusesACpuThatIsNotAllowed) {
  Machine machine = AllowingOnly({0, 1, 3}, Synthetic("Core:4 PU:1"));
  machine.allowed_by = "the cpuset of /cpuset.cpus";
  EXPECT_EQ(Refusal({.cpus = "1-2"}, machine),
            "CPU 2 is not allowed; this process may use 3 CPUs (0-1,3, by the "
            "cpuset of /cpuset.cpus)");
}

TEST(CpuPlanTest, RefusesAListThatIsNoneAndSaysWhere) {
  const Machine machine = Synthetic("Core:4 PU:1");
  for (const auto& [list, fault] : std::map<std::string, std::string>{
           {"3-1", "'3-1' runs backwards"},
           {"1,,2", "a number is missing"},
           {",1", "a number is missing"},
           {"1,", "a number is missing"},
           {"-1", "'-1' is no number or range"},
           {"1-", "'1-' is no number or range"},
           {"1-2-3", "'1-2-3' is no number or range"},
           {"a", "'a' is no number or range"},
           {"0, 1", "' 1' is no number or range"},
           {"0x1", "'0x1' is no number or range"},
           {"0-4294967296", "'0-4294967296' goes beyond 1048575"},
           {"1048576", "'1048576' goes beyond 1048575"},
           {"99999999999999999999", "goes beyond 1048575"}}) {
    EXPECT_THAT(Refusal({.cpus = list}, machine),
                AllOf(HasSubstr("the CPU list '" + list + "'"),
                      HasSubstr(fault), EndsWith("such as 0-3,8")));
  }
  // Large, but a number: it is the machine that lacks it.
  EXPECT_THAT(Refusal({.cpus = "0-1048575"}, machine),
              HasSubstr("there is no CPU 4;"));
}

// --- The text ---------------------------------------------------------------

TEST(CpuPlanTest, PrintsItselfAsATableAndSaysWhy) {
  const Machine machine =
      WithQuota(AllowingOnly({0, 1, 2, 3, 8, 9, 10, 11, 12, 13},
                             Synthetic("NUMANode:2 L3Cache:2 Core:2 PU:2")),
                6.5);
  EXPECT_EQ(
      Plan({}, machine).ToString(),
      "3 workers, each pinned:\n"
      "NUMA  L3  cores  worker CPUs  I/O CPUs\n"
      "   0   0      2  3            0-2\n"
      "   1   2      2  11           8-10\n"
      "   1   3      1  13           12\n"
      "This process may use 10 CPUs (0-3,8-13, by the affinity mask).\n"
      "However, the cgroup quota allows 6.5 CPUs (/sys/fs/cgroup/a/cpu.max).\n"
      "Automatic: workers for half of the 6 usable CPUs, 3; the rest is for "
      "I/O.\n"
      "Workers 0 to 2 run on CPUs 13, 3, 11, in this order.\n"
      "Chosen: cores before second hardware threads, spread over NUMA nodes "
      "and L3 caches, the highest number first.\n");
}

TEST(CpuPlanTest, SaysHowManyWorkersShareACore) {
  EXPECT_THAT(Plan({.workers = 3}, Synthetic("Core:2 PU:2")).ToString(),
              HasSubstr("2 workers share a core with another worker."));
}

}  // namespace
}  // namespace pinion
