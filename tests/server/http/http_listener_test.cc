// SPDX-License-Identifier: Apache-2.0
//
// The HTTP listener: what it answers, and to whom in spite of others.
#include "pinion/server/http/http_listener.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/http/http_answer.h"
#include "pinion/server/http/http_connections.h"
#include "pinion/server/http/http_options.h"
#include "pinion/server/http/http_request.h"
#include "pinion/server/listener/listening_sockets.h"
#include "pinion/server/listener/socket_address.h"
#include "pinion/tests/support/http_client.h"

namespace pinion {
namespace {

using ::pinion::testing::HttpAsk;
using ::pinion::testing::HttpClient;
using ::pinion::testing::HttpGet;
using ::pinion::testing::HttpReply;
using ::pinion::testing::ParseHttp;
using ::pinion::testing::RequestFor;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kSlow[] = "GET /goo";  // The rest does not come.

// Says "good" of one path, and says again what it gets on others.
class Listener {
 public:
  explicit Listener(const Clock& clock = {}, HttpOptions options = {}) {
    auto sockets = ListeningSockets::Open("127.0.0.1:0", {});
    EXPECT_TRUE(sockets.ok()) << sockets.status();
    address_ = absl::StrCat("127.0.0.1:", sockets->port());
    listener_.emplace(
        *std::move(sockets),
        [](const HttpRequest& request) { return Answer(request); },
        std::move(options), clock);
    const absl::Status started = listener_->Start();
    EXPECT_TRUE(started.ok()) << started;
  }

  HttpListener& get() { return *listener_; }
  const std::string& address() const { return address_; }

  void ExpectGood() const {
    const HttpReply reply = HttpGet(address_, "/good");
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "good\n");
  }

 private:
  static HttpAnswer Answer(const HttpRequest& request) {
    if (request.path() == "/good") return {200, "good\n"};
    if (request.path() == "/stream") {
      return {.type = "text/event-stream", .streams = true};
    }
    if (request.path() == "/echo") {
      const auto query = request.Query("q");
      return {
          .status = 201,
          .made = absl::StrCat(request.method(), " ", request.body(), " ",
                               request.Header("x-name").value_or("none"), " ",
                               query.value_or("none"), " ", request.Peer()),
          .type = "text/x-echo",
          .headers = {{"X-More", "more"}}};
    }
    return {404, "unknown\n"};
  }

