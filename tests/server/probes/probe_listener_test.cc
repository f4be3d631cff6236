// SPDX-License-Identifier: Apache-2.0
//
// The listener of probes, by itself: what it answers, and to whom in spite of
// others.
#include "pinion/server/probes/probe_listener.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/listener/listening_sockets.h"
#include "pinion/server/listener/socket_address.h"
#include "pinion/server/probes/http_connections.h"
#include "pinion/tests/support/http_client.h"

namespace pinion {
namespace {

using ::pinion::testing::HttpAsk;
using ::pinion::testing::HttpClient;
using ::pinion::testing::HttpGet;
using ::pinion::testing::HttpReply;
using ::pinion::testing::HttpRequest;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kSlow[] = "GET /goo";  // The rest does not come.

// Says "good" of one path.
class Listener {
 public:
  explicit Listener(const Clock& clock = {}) {
    auto sockets = ListeningSockets::Open("127.0.0.1:0", {});
    EXPECT_TRUE(sockets.ok()) << sockets.status();
    address_ = absl::StrCat("127.0.0.1:", sockets->port());
    listener_.emplace(
        *std::move(sockets),
        [](absl::string_view path) {
          return path == "/good" ? HttpAnswer{200, "good\n"}
                                 : HttpAnswer{404, "unknown\n"};
        },
        clock);
    const absl::Status started = listener_->Start();
    EXPECT_TRUE(started.ok()) << started;
  }

  ProbeListener& get() { return *listener_; }
  const std::string& address() const { return address_; }

  void ExpectGood() const {
    const HttpReply reply = HttpGet(address_, "/good");
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "good\n");
  }

