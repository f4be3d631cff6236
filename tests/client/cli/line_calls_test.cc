// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/line_calls.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/cli/methods.h"
#include "pinion/client/failure.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/testing/gate.h"

namespace pinion::cli {
namespace {

using ::pinion::testing::Gate;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Done = absl::AnyInvocable<void(const Reply&)>;

constexpr char kGet[] = "/pinion.kv.v1.KvService/Get";

class LineCallsTest : public ::testing::Test {
 protected:
  // What is answered to `input`, by line number.
  std::vector<std::string> RunLines(const std::string& input,
                                    LineCalls::Options options,
                                    LineCalls::Start start) {
    kv::v1::GetRequest::descriptor();
    const Methods methods(*google::protobuf::DescriptorPool::generated_pool());
    JsonCodec codec(methods);
    LineCalls calls(codec, std::move(options), std::move(start));
    std::FILE* in = std::tmpfile();
    std::fwrite(input.data(), 1, input.size(), in);
    std::rewind(in);
    char* text = nullptr;
    size_t size = 0;
    std::FILE* out = open_memstream(&text, &size);
    succeeded_ = calls.Run(in, out);
    std::fclose(in);
    std::fclose(out);
    std::vector<std::string> lines =
        absl::StrSplit(std::string(text, size), '\n', absl::SkipEmpty());
    std::free(text);
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  static void Echo(const std::string&, const std::string& request, Done done) {
    kv::v1::GetRequest get;
    ASSERT_TRUE(get.ParseFromString(request));
    kv::v1::GetResponse response;
    response.set_value(get.key());
    const std::string bytes = response.SerializeAsString();
    done({.status = absl::OkStatus(), .response = bytes});
  }

  bool succeeded_ = false;
};

TEST_F(LineCallsTest, RefusesALineThatWouldOpenAStream) {
  const auto answers = RunLines(
      R"({"method":"/pinion.kv.v1.KvService/Watch","request":{"key":"a"}})", {},
      Echo);
  EXPECT_THAT(answers, ElementsAre(HasSubstr("is a server-streaming method")));
  EXPECT_FALSE(succeeded_);
}

TEST_F(LineCallsTest, AnswersEachLineWithItsNumber) {
  const auto answers = RunLines("{\"key\":\"a\"}\r\n\n  \n{\"key\":\"b\"}",
                                {.method = kGet}, Echo);
  EXPECT_THAT(answers,
              ElementsAre(StartsWith(R"({"line":1,"response":{"value":"a",)"),
                          StartsWith(R"({"line":4,"response":{"value":"b",)")));
  EXPECT_TRUE(succeeded_);
}

TEST_F(LineCallsTest, AByteOrderMarkBeforeTheFirstLineIsNoPartOfIt) {
  EXPECT_THAT(
      RunLines("\xef\xbb\xbf{\"key\":\"a\"}\r\n{\"key\":\"b\"}\r\n",
               {.method = kGet}, Echo),
      ElementsAre(HasSubstr(R"("value":"a")"), HasSubstr(R"("value":"b")")));
  EXPECT_TRUE(succeeded_);
  const std::string named = absl::StrCat(R"({"method":")", kGet, R"("})");
  RunLines("\xef\xbb\xbf" + named, {}, Echo);
  EXPECT_TRUE(succeeded_);
  EXPECT_THAT(RunLines("\xef\xbb\xbf\n", {.method = kGet}, Echo),
              ElementsAre());
}

TEST_F(LineCallsTest, BadLinesAreToldAndTheRestGoesOn) {
  const auto answers =
      RunLines(absl::StrCat("{\"kye\":1}\nnonsense\n{\"key\":\"",
                            std::string(100, 'x'), "\"}\n{\"key\":\"b\"}\n"),
               {.method = kGet, .line_bytes = 64}, Echo);
  EXPECT_THAT(answers, ElementsAre(HasSubstr("kye"), HasSubstr("nonsense"),
                                   HasSubstr("more than 64 bytes"),
                                   HasSubstr(R"("value":"b")")));
  EXPECT_THAT(answers[2], HasSubstr(R"("code":"INVALID_ARGUMENT","message":)"));
  EXPECT_THAT(answers[2],
              HasSubstr(R"("reason":"BAD_REQUEST","executed":"NO"}})"));
  EXPECT_FALSE(succeeded_);
}

TEST_F(LineCallsTest, ALineMayNameItsMethod) {
  std::vector<std::string> methods;
  RunLines(
      "{\"method\":\"/pinion.kv.v1.KvService/Delete\",\"request\":{\"key\":"
      "\"a\"}}\n{\"key\":\"b\"}\n{\"method\":\"\\/pinion.kv.v1.KvService\\/"
      "Get\"}\n",
      {.method = kGet},
      [&](const std::string& method, const std::string& request, Done done) {
        methods.push_back(method);
        Echo(method, request, std::move(done));
      });
  EXPECT_THAT(methods,
              ElementsAre("/pinion.kv.v1.KvService/Delete", kGet, kGet));
}

TEST_F(LineCallsTest, ALineWithoutAMethodIsToldWhatToWrite) {
  EXPECT_THAT(RunLines("{\"key\":\"a\"}\n", {}, Echo),
              ElementsAre(HasSubstr("names no method; write")));
}

TEST_F(LineCallsTest, AnErrorHasItsReasonAndWhetherItRan) {
  const auto answers = RunLines(
      "{}\n{}\n", {.method = kGet},
      [first = true](const std::string&, const std::string&,
                     Done done) mutable {
        const absl::Status error = absl::NotFoundError("no \"a\"");
        done({.status = std::exchange(first, false)
                            ? client_internal::Failed(error, v1::REASON_HANDLER,
                                                      v1::EXECUTED_YES)
                            : error});
      });
  EXPECT_THAT(answers,
              ElementsAre(R"({"line":1,"error":{"code":"NOT_FOUND","message":)"
                          R"("no \"a\"","reason":"HANDLER","executed":"YES"}})",
                          R"({"line":2,"error":{"code":"NOT_FOUND","message":)"
                          R"("no \"a\"","reason":null,"executed":"MAYBE"}})"));
  EXPECT_FALSE(succeeded_);
}