  std::string address_;
  std::optional<HttpListener> listener_;
};

TEST(HttpListenerTest, AnswersOneRequestAndClosesTheConnection) {
  const Listener listener;
  HttpClient client(listener.address());
  // A second request in the same breath is not answered.
  client.Send(RequestFor("/good") + RequestFor("/good"));
  const std::string all = client.ReadToEnd();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(all, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(all, HasSubstr("\r\nCache-Control: no-store\r\n"));
  EXPECT_EQ(all.find("good\n"), all.size() - 5);
}

TEST(HttpListenerTest, AnswersAHeadRequestWithoutTheBody) {
  const Listener listener;
  const HttpReply reply =
      HttpAsk(listener.address(), RequestFor("/good", "HEAD"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "");
  EXPECT_EQ(HttpAsk(listener.address(), RequestFor("/other", "HEAD")).status,
            404);
}

TEST(HttpListenerTest, RefusesOtherMethodsWhateverTheySend) {
  const Listener listener;
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get"}) {
    const HttpReply reply =
        HttpAsk(listener.address(), RequestFor("/good", method));
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

TEST(HttpListenerTest, IgnoresTheQueryOfAPath) {
  const Listener listener;
  EXPECT_EQ(HttpGet(listener.address(), "/good?verbose=1").status, 200);
  EXPECT_EQ(HttpGet(listener.address(), "/good/").status, 404);
}

TEST(HttpListenerTest, AnswersClientsOfHttp10) {
  const Listener listener;
  EXPECT_EQ(HttpAsk(listener.address(), "GET /good HTTP/1.0\r\n\r\n").status,
            200);
}

TEST(HttpListenerTest, GivesUpRequestsThatAreNone) {
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

TEST(HttpListenerTest, AnswersThoughManyConnectionsSayNothingOrTooLittle) {
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

TEST(HttpListenerTest, GivesUpAConnectionAfterItsTimeThoughBytesCome) {
  FakeClock time;
  const Listener listener(time.clock());
  HttpClient slow(listener.address());
  slow.Send(kSlow);
  listener.ExpectGood();  // So the slow one, which came before, is known.
  time.Advance(HttpOptions().longest - std::chrono::milliseconds(1));
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

TEST(HttpListenerTest, AnswersWhenDescriptorsHadRunOut) {
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
  honest.Send(RequestFor("/good"));
  const std::string answer = honest.ReadToEnd();
  for (const int file : rest) close(file);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(answer, HasSubstr("good\n"));
  EXPECT_EQ(slow.ReadToEnd(), "");
}

std::string Post(absl::string_view path, absl::string_view body,
                 absl::string_view headers = "") {
  return absl::StrCat("POST ", path, " HTTP/1.1\r\nHost: test\r\n", headers,
                      "Content-Length: ", body.size(), "\r\n\r\n", body);
}

constexpr size_t kBody = 100;

TEST(HttpListenerTest, GivesTheBodyOfAPostWithItsHeadersAndQuery) {
  const Listener listener({}, {.body_bytes = kBody});
  const HttpReply reply =
      HttpAsk(listener.address(),
              Post("/echo?q=a%20b%26c", "the body", "X-Name: value\r\n"));
  EXPECT_EQ(reply.status, 201);
  EXPECT_THAT(reply.body, StartsWith("POST the body value a b&c 127.0.0.1:"));
  EXPECT_THAT(reply.head, HasSubstr("\r\nContent-Type: text/x-echo\r\n"));
  EXPECT_THAT(reply.head, HasSubstr("\r\nX-More: more\r\n"));
  EXPECT_THAT(HttpAsk(listener.address(), Post("/echo", "")).body,
              StartsWith("POST  none none 127.0.0.1:"));
  EXPECT_EQ(HttpAsk(listener.address(), RequestFor("/good", "PUT")).status,
            405);
}

TEST(HttpListenerTest, TakesABodyInPartsAndTellsItsClientToGoOn) {
  const Listener listener({}, {.body_bytes = kBody});
  HttpClient client(listener.address());
  client.Send(
      "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 100 "));
  client.Send("ab");
  listener.ExpectGood();
  client.Send("cd");
  EXPECT_THAT(client.ReadToEnd(), HasSubstr("POST abcd none"));
}

TEST(HttpListenerTest, RefusesABodyThatIsTooLongHoweverItComes) {
  const Listener listener({}, {.body_bytes = kBody});
  const std::string longest(kBody, 'x');
  EXPECT_EQ(HttpAsk(listener.address(), Post("/echo", longest)).status, 201);
  const HttpReply long_reply =
      HttpAsk(listener.address(), Post("/echo", longest + "x"));
  EXPECT_EQ(long_reply.status, 413);
  EXPECT_EQ(long_reply.body, "the body has more than 100 bytes\n");
  // It does not wait for a body of which it knows that.
  EXPECT_EQ(HttpAsk(listener.address(),
                    "POST /echo HTTP/1.1\r\nHost: test\r\n"
                    "Content-Length: 1000000000\r\n\r\nbegin")
                .status,
            413);
  std::string chunked =
      "POST /echo HTTP/1.1\r\nHost: test\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  for (size_t i = 0; i <= kBody; ++i) chunked += "1\r\nx\r\n";
  EXPECT_EQ(HttpAsk(listener.address(), chunked + "0\r\n\r\n").status, 413);
}

TEST(HttpListenerTest, AnswersAClientThatHasSentAllAndClosedItsSide) {
  const Listener listener({}, {.body_bytes = kBody});
  for (const std::string& request :
       {RequestFor("/echo"), Post("/echo", "body")}) {
    HttpClient client(listener.address());
    client.Send(request);
    client.CloseSending();
    EXPECT_EQ(ParseHttp(client.ReadToEnd()).status, 201) << request;
  }
}

// A listener with streams whose messages the test chooses, and whose time it
// moves.
class Streams {
 public:
  static constexpr size_t kMost = 3;
  static constexpr std::chrono::seconds kEvery{1};
  static constexpr std::chrono::seconds kPatience{10};

  // A second passes, in which all streams get `message`.
  void Pass(const std::string& message) {
    {
      MutexLock lock(mutex_);
      next_ = message;
    }
    time_.Advance(kEvery);
    listener_.ExpectGood();  // This wakes it, whose clock stands still.
  }

  // How often a message was made.
  int made() {
    MutexLock lock(mutex_);
    return made_;
  }

  FakeClock& time() { return time_; }
  Listener& listener() { return listener_; }

 private:
  std::string Next() {
    MutexLock lock(mutex_);
    ++made_;
    return next_;
  }

  FakeClock time_;
  Mutex mutex_;
  std::string next_ ABSL_GUARDED_BY(mutex_);
  int made_ ABSL_GUARDED_BY(mutex_) = 0;
  Listener listener_{time_.clock(),
                     {.streams = {.most = kMost,
                                  .first = [] { return "[first]"; },
                                  .next = [this] { return Next(); },
                                  .every = kEvery,
                                  .patience = kPatience}}};
};

// A client of a stream, which has got its first message.
class StreamClient {
 public:
  explicit StreamClient(Streams& streams) : StreamClient(streams, 0) {}
  // The kernel holds few bytes more than `buffer` of what it does not read.
  StreamClient(Streams& streams, int buffer)
      : client_(streams.listener().address(), buffer) {
    client_.Send(RequestFor("/stream"));
    head_ = client_.ReadUntil("\r\n\r\n");
    Await("[first]");
  }

  const std::string& head() const { return head_; }

  // Waits for `mark`, which need not be in one chunk.
  void Await(absl::string_view mark) {
    std::string text;
    for (;;) {
      const std::string size_text = client_.ReadUntil("\r\n");
      uint32_t size;
      ASSERT_TRUE(
          absl::SimpleHexAtoi(absl::StripSuffix(size_text, "\r\n"), &size))
          << "it ended before " << mark;
      text += client_.Read(size);
      ASSERT_EQ(client_.Read(2), "\r\n");
      if (absl::StrContains(text, mark)) return;
      text.erase(0, text.size() - std::min(text.size(), mark.size()));
    }
  }

  // What comes until it is closed, with the sizes of its chunks.
  std::string ReadToEnd() { return client_.ReadToEnd(); }

 private:
  HttpClient client_;
  std::string head_;
};

TEST(HttpStreamTest, GetsTheFirstMessageAtOnceAndThoseOfEachSecond) {
  Streams streams;
  StreamClient client(streams);
  EXPECT_THAT(client.head(), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(client.head(),
              HasSubstr("\r\nContent-Type: text/event-stream\r\n"));
  streams.Pass("[1]");
  client.Await("[1]");
  streams.listener().ExpectGood();
  EXPECT_EQ(streams.made(), 1);  // For no second has passed since.
  streams.Pass("[2]");
  client.Await("[2]");
}

TEST(HttpStreamTest, SharesAMessageAndMakesNoneWhileNobodyIsThere) {
  Streams streams;
  streams.Pass("[0]");
  EXPECT_EQ(streams.made(), 0);
  {
    StreamClient one(streams);
    StreamClient other(streams);
    streams.Pass("[1]");
    one.Await("[1]");
    other.Await("[1]");
    EXPECT_EQ(streams.made(), 1);
  }
  // It finds out that they have gone by what it sends them.
  int before = 0;
  do {
    before = streams.made();
    streams.Pass("[2]");
  } while (streams.made() != before);
}

TEST(HttpStreamTest, OutlivesTheTimeOfARequest) {
  Streams streams;
  StreamClient client(streams);
  streams.time().Advance(std::chrono::hours(1));
  streams.Pass("[1]");
  client.Await("[1]");
}

TEST(HttpStreamTest, IsRefusedBeyondTheMostThatMayBe) {
  Streams streams;
  std::deque<StreamClient> open;
  for (size_t i = 0; i < Streams::kMost; ++i) open.emplace_back(streams);
  const HttpReply refused = HttpGet(streams.listener().address(), "/stream");
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, StartsWith("3 streams are open already"));
  // Those that are open go on.
  streams.Pass("[1]");
  for (StreamClient& client : open) {
    client.Await("[1]");
  }
}

TEST(HttpStreamTest, AHeadRequestBeginsNone) {
  Streams streams;
  const HttpReply reply =
      HttpAsk(streams.listener().address(), RequestFor("/stream", "HEAD"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.head, HasSubstr("Content-Type: text/event-stream"));
  streams.Pass("[1]");
  EXPECT_EQ(streams.made(), 0);
}

TEST(HttpStreamTest, IsEndedIfItsClientDoesNotReadAndOthersGoOn) {
  Streams streams;
  StreamClient stuck(streams);
  StreamClient reading(streams);
  // More than the kernel takes for one that does not read: some MiB.
  const std::string message(1 << 20, '.');
  for (int i = 0; i < 20; ++i) {
    const std::string mark = absl::StrCat("[", i, "]");
    streams.Pass(message + mark);
    reading.Await(mark);
  }
  // By now it was stuck for longer than kPatience: what it has not taken is
  // lost.
  const std::string taken = stuck.ReadToEnd();
  EXPECT_THAT(taken, Not(HasSubstr("[19]")));
  streams.Pass("[last]");
  reading.Await("[last]");
}

// However little is sent: what the kernel holds for it is full after a while.
TEST(HttpStreamTest, GivesItsPlaceBackIfItsClientNeverReads) {
  Streams streams;
  std::deque<StreamClient> silent;
  for (size_t i = 0; i < Streams::kMost; ++i) {
    silent.emplace_back(streams, /*buffer=*/4096);
  }
  // Of the server's end the kernel holds 128 KiB at most (kBytesInKernel, which
  // it doubles), and of theirs some more.
  const std::string message(4 << 10, '.');
  constexpr int kWhile = (256 << 10) / (4 << 10);
  for (int i = 0; i < kWhile; ++i) streams.Pass(message);
  streams.time().Advance(Streams::kPatience);
  streams.listener().ExpectGood();
  StreamClient reading(streams);
  streams.Pass("[1]");
  reading.Await("[1]");
}

TEST(HttpStreamTest, MayPauseForLessThanItsPatience) {
  Streams streams;
  StreamClient slow(streams);
  const std::string message(4 << 20, '.');
  streams.Pass(message + "[1]");
  streams.time().Advance(Streams::kPatience - Streams::kEvery -
                         std::chrono::milliseconds(1));
  streams.listener().ExpectGood();
  slow.Await("[1]");
  streams.Pass("[2]");
  slow.Await("[2]");
}

TEST(HttpStreamTest, IsNotTheOneThatAFloodOfConnectionsEnds) {
  Streams streams;
  StreamClient client(streams);
  std::deque<HttpClient> flood;
  for (size_t i = 0; i < 2 * HttpConnections::kMost; ++i) {
    flood.emplace_back(streams.listener().address());
  }
  streams.Pass("[1]");
  client.Await("[1]");
}

TEST(HttpStreamTest, EndsWhenTheListenerStops) {
  Streams streams;
  StreamClient idle(streams);
  StreamClient stuck(streams);
  streams.Pass(std::string(4 << 20, '.') + "[1]");
  idle.Await("[1]");
  streams.listener().get().Stop();
  EXPECT_EQ(idle.ReadToEnd(), "");
  EXPECT_THAT(stuck.ReadToEnd(), Not(HasSubstr("[1]")));
}

TEST(HttpListenerTest, EndsConnectionsAndListensNoMoreWhenItStops) {
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
