// SPDX-License-Identifier: Apache-2.0
//
// P1: all calls of one key run on one pinned thread. Over TCP, under load.
#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/cpu/affinity.h"
#include "pinion/core/scheduler.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/kv/kv_shard.h"
#include "pinion/server/shard_info.h"
#include "pinion/tests/support/sanitized.h"
#include "pinion/tests/support/test_server.h"

namespace pinion {
namespace {

using ::pinion::testing::TestServer;
using ::testing::ElementsAre;

constexpr int kClients = 8;
constexpr int kCalls = 100'000 / testing::kTimesSlower;
constexpr int kKeys = 1000 / testing::kTimesSlower;

pid_t ThreadId() { return static_cast<pid_t>(syscall(SYS_gettid)); }

// What the shards saw; each gives its part when it is destroyed.
struct Seen {
  Mutex mutex;
  std::map<std::string, std::set<pid_t>> threads_of_key ABSL_GUARDED_BY(mutex);
};

// The real shard, which notes the thread of each call as it goes.
class NotingShard {
 public:
  NotingShard(Seen& seen, const ShardInfo& info) : seen_(seen), shard_(info) {}
  ~NotingShard() {
    MutexLock lock(seen_.mutex);
    for (auto& [key, threads] : threads_of_key_) {
      seen_.threads_of_key[key].insert(threads.begin(), threads.end());
    }
  }
  absl::Status Increment(const kv::v1::IncrementRequest& request,
                         kv::v1::IncrementResponse* response) {
    threads_of_key_[request.key()].insert(ThreadId());
    return shard_.Increment(request, response);
  }
  absl::Status Get(const kv::v1::GetRequest& request,
                   kv::v1::GetResponse* response) {
    return shard_.Get(request, response);
  }

 private:
  Seen& seen_;
  kv::KvShard shard_;
  std::map<std::string, std::set<pid_t>> threads_of_key_;
};

struct Thread {
  pid_t id;
  std::string name;
  std::vector<int> cpus;
};

std::vector<Thread> AllThreads() {
  std::vector<Thread> threads;
  DIR* folder = opendir("/proc/self/task");
  while (const dirent* entry = readdir(folder)) {
    Thread thread;
    if (!absl::SimpleAtoi(entry->d_name, &thread.id)) continue;
    std::ifstream comm(absl::StrCat("/proc/self/task/", thread.id, "/comm"));
    std::getline(comm, thread.name);
    const auto cpus = AllowedCpus(thread.id);
    if (!cpus.ok()) continue;  // It has ended meanwhile.
    thread.cpus = *cpus;
    threads.push_back(thread);
  }
  closedir(folder);
  return threads;
}

class OneThreadTest : public ::testing::Test {
 protected:
  OneThreadTest() {
    test_.server()
        .Host<NotingShard>("pinion.kv.v1.KvService",
                           [this](const ShardInfo& info) {
                             return std::make_unique<NotingShard>(seen_, info);
                           })
        .On("Increment", &NotingShard::Increment)
        .On("Get", &NotingShard::Get);
    test_.Start();
  }

  static std::string KeyOf(int call) {
    return absl::StrCat("key", call % kKeys);
  }

  // `kClients` threads share `kCalls` increments, each waiting for its answer
  // before its next.
  void IncrementFromManyClients() {
    std::vector<std::thread> clients;
    for (int c = 0; c < kClients; ++c) {
      clients.emplace_back([this, c] {
        const auto client = test_.TcpClient();
        for (int call = c; call < kCalls; call += kClients) {
          kv::v1::IncrementRequest request;
          request.set_key(KeyOf(call / kClients + c));
          request.set_by(1);
          const auto reply = client->Call<kv::v1::IncrementResponse>(
              "/pinion.kv.v1.KvService/Increment", request);
          ASSERT_TRUE(reply.ok()) << reply.status();
        }
      });
    }
    for (auto& client : clients) client.join();
  }

  Seen seen_;
  TestServer test_{{.workers = 2}};
};

TEST_F(OneThreadTest, CountsExactlyWithEachKeyOnOnePinnedThreadAndNoLock) {
  IncrementFromManyClients();

  std::map<std::string, int64_t> expected;
  for (int c = 0; c < kClients; ++c) {
    for (int call = c; call < kCalls; call += kClients) {
      ++expected[KeyOf(call / kClients + c)];
    }
  }
  ASSERT_EQ(expected.size(), static_cast<size_t>(kKeys));
  for (const auto& [key, count] : expected) {
    kv::v1::GetRequest request;
    request.set_key(key);
    const auto got = test_.client().Call<kv::v1::GetResponse>(
        "/pinion.kv.v1.KvService/Get", request);
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(got->value(), absl::StrCat(count)) << key;
  }

  // Which threads are workers, and what the kernel says of them.
  std::set<pid_t> workers;
  for (const Thread& thread : AllThreads()) {
    if (!absl::StartsWith(thread.name, "pinion-w")) continue;
    workers.insert(thread.id);
    int index = -1;
    ASSERT_TRUE(absl::SimpleAtoi(thread.name.substr(8), &index));
    EXPECT_THAT(
        thread.cpus,
        ElementsAre(test_.server().scheduler().cpu_plan().worker_cpus[index]));
  }
  EXPECT_EQ(workers.size(), 2u);

  test_.Stop();
  MutexLock lock(seen_.mutex);
  EXPECT_EQ(seen_.threads_of_key.size(), static_cast<size_t>(kKeys));
  std::set<pid_t> used;
  for (const auto& [key, threads] : seen_.threads_of_key) {
    ASSERT_EQ(threads.size(), 1u) << key << " ran on several threads";
    used.insert(*threads.begin());
  }
  EXPECT_EQ(used, workers);
}

TEST_F(OneThreadTest, LeavesNoOtherThreadWithAWorkersCpuMaskAfterLoad) {
  const size_t cpus = AllowedCpus().value().size();
  ASSERT_GT(cpus, 1u) << "with one CPU every thread has a worker's mask";
  IncrementFromManyClients();
  int others = 0;
  for (const Thread& thread : AllThreads()) {
    if (absl::StartsWith(thread.name, "pinion-w")) continue;
    ++others;
    EXPECT_EQ(thread.cpus.size(), cpus)
        << thread.name << " was left with " << thread.cpus.size() << " CPUs";
  }
  EXPECT_GT(others, 3) << "gRPC's threads were not seen";
}

TEST(KvShardSourceTest, HasNoLock) {
  for (const char* file : {"server/kv/kv_shard.h", "server/kv/kv_shard.cc"}) {
    std::ifstream stream(file);
    ASSERT_TRUE(stream) << file;
    std::stringstream text;
    text << stream.rdbuf();
    for (const char* word : {"mutex", "Mutex", "atomic", "Lock("}) {
      EXPECT_FALSE(absl::StrContains(text.str(), word)) << file << ": " << word;
    }
  }
}

}  // namespace
}  // namespace pinion
