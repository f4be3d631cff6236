// SPDX-License-Identifier: Apache-2.0
//
// A handler that throws, or drops its call, leaves a line in the log.
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/config.h"
#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/kv_methods.h"
#include "pinion/client/method.h"
#include "pinion/core/base/mutex.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/call.h"
#include "pinion/server/server.h"
#include "pinion/server/stream.h"
#include "pinion/server/testing.h"
#include "shop/v1/counter.pb.h"

namespace pinion {
namespace {

using ::pinion::kv::v1::WatchRequest;
using ::pinion::kv::v1::WatchResponse;
using ::pinion::testing::ManualServer;
using ::shop::v1::AddRequest;
using ::shop::v1::AddResponse;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kService[] = "shop.v1.CounterService";
constexpr Method<AddRequest, AddResponse> kAdd("/shop.v1.CounterService/Add");

AddRequest AddTo(absl::string_view name) {
  AddRequest request;
  request.set_name(std::string(name));
  return request;
}

struct Dropping {
  void Add(Call<AddRequest, AddResponse>) {}
};

struct DroppingStream {
  void Watch(const WatchRequest&, Stream<WatchResponse>) {}
};

struct Keeping {
  void Add(Call<AddRequest, AddResponse> call) {
    kept.emplace(std::move(call));
  }
  std::optional<Call<AddRequest, AddResponse>>& kept;
};

class FaultLinesTest : public ::testing::Test {
 protected:
  testing::ManualOptions Options() {
    return {.hosting = {.workers = 1,
                        .log =
                            [this](absl::string_view line) {
                              MutexLock lock(mutex_);
                              log_.emplace_back(line);
                            },
                        .log_keys = true}};
  }
  std::vector<std::string> logged() {
    MutexLock lock(mutex_);
    return log_;
  }
  void Forget() {
    MutexLock lock(mutex_);
    log_.clear();
  }

