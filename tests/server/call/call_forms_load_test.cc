// SPDX-License-Identifier: Apache-2.0
//
// P1, P2 and P3 under load with each form of handler: one thread for each key,
// calls of a key in the order sent, and one answer for each; while some are
// cancelled and some expire.
#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/core/base/mutex.h"
#include "pinion/server/call.h"
#include "pinion/tests/support/sanitized.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/tests/support/test_server.h"
#include "pinion/v1/session.pb.h"
#include "tests/server/support/bad.pb.h"

namespace pinion {
namespace {

using ::pinion::test::Thing;
using ::pinion::testing::kTimesSlower;
using ::pinion::testing::SessionClient;
using ::pinion::testing::TestServer;

using ThingCall = Call<Thing, Thing>;

constexpr char kKeyed[] = "/pinion.test.GoodService/Keyed";
constexpr int kKeys = 16;
constexpr int kWorkers = 2;
constexpr int64_t kCalls = 300'000 / kTimesSlower;
constexpr int64_t kOfMessage = 1000;
// How many messages are ahead of the answers that were looked at.
constexpr int64_t kAhead = 6;

// What must hold of each key, whatever the form.
class Watch {
 public:
  // A handler begins with `thing`, whose size is the number of its call.
  void Begin(const Thing& thing) {
    int key = 0;
    EXPECT_TRUE(absl::SimpleAtoi(thing.name(), &key));
    Key& seen = keys_[key];
    const auto number = static_cast<int64_t>(thing.size());
    if (seen.last >= number) ++in_disorder_;
    seen.last = number;
    const std::thread::id here = std::this_thread::get_id();
    if (seen.thread == std::thread::id()) seen.thread = here;
    if (seen.thread != here) ++elsewhere_;
    ++begun_;
  }
  int64_t in_disorder() const { return in_disorder_; }
  int64_t elsewhere() const { return elsewhere_; }
  int64_t begun() const { return begun_; }

 private:
  // Without a lock, as a shard's state is: ThreadSanitizer looks on.
  struct Key {
    int64_t last = 0;
    std::thread::id thread;
  };
  std::array<Key, kKeys> keys_;
  std::atomic<int64_t> in_disorder_{0};
  std::atomic<int64_t> elsewhere_{0};
  std::atomic<int64_t> begun_{0};
};

// Threads that finish the calls that are put there, each in its own way.
class Finishers {
 public:
  Finishers() {
    for (int i = 0; i < 2; ++i) {
      threads_.emplace_back([this] { Run(); });
    }
  }
  ~Finishers() {
    {
      MutexLock lock(mutex_);
      ended_ = true;
    }
    changed_.NotifyAll();
    for (std::thread& thread : threads_) thread.join();
  }
  void Put(ThingCall call) {
    {
      MutexLock lock(mutex_);
      calls_.push_back(std::move(call));
    }
    changed_.NotifyAll();
  }

 private:
  std::optional<ThingCall> Take() {
    MutexLock lock(mutex_);
    while (calls_.empty() && !ended_) changed_.Wait(mutex_);
    if (calls_.empty()) return std::nullopt;
    ThingCall call = std::move(calls_.front());
    calls_.pop_front();
    return call;
  }
  void Run() {
    while (std::optional<ThingCall> call = Take()) {
      *call->response() = call->request();
      // One in some is dropped instead.
      if (static_cast<int64_t>(call->request().size()) % 101 != 0) {
        call->Finish();
      }
    }
  }

  Mutex mutex_;
  CondVar changed_;
  std::deque<ThingCall> calls_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

struct World {
  Watch watch;
  Finishers finishers;
};

class Shard {
 public:
  explicit Shard(World& world) : world_(world) {}

  absl::Status One(const Thing& request, Thing* response) {
    world_.watch.Begin(request);
    *response = request;
    return absl::OkStatus();
  }
  void Batch(absl::Span<ThingCall> calls) {
    for (ThingCall& call : calls) {
      world_.watch.Begin(call.request());
      *call.response() = call.request();
      call.Finish();
    }
  }
  void Later(ThingCall call) {
    world_.watch.Begin(call.request());
    world_.finishers.Put(std::move(call));
  }
  // Over the shard of the next worker.
  void Hops(ThingCall call) {
    world_.watch.Begin(call.request());
    Hop hop = call.context().TakeHop();
    const int next = (call.context().worker() + 1) % kWorkers;
    std::move(hop).Post<Shard>(next, [call = std::move(call)](Shard&) mutable {
      *call.response() = call.request();
      call.Finish();
    });
  }