TEST_F(LineCallsTest, NeverHasMoreOpenThanItMay) {
  std::string input;
  for (int i = 0; i < 500; ++i) absl::StrAppend(&input, "{\"key\":\"a\"}\n");
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Done> open;
  size_t max_open = 0;
  bool over = false;
  std::thread answerer([&] {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return over || !open.empty(); });
      if (open.empty()) return;
      max_open = std::max(max_open, open.size());
      // The latest first.
      Done done = std::move(open.back());
      open.pop_back();
      lock.unlock();
      done({.status = absl::OkStatus()});
      lock.lock();
    }
  });
  const auto answers =
      RunLines(input, {.method = kGet, .in_flight = 7},
               [&](const std::string&, const std::string&, Done done) {
                 const std::lock_guard lock(mutex);
                 open.push_back(std::move(done));
                 EXPECT_LE(open.size(), 7u);
                 changed.notify_one();
               });
  {
    const std::lock_guard lock(mutex);
    over = true;
    changed.notify_one();
  }
  answerer.join();
  EXPECT_EQ(answers.size(), 500u);
  EXPECT_LE(max_open, 7u);
}

// An answer that nobody takes keeps its place: here the pipe is full.
TEST_F(LineCallsTest, ReadsNoFurtherWhileItsAnswersAreNotTaken) {
  kv::v1::GetRequest::descriptor();
  const Methods methods(*google::protobuf::DescriptorPool::generated_pool());
  JsonCodec codec(methods);
  int input[2], output[2];
  ASSERT_EQ(pipe(input), 0);
  ASSERT_EQ(pipe(output), 0);
  std::FILE* in = fdopen(input[0], "r");
  std::FILE* out = fdopen(output[1], "w");
  const std::string response(100'000, 'x');  // More than a pipe holds.
  std::atomic<int> begun{0};
  Gate two_begun;
  LineCalls calls(codec, {.method = kGet, .in_flight = 2},
                  [&](const std::string&, const std::string&, Done done) {
                    kv::v1::GetResponse message;
                    message.set_value(response);
                    const std::string bytes = message.SerializeAsString();
                    if (++begun == 2) two_begun.Open();
                    done({.status = absl::OkStatus(), .response = bytes});
                  });
  std::thread runner([&] { calls.Run(in, out); });
  std::thread feeder([&] {
    for (int i = 0; i < 20; ++i) {
      ASSERT_EQ(write(input[1], "{}\n", 3), 3);
    }
    close(input[1]);
  });
  two_begun.Pass();
  feeder.join();
  // All lines are there, and the third would be begun by now or soon.
  EXPECT_EQ(begun, 2);
  std::thread taker([&] {
    char buffer[4096];
    while (read(output[0], buffer, sizeof buffer) > 0) {
    }
  });
  runner.join();
  std::fclose(out);
  taker.join();
  EXPECT_EQ(begun, 20);
  std::fclose(in);
  close(output[0]);
}

}  // namespace
}  // namespace pinion::cli