  // The I/O thread logs, too.
  Mutex mutex_;
  std::vector<std::string> log_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(FaultLinesTest, TellOfACallThatItsHandlerDropped) {
  for (const bool in_session : {false, true}) {
    Forget();
    testing::ManualOptions options = Options();
    if (in_session) options.client = {};
    ManualServer test(
        [](Server& server) {
          server.Host<Dropping>(kService).On("Add", &Dropping::Add);
        },
        options);
    const auto call = test.Call(kAdd, AddTo("apples"));
    test.RunUntilIdle();
    EXPECT_EQ(call.Await().status().code(), absl::StatusCode::kInternal);
    EXPECT_THAT(logged(), ElementsAre(HasSubstr(
                              " error lane: /shop.v1.CounterService/Add, "
                              "worker 0: the handler dropped the call")));
  }
}

TEST_F(FaultLinesTest, TellOfAStreamThatItsHandlerDropped) {
  ManualServer test(
      [](Server& server) {
        server.Host<DroppingStream>("pinion.kv.v1.KvService")
            .On("Watch", &DroppingStream::Watch);
      },
      Options());
  WatchRequest request;
  request.set_key("apples");
  const auto watch = test.Stream(kv::kWatch, request);
  test.RunUntilIdle();
  EXPECT_EQ(watch.AwaitEnd().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(logged(), ElementsAre(HasSubstr(
                            " error lane: /pinion.kv.v1.KvService/Watch, "
                            "worker 0: the handler dropped the stream")));
}

TEST_F(FaultLinesTest, TellNothingOfACallThatIsDroppedAfterItsAnswer) {
  std::optional<Call<AddRequest, AddResponse>> kept;
  ManualServer test(
      [&](Server& server) {
        server
            .Host<Keeping>(
                kService,
                [&] { return std::unique_ptr<Keeping>(new Keeping{kept}); })
            .On("Add", &Keeping::Add);
      },
      Options());
  const auto call =
      test.Call(kAdd, AddTo("apples"), {.timeout = absl::Seconds(1)});
  test.RunUntilIdle();
  test.Advance(absl::Seconds(1));
  EXPECT_EQ(call.Await().status().code(), absl::StatusCode::kDeadlineExceeded);
  kept.reset();
  EXPECT_THAT(logged(), IsEmpty());
}

#ifdef ABSL_HAVE_EXCEPTIONS

struct Throwing {
  absl::Status Add(const AddRequest&, AddResponse*) {
    throw std::runtime_error("out of cheese");
  }
};

struct ThrowingLater {
  void Add(Call<AddRequest, AddResponse>) {
    throw std::runtime_error("out of cheese");
  }
};

struct ThrowingAtTheEnd {
  absl::Status Add(const AddRequest&, AddResponse*) { return absl::OkStatus(); }
  absl::Status EndBatch() { throw std::runtime_error("out of cheese"); }
};

template <typename Shard>
void HostAdd(Server& server) {
  server.Host<Shard>(kService).On("Add", &Shard::Add);
}

TEST_F(FaultLinesTest, NameTheMethodAndTheKeyOfAHandlerThatThrew) {
  for (const auto host : {HostAdd<Throwing>, HostAdd<ThrowingLater>}) {
    Forget();
    ManualServer test(host, Options());
    const auto call = test.Call(kAdd, AddTo("apples"));
    test.RunUntilIdle();
    EXPECT_EQ(call.Await().status().code(), absl::StatusCode::kInternal);
    EXPECT_THAT(
        logged(),
        ElementsAre(EndsWith(
            " error lane: /shop.v1.CounterService/Add, key \"apples\", worker "
            "0: the handler threw an exception: out of cheese")));
  }
}

// As operators of strangers' keys have it.
TEST_F(FaultLinesTest, NameTheSlotOfTheKeyByDefault) {
  testing::ManualOptions options = Options();
  options.hosting.log_keys = HostingOptions().log_keys;
  ManualServer test(HostAdd<Throwing>, options);
  const auto call = test.Call(kAdd, AddTo("ann@example.com"));
  test.RunUntilIdle();
  EXPECT_FALSE(call.Await().ok());
  EXPECT_THAT(logged(),
              ElementsAre(AllOf(HasSubstr("Add, key in slot "),
                                HasSubstr(" (set log_keys to see it), worker "),
                                Not(HasSubstr("ann")))));
}

TEST_F(FaultLinesTest, AreWrittenAsTheServerIsToldWhileItRuns) {
  ManualServer test(HostAdd<Throwing>, Options());
  const auto fail = [&] {
    const auto call = test.Call(kAdd, AddTo("apples"));
    test.RunUntilIdle();
    EXPECT_FALSE(call.Await().ok());
  };
  Hosting& hosting = test.server().hosting();
  hosting.SetLog({.format = LogFormat::kJson, .keys = true});
  fail();
  EXPECT_THAT(logged(),
              ElementsAre(AllOf(HasSubstr(R"("level":"error","area":"lane",)"),
                                HasSubstr(R"("event":"handler_threw",)"),
                                HasSubstr(R"("key":"apples",)"))));
  EXPECT_EQ(hosting.log_settings().format, LogFormat::kJson);
  hosting.SetLog({.keys = false});
  fail();
  EXPECT_THAT(logged()[1], HasSubstr("key in slot "));
}

// What a client writes into its key, and a handler into its exception.
TEST_F(FaultLinesTest, AreOneLineEachWhateverTheClientSends) {
  struct Echoing {
    absl::Status Add(const AddRequest& request, AddResponse*) {
      throw std::runtime_error(absl::StrCat("no ", request.name()));
    }
  };
  ManualServer test(HostAdd<Echoing>, Options());
  const auto call = test.Call(
      kAdd, AddTo("a\n2026-11-29T08:15:00.123456Z error stop: x\x1b[2J"));
  test.RunUntilIdle();
  EXPECT_FALSE(call.Await().ok());
  EXPECT_THAT(logged(),
              ElementsAre(AllOf(Not(HasSubstr("\n")), Not(HasSubstr("\x1b")),
                                HasSubstr(R"(key "a\n2026)"),
                                HasSubstr(R"(exception: no a\n2026)"))));
}

TEST_F(FaultLinesTest, TellOnceOfAnEndOfABatchThatThrew) {
  ManualServer test(HostAdd<ThrowingAtTheEnd>, Options());
  const auto first = test.Call(kAdd, AddTo("apples"));
  const auto second = test.Call(kAdd, AddTo("apples"));
  test.RunUntilIdle();
  EXPECT_FALSE(first.Await().ok());
  EXPECT_FALSE(second.Await().ok());
  EXPECT_THAT(logged(),
              ElementsAre(EndsWith(
                  " error lane: shop.v1.CounterService, worker 0: EndBatch() "
                  "threw an exception: out of cheese")));
}

TEST_F(FaultLinesTest, AreLimitedInRate) {
  ManualServer test(HostAdd<Throwing>, Options());
  std::vector<testing::PendingCall<AddResponse>> calls;
  for (int i = 0; i < 50; ++i) calls.push_back(test.Call(kAdd, AddTo("a")));
  test.RunUntilIdle();
  for (const auto& call : calls) EXPECT_FALSE(call.Await().ok());
  EXPECT_EQ(logged().size(), 11u);
  EXPECT_THAT(logged().back(), HasSubstr("left out"));
  test.Advance(absl::Seconds(1));
  const auto later = test.Call(kAdd, AddTo("a"));
  test.RunUntilIdle();
  EXPECT_FALSE(later.Await().ok());
  ASSERT_EQ(logged().size(), 12u);
  EXPECT_THAT(logged()[11], HasSubstr("out of cheese (left out: 40 lines)"));
}

#endif  // ABSL_HAVE_EXCEPTIONS

}  // namespace
}  // namespace pinion