 protected:
  World& world_;
};

// The same with a group commit.
class EndingShard : public Shard {
 public:
  using Shard::Shard;
  absl::Status EndBatch() {
    ++ends_;
    return absl::OkStatus();
  }

 private:
  int64_t ends_ = 0;
};

struct Form {
  const char* name;
  void (*host)(Server& server, World& world);
};

template <typename S, auto member>
void HostForm(Server& server, World& world) {
  server
      .Host<S>("pinion.test.GoodService",
               [&world] { return std::make_unique<S>(world); })
      .On("Keyed", member);
}

class CallFormsLoadTest : public ::testing::TestWithParam<Form> {
 protected:
  CallFormsLoadTest() {
    GetParam().host(test_.server(), world_);
    test_.Start();
  }

  static v1::OpenRequest Message(int64_t first) {
    v1::OpenRequest request;
    if (first == 1) {
      v1::MethodName* const method = request.add_methods();
      method->set_index(1);
      method->set_name(kKeyed);
    }
    for (int64_t id = first; id < first + kOfMessage; ++id) {
      v1::SessionCall* const call = request.add_calls();
      call->set_id(id);
      call->set_method_index(1);
      Thing thing;
      thing.set_name(absl::StrCat(id * 7 % kKeys));
      thing.set_size(static_cast<double>(id));
      call->set_payload(thing.SerializeAsString());
      if (id % 11 == 0) call->set_timeout_us(id % 3000 + 1);
      if (first > 1 && id % 13 == 0) request.add_cancel(id - kOfMessage);
    }
    return request;
  }

  void Look(SessionClient& session, int64_t first) {
    for (int64_t id = first; id < first + kOfMessage; ++id) {
      const v1::SessionAnswer answer = session.Await(id);
      ++codes_[static_cast<absl::StatusCode>(answer.code())];
      if (answer.code() != 0) continue;
      Thing thing;
      EXPECT_TRUE(thing.ParseFromString(answer.payload()));
      EXPECT_EQ(static_cast<int64_t>(thing.size()), id);
    }
  }

  World world_;
  TestServer test_{{.workers = kWorkers, .io_threads = 2}};
  std::map<absl::StatusCode, int64_t> codes_;
};

TEST_P(CallFormsLoadTest, OneThreadInOrderAndOneAnswerForEachCall) {
  SessionClient session(test_.TcpChannel());
  const int64_t messages = kCalls / kOfMessage;
  for (int64_t i = 0; i < messages; ++i) {
    session.Send(Message(i * kOfMessage + 1));
    if (i >= kAhead) Look(session, (i - kAhead) * kOfMessage + 1);
  }
  for (int64_t i = messages - kAhead; i < messages; ++i) {
    Look(session, i * kOfMessage + 1);
  }
  session.EndSends();
  EXPECT_TRUE(session.AwaitEnd().ok()) << session.AwaitEnd();
  EXPECT_EQ(session.answers_come(),
            static_cast<uint64_t>(messages * kOfMessage));
  EXPECT_EQ(world_.watch.in_disorder(), 0);
  EXPECT_EQ(world_.watch.elsewhere(), 0);
  EXPECT_GT(codes_[absl::StatusCode::kOk], 0);
  EXPECT_LE(codes_[absl::StatusCode::kOk], world_.watch.begun());
  // The account is looked at when the server stops.
}

INSTANTIATE_TEST_SUITE_P(
    , CallFormsLoadTest,
    ::testing::Values(Form{"One", HostForm<Shard, &Shard::One>},
                      Form{"Batch", HostForm<Shard, &Shard::Batch>},
                      Form{"Later", HostForm<Shard, &Shard::Later>},
                      Form{"Hops", HostForm<Shard, &Shard::Hops>},
                      Form{"EndBatch",
                           HostForm<EndingShard, &EndingShard::Batch>}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace pinion