 private:
  std::string address_;
  std::optional<ProbeListener> listener_;
};

TEST(ProbeListenerTest, AnswersOneRequestAndClosesTheConnection) {
  const Listener listener;
  HttpClient client(listener.address());
  // A second request in the same breath is not answered.
  client.Send(HttpRequest("/good") + HttpRequest("/good"));
  const std::string all = client.ReadToEnd();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(all, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(all, HasSubstr("\r\nCache-Control: no-store\r\n"));
  EXPECT_EQ(all.find("good\n"), all.size() - 5);
}

TEST(ProbeListenerTest, AnswersAHeadRequestWithoutTheBody) {
  const Listener listener;
  const HttpReply reply =
      HttpAsk(listener.address(), HttpRequest("/good", "HEAD"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "");
  EXPECT_EQ(HttpAsk(listener.address(), HttpRequest("/other", "HEAD")).status,
            404);
}

TEST(ProbeListenerTest, RefusesOtherMethodsWhateverTheySend) {
  const Listener listener;
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get"}) {
    const HttpReply reply =
        HttpAsk(listener.address(), HttpRequest("/good", method));
    EXPECT_EQ(reply.status, 405) << method;
    EXPECT_THAT(reply.head, HasSubstr("\r\nAllow: GET, HEAD\r\n"));
    EXPECT_EQ(reply.body, "refused\n");
  }
  // Nor does it read what they bring.
  const HttpReply reply = HttpAsk(listener.address(),
                                  "POST /good HTTP/1.1\r\nHost: test\r\n"
                                  "Content-Length: 1000000000\r\n\r\nbegin");
  EXPECT_EQ(reply.status, 405);
}

TEST(ProbeListenerTest, IgnoresTheQueryOfAPath) {
  const Listener listener;
  EXPECT_EQ(HttpGet(listener.address(), "/good?verbose=1").status, 200);
  EXPECT_EQ(HttpGet(listener.address(), "/good/").status, 404);
}

TEST(ProbeListenerTest, AnswersClientsOfHttp10) {
  const Listener listener;
  EXPECT_EQ(HttpAsk(listener.address(), "GET /good HTTP/1.0\r\n\r\n").status,
            200);
}

TEST(ProbeListenerTest, GivesUpRequestsThatAreNone) {
  const Listener listener;
  for (const std::string& request : {
           std::string("garbage\r\n\r\n"),
           std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 13),
           std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
           "GET /" + std::string(8000, 'x') + " HTTP/1.1\r\n\r\n",
           "GET /good HTTP/1.1\r\nHost: test\r\nX: " + std::string(8000, 'x') +
               "\r\n\r\n",
           "GET /good HTTP/1.1\r\n" + std::string(8000, 'x'),
       }) {
    // It answers with an error, or with nothing.
    EXPECT_THAT(
        HttpAsk(listener.address(), request).status,
        AnyOf(0, ::testing::AllOf(::testing::Ge(400), ::testing::Lt(600))))
        << request.substr(0, 30);
  }
  listener.ExpectGood();
}

TEST(ProbeListenerTest, AnswersThoughManyConnectionsSayNothingOrTooLittle) {
  const Listener listener;
  std::deque<HttpClient> slow;
  for (size_t i = 0; i < 3 * HttpConnections::kMost; ++i) {
    slow.emplace_back(listener.address());
    if (i % 2 == 0) slow.back().Send(kSlow);
    if (i % HttpConnections::kMost == 0) listener.ExpectGood();
  }
  listener.ExpectGood();
  // The oldest were given up for the others.
  for (size_t i = 0; i < HttpConnections::kMost; ++i) {
    EXPECT_EQ(slow[i].ReadToEnd(), "");
  }
}

TEST(ProbeListenerTest, GivesUpAConnectionAfterItsTimeThoughBytesCome) {
  FakeClock time;
  const Listener listener(time.clock());
  HttpClient slow(listener.address());
  slow.Send(kSlow);
  listener.ExpectGood();  // So the slow one, which came before, is known.
  time.Advance(HttpConnections::kLongest - std::chrono::milliseconds(1));
  slow.Send("d");
  HttpClient younger(listener.address());
  younger.Send(kSlow);
  listener.ExpectGood();
  time.Advance(std::chrono::milliseconds(1));
  slow.Send(" ");
  listener.ExpectGood();  // This wakes it, whose clock stands still.
  EXPECT_EQ(slow.ReadToEnd(), "");
  // The younger one still has time.
  younger.Send("d HTTP/1.0\r\n\r\n");
  EXPECT_THAT(younger.ReadToEnd(), HasSubstr("good"));
}

// Of this process; a little more than there are.
int OpenFiles() {
  DIR* const folder = opendir("/proc/self/fd");
  int count = 0;
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

TEST(ProbeListenerTest, AnswersWhenDescriptorsHadRunOut) {
  const Listener listener;
  const SocketAddress address = Resolve(listener.address()).value().at(0);
  HttpClient honest;
  const int before_slow = OpenFiles();
  HttpClient slow(listener.address());
  slow.Send(kSlow);
  while (OpenFiles() != before_slow + 2) std::this_thread::yield();
  // From now on nothing can be opened.
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few = {.rlim_cur = 64, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<int> rest;
  for (int file = dup(0); file >= 0; file = dup(0)) rest.push_back(file);
  honest.Connect(address);
  honest.Send(HttpRequest("/good"));
  const std::string answer = honest.ReadToEnd();
  for (const int file : rest) close(file);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(answer, HasSubstr("good\n"));
  EXPECT_EQ(slow.ReadToEnd(), "");
}

TEST(ProbeListenerTest, EndsConnectionsAndListensNoMoreWhenItStops) {
  Listener listener;
  HttpClient slow(listener.address());
  slow.Send(kSlow);
  listener.ExpectGood();
  listener.get().Stop();
  EXPECT_EQ(slow.ReadToEnd(), "");
  const int late = socket(AF_INET, SOCK_STREAM, 0);
  const SocketAddress address = Resolve(listener.address()).value().at(0);
  EXPECT_NE(connect(late, address.get(), address.size), 0);
  close(late);
  listener.get().Stop();
}

}  // namespace
}  // namespace pinion
