// SPDX-License-Identifier: Apache-2.0
//
// The admin page's listener: what each path answers, and to whom.
#include "pinion/server/admin/admin_http.h"

#include <sys/stat.h>

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/tests/server/admin/fake_source.h"
#include "pinion/tests/support/certificates.h"
#include "pinion/tests/support/http_client.h"
#include "pinion/tests/support/socket_folder.h"
#include "pinion/tests/support/test_files.h"
#include "pinion/tests/support/tls_client.h"

namespace pinion {
namespace {

using ::pinion::testing::Exchange;
using ::pinion::testing::FakeSource;
using ::pinion::testing::HandshakeOptions;
using ::pinion::testing::HttpAsk;
using ::pinion::testing::HttpClient;
using ::pinion::testing::HttpReply;
using ::pinion::testing::ParseHttp;
using ::pinion::testing::PemPair;
using ::pinion::testing::SocketFolder;
using ::pinion::testing::TestAuthority;
using ::pinion::testing::TestFiles;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kToken[] = "a-token-of-the-test";
constexpr char kOtherToken[] = "b-token-of-the-test";  // As long.

struct Asked {
  std::string path = "/";
  std::string method = "GET";
  std::string host = "localhost";
  // Whole lines.
  std::string headers = {};
  std::string body = {};
};

std::string TextOf(const Asked& asked) {
  return absl::StrCat(
      asked.method, " ", asked.path, " HTTP/1.1\r\nHost: ", asked.host, "\r\n",
      asked.headers,
      asked.method == "POST"
          ? absl::StrCat("Content-Length: ", asked.body.size(), "\r\n")
          : "",
      "\r\n", asked.body);
}

std::string TokenHeader(absl::string_view token) {
  return absl::StrCat("X-Pinion-Token: ", token, "\r\n");
}

// A right request to set lane_calls, but for what a test changes in it.
Asked Change() {
  return {.path = "/set/lane_calls",
          .method = "POST",
          .headers = TokenHeader(kToken),
          .body = "9"};
}

class AdminHttpTest : public ::testing::Test {
 protected:
  // Listens on loopback, with a token.
  void Start() { Start({.token_file = TokenFile()}); }

  void Start(AdminHttpOptions options) {
    if (options.listen.empty()) options.listen = "127.0.0.1:0";
    admin_.emplace(std::move(options), source_, time_.clock());
    const absl::Status started = admin_->Start();
    ASSERT_TRUE(started.ok()) << started;
  }

  std::string TokenFile() const {
    return files_.Write("token", absl::StrCat(kToken, "\n"));
  }

  HttpReply Ask(const Asked& asked) const {
    return HttpAsk(admin_->address(), TextOf(asked));
  }
  HttpReply Get(const std::string& path) const { return Ask({.path = path}); }

  const TestFiles files_;
  FakeClock time_;
  FakeSource source_;
  std::optional<AdminHttp> admin_;
};

TEST_F(AdminHttpTest, HasThePageWithItsScriptAndStyle) {
  Start();
  const HttpReply page = Get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.head,
              HasSubstr("Content-Type: text/html; charset=utf-8\r\n"));
  EXPECT_THAT(page.body, StartsWith("<!doctype html>"));
  EXPECT_THAT(page.body, HasSubstr("</html>\n"));
  const HttpReply script = Get("/page.js");
  EXPECT_EQ(script.status, 200);
  EXPECT_THAT(script.head,
              HasSubstr("Content-Type: text/javascript; charset=utf-8\r\n"));
  EXPECT_THAT(script.body, HasSubstr("EventSource('api/events')"));
  const HttpReply style = Get("/page.css");
  EXPECT_EQ(style.status, 200);
  EXPECT_THAT(style.head,
              HasSubstr("Content-Type: text/css; charset=utf-8\r\n"));
  EXPECT_THAT(style.body, HasSubstr("body {"));
}

TEST_F(AdminHttpTest, HasMetricsInPrometheusForm) {
  Start();
  const HttpReply reply = Get("/metrics");
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.head, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  EXPECT_EQ(reply.body, "fake_total 1\n");
}

TEST_F(AdminHttpTest, MakesTheMetricsOnceForAllWhoAskWithinAMoment) {
  Start();
  EXPECT_EQ(Get("/metrics").body, "fake_total 1\n");
  time_.Advance(std::chrono::milliseconds(99));
  EXPECT_EQ(Get("/metrics").body, "fake_total 1\n");
  time_.Advance(std::chrono::milliseconds(1));
  EXPECT_EQ(Get("/metrics").body, "fake_total 2\n");
  EXPECT_EQ(Get("/metrics").body, "fake_total 2\n");
}

TEST_F(AdminHttpTest, ShowsEachSettingAndItsOriginOnALine) {
  Start();
  const HttpReply reply = Get("/config");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body,
            "lane_calls: 16384  # default, may change at run time\n"
            "listen: a\\nb       # flag\n"
            "stall_after: 1s    # file\n"
            "show_keys: true    # run time, may change at run time\n");
}

TEST_F(AdminHttpTest, AnswersEachQuestionWithJson) {
  Start();
  const struct {
    const char* path;
    const char* body;
  } kCases[] = {
      {"/api/info", R"({"program":"fake","started_ms":"1700000000000"})"},
      {"/api/slow", R"({"slowest":[{"method":"slow0"}]})"},
      {"/api/slow?limit=7", R"({"slowest":[{"method":"slow7"}]})"},
      {"/api/stalls?limit=3", R"({"stalls":[{"stack":["stack3"]}]})"},
      {"/api/sessions?limit=4", R"({"open":"4"})"},
      {"/api/why?key=a%20b&service=s",
       R"({"service":"s","key":{"key":"a b"}})"},
      {"/api/why?key=", R"({"key":{"key":""}})"},
  };
  for (const auto& [path, body] : kCases) {
    const HttpReply reply = Get(path);
    EXPECT_EQ(reply.status, 200) << path;
    EXPECT_EQ(reply.body, absl::StrCat(body, "\n"));
    EXPECT_THAT(reply.head, HasSubstr("Content-Type: application/json\r\n"));
  }
  EXPECT_THAT(Get("/api/hot?service=x&limit=2").body,
              HasSubstr(R"("service":"hot2ofx")"));
  EXPECT_THAT(Get("/api/state").body,
              HasSubstr(R"("method":"/fake.v1.Service/Method")"));
  EXPECT_THAT(
      Get("/api/settings").body,
      HasSubstr(
          R"({"name":"stall_after","value":"1s","origin":"ORIGIN_FILE"})"));
}

TEST_F(AdminHttpTest, SaysWhatIsWrongWithAQuestion) {
  Start();
  EXPECT_EQ(Get("/api/why").status, 400);
  EXPECT_EQ(Get("/api/why?key=%ff").status, 400);
  EXPECT_EQ(Get("/api/slow?limit=-1").status, 400);
  EXPECT_EQ(Get("/api/slow?limit=many").status, 400);
  const HttpReply unknown = Get("/api/why?key=a&service=unknown");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.body, "no such service\n");
}

// No browser takes it for markup: neither the type nor a look at the text says
// that it is any.
TEST_F(AdminHttpTest, EscapesAKeyWithMarkupAndServesItAsJson) {
  Start();
  for (const char* path : {"/api/state", "/api/hot"}) {
    const HttpReply reply = Get(path);
    EXPECT_THAT(reply.body, AllOf(HasSubstr(R"(script\u003ealert('\"&\n'))"),
                                  Not(HasSubstr("<")), Not(HasSubstr(">"))));
    EXPECT_THAT(reply.head,
                AllOf(HasSubstr("Content-Type: application/json\r\n"),
                      HasSubstr("X-Content-Type-Options: nosniff\r\n")));
  }
  // Nor if the stranger's text is in the question.
  EXPECT_THAT(Get("/api/why?key=%3Cimg%3E&service=%3Cb%3E").body,
              AllOf(HasSubstr("img"), Not(HasSubstr("<"))));
  EXPECT_THAT(Get("/%3Cimg%3E").body, Not(HasSubstr("img")));
}

TEST_F(AdminHttpTest, SendsTheHeadersThatBindBrowsersWithEachAnswer) {
  Start();
  for (const Asked& asked : std::vector<Asked>{
           {.path = "/"},
           {.path = "/metrics"},
           {.path = "/api/state"},
           {.path = "/none"},
           {.path = "/", .method = "HEAD"},
           {.path = "/", .host = "evil.example"},
           {.path = "/set/lane_calls", .method = "POST"},
           // These no AdminAnswers answers.
           {.path = "/", .method = "PUT"},
           {.path = "/set/lane_calls",
           .method = "POST",
           .body = std::string(5 << 10, '9')},
       }) {
    const HttpReply reply = Ask(asked);
    for (const char* header : {
             "Content-Security-Policy: default-src 'none'; script-src 'self'; "
             "style-src 'self'; connect-src 'self'; img-src 'self'; "
             "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
             "Cross-Origin-Resource-Policy: same-origin",
             "Referrer-Policy: no-referrer",
             "X-Content-Type-Options: nosniff",
             "X-Frame-Options: DENY",
             "Cache-Control: no-store",
         }) {
      EXPECT_THAT(reply.head, HasSubstr(absl::StrCat("\r\n", header, "\r\n")))
          << asked.method << " " << asked.path;
    }
    EXPECT_THAT(reply.head, Not(HasSubstr("Access-Control")));
  }
}

TEST_F(AdminHttpTest, AnswersHeadLikeGetWithoutTheBody) {
  Start();
  for (const char* path : {"/", "/metrics", "/config", "/api/events"}) {
    const HttpReply reply = Ask({.path = path, .method = "HEAD"});
    EXPECT_EQ(reply.status, 200) << path;
    EXPECT_EQ(reply.body, "") << path;
  }
}

TEST_F(AdminHttpTest, RefusesOtherPathsAndMethods) {
  Start();
  for (const char* path : {"/none", "/api", "/api/", "/api/none", "//",
                           "/page/page.js", "/../etc/passwd", "/set"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
  const HttpReply get_set = Get("/set/lane_calls");
  EXPECT_EQ(get_set.status, 405);
  EXPECT_THAT(get_set.head, HasSubstr("\r\nAllow: POST\r\n"));
  Asked post = Change();
  post.path = "/metrics";
  const HttpReply post_metrics = Ask(post);
  EXPECT_EQ(post_metrics.status, 405);
  EXPECT_THAT(post_metrics.head, HasSubstr("\r\nAllow: GET, HEAD\r\n"));
  post.path = "/none";
  EXPECT_EQ(Ask(post).status, 404);
  for (const char* method : {"PUT", "DELETE", "OPTIONS", "TRACE"}) {
    const HttpReply reply = Ask({.path = "/", .method = method});
    EXPECT_EQ(reply.status, 405) << method;
    EXPECT_THAT(reply.head, HasSubstr("\r\nAllow: GET, HEAD, POST\r\n"));
  }
}

TEST_F(AdminHttpTest, ChangesASettingForWhoeverHasTheToken) {
  Start();
  const HttpReply reply = Ask(Change());
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.body, "{\"old_value\":\"16384\",\"new_value\":\"9\"}\n");
  Asked with_line_end = Change();
  with_line_end.body = "10\r\n";
  EXPECT_EQ(Ask(with_line_end).status, 200);
  const auto changes = source_.changes();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].text, "lane_calls=9");
  EXPECT_THAT(changes[0].who, HasSubstr("for 127.0.0.1:"));
  EXPECT_EQ(changes[1].text, "lane_calls=10");
}

TEST_F(AdminHttpTest, SaysWhyASettingWasNotChanged) {
  Start();
  Asked asked = Change();
  asked.path = "/set/lane_call";
  HttpReply reply = Ask(asked);
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(reply.body, "no such setting; did you mean lane_calls?\n");
  asked.path = "/set/listen";
  EXPECT_EQ(Ask(asked).status, 409);
  asked = Change();
  asked.body = "many";
  EXPECT_EQ(Ask(asked).status, 400);
  asked.body = "\xff";
  EXPECT_EQ(Ask(asked).status, 400);
  asked.body = std::string(5000, '1');
  EXPECT_EQ(Ask(asked).status, 413);
  EXPECT_THAT(source_.changes(), IsEmpty());
}

TEST_F(AdminHttpTest, ChangesNothingWithoutTheRightToken) {
  Start();
  for (const std::string& headers :
       {std::string(), TokenHeader(kOtherToken), TokenHeader(""),
        TokenHeader(absl::StrCat(kToken, "x")),
        TokenHeader(absl::string_view(kToken).substr(1)),
        absl::StrCat("Authorization: Bearer ", kToken, "\r\n"),
        absl::StrCat("Cookie: X-Pinion-Token=", kToken, "\r\n")}) {
    Asked asked = Change();
    asked.headers = headers;
    const HttpReply reply = Ask(asked);
    EXPECT_EQ(reply.status, 403) << headers;
    EXPECT_THAT(reply.body, HasSubstr("X-Pinion-Token"));
  }
  EXPECT_EQ(Ask({.path = absl::StrCat("/set/lane_calls?token=", kToken),
                 .method = "POST"})
                .status,
            403);
  EXPECT_THAT(source_.changes(), IsEmpty());
}

TEST_F(AdminHttpTest, ChangesNothingIfNoTokenIsConfigured) {
  Start({});
  for (const std::string& headers :
       {std::string(), TokenHeader(""), TokenHeader(kToken)}) {
    Asked asked = Change();
    asked.headers = headers;
    const HttpReply reply = Ask(asked);
    EXPECT_EQ(reply.status, 403);
    EXPECT_THAT(reply.body, HasSubstr("set admin_token_file"));
  }
  EXPECT_THAT(source_.changes(), IsEmpty());
  EXPECT_EQ(Get("/api/state").status, 200);
}

TEST_F(AdminHttpTest, ChangesNothingForPagesOfOtherOrigins) {
  Start();
  const std::string own = admin_->address();
  const auto status_of = [&](const std::string& host,
                             const std::string& origin) {
    Asked asked = Change();
    asked.host = host;
    absl::StrAppend(&asked.headers, "Origin: ", origin, "\r\n");
    return Ask(asked).status;
  };
  EXPECT_EQ(status_of(own, absl::StrCat("http://", own)), 200);
  EXPECT_EQ(status_of("localhost:81", "http://localhost:81"), 200);
  EXPECT_EQ(source_.changes().size(), 2u);
  for (const std::string& other :
       {std::string("http://evil.example"), std::string("null"), std::string(),
        std::string("http://localhost:81"), absl::StrCat("https://", own),
        absl::StrCat("http://", own, ".evil.example"),
        absl::StrCat("http://", own, "/")}) {
    EXPECT_EQ(status_of(own, other), 403) << other;
  }
  EXPECT_EQ(source_.changes().size(), 2u);
}

TEST_F(AdminHttpTest, AnswersUnderItsOwnNamesAlone) {
  Start({.token_file = TokenFile(),
         .hosts = {"ops.example", "Exact.example:99"}});
  const auto status_of = [&](const std::string& host) {
    return Ask({.path = "/api/state", .host = host}).status;
  };
  for (const std::string& host :
       {admin_->address(), std::string("127.0.0.1"), std::string("localhost"),
        // The near end of a tunnel.
        std::string("localhost:8080"), std::string("LOCALHOST:1"),
        std::string("[::1]"), std::string("[::1]:80"),
        std::string("ops.example"), std::string("ops.example:1"),
        std::string("exact.example:99")}) {
    EXPECT_EQ(status_of(host), 200) << host;
  }
  for (const char* host :
       {"", "evil.example", "evil.example:80", "localhost.evil.example",
        "127.0.0.1.evil.example", "localhost:x", "localhost:", "127.0.0.2",
        "10.0.0.1", "[::2]", "[::1", "[::1]x", "::1", "exact.example",
        "exact.example:98", "ops.example.", "user@localhost", "localhost,x"}) {
    const HttpReply reply = Ask({.path = "/api/state", .host = host});
    EXPECT_EQ(reply.status, 421) << host;
    EXPECT_THAT(reply.body, HasSubstr("admin_hosts")) << host;
  }
  // One who is refused does not learn which paths there are.
  EXPECT_EQ(Ask({.path = "/none", .host = "evil.example"}).status, 421);
  EXPECT_EQ(
      HttpAsk(admin_->address(), "GET /api/state HTTP/1.0\r\n\r\n").status,
      421);
  Asked change = Change();
  change.host = "evil.example";
  EXPECT_EQ(Ask(change).status, 421);
  EXPECT_THAT(source_.changes(), IsEmpty());
}

// Whatever stands before the listener may have read another one than it.
TEST_F(AdminHttpTest, RefusesARequestThatCanBeReadInTwoWays) {
  Start();
  const auto status = [&](const std::string& text) {
    return HttpAsk(admin_->address(), text).status;
  };
  const std::string nul(1, '\0');
  const std::string token = TokenHeader(kToken);
  const std::string change = absl::StrCat(
      "POST /set/lane_calls HTTP/1.1\r\nHost: localhost\r\n", token);
  const std::string other = TokenHeader(kOtherToken);
  for (const std::string& text : std::vector<std::string>{
           "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: localhost" + nul + "evil\r\n\r\n",
           "GET /" + nul + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: localhost\r\nA: b" + nul + "\r\n\r\n",
           "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: local\r\n host\r\n\r\n",
           "GET / HTTP/1.1\nHost: localhost\n\n",
           "GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
           "GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
           change + other + "Content-Length: 1\r\n\r\n9",
           change +
               "Origin: http://localhost\r\nOrigin: http://evil.example\r\n"
               "Content-Length: 1\r\n\r\n9",
           change + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n9",
           change + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "1\r\n9\r\n0\r\n\r\n",
       }) {
    EXPECT_EQ(status(text), 400) << absl::CHexEscape(text);
  }
  EXPECT_THAT(source_.changes(), IsEmpty());
  // Spaces may stand before and after a value, and other headers be repeated.
  EXPECT_EQ(status("GET /api/state?a=%20b HTTP/1.1\r\nHost:  \tlocalhost\r\n"
                   "A:1\r\nA: 2 \r\nEmpty:\r\n\r\n"),
            200);
  EXPECT_EQ(status(change + "Content-Length: 1\r\n\r\n9"), 200);
  EXPECT_EQ(
      status(change + "Transfer-Encoding: chunked\r\n\r\n1\r\n9\r\n0\r\n\r\n"),
      200);
}

TEST_F(AdminHttpTest, ListensOnAUnixSocketToo) {
  const SocketFolder folder;
  const mode_t before = umask(0);
  Start({.listen = "unix:" + folder.Path("page"), .token_file = TokenFile()});
  umask(before);
  struct stat made;
  ASSERT_EQ(stat(folder.Path("page").c_str(), &made), 0);
  EXPECT_EQ(made.st_mode & 07777, 0600u);  // Whatever the umask is.
  EXPECT_EQ(admin_->address(), "unix:" + folder.Path("page"));
  EXPECT_EQ(Get("/api/state").status, 200);
  EXPECT_EQ(Ask({.path = "/api/state", .host = "evil.example"}).status, 421);
  EXPECT_EQ(Ask(Change()).status, 200);
  ASSERT_EQ(source_.changes().size(), 1u);
  EXPECT_THAT(source_.changes()[0].who, HasSubstr("for unix:"));
}

// A browser's page: what it gets of the stream, in chunks.
class Page {
 public:
  explicit Page(const std::string& address) : client_(address) {
    client_.Send(TextOf({.path = "/api/events"}));
    head_ = client_.ReadUntil("\r\n\r\n");
  }

  const std::string& head() const { return head_; }
  std::string Until(absl::string_view mark) { return client_.ReadUntil(mark); }
  std::string ToEnd() { return client_.ReadToEnd(); }

 private:
  HttpClient client_;
  std::string head_;
};

class AdminEventsTest : public AdminHttpTest {
 protected:
  void PassSecond() {
    time_.Advance(std::chrono::seconds(1));
    // This wakes it, whose clock stands still.
    EXPECT_EQ(Get("/metrics").status, 200);
  }
};

constexpr char kEvent[] = "event: ";

TEST_F(AdminEventsTest, SendAllAtOnceAndTheStateEachSecond) {
  Start();
  Page page(admin_->address());
  EXPECT_THAT(page.head(), HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_THAT(page.Until("\n\n"),
              HasSubstr("event: info\ndata: {\"program\":\"fake\""));
  EXPECT_EQ(page.Until("\"now_ms\":\"1\""),
            "event: state\ndata: {\"now_ms\":\"1\"");
  EXPECT_THAT(page.Until("slow0"), HasSubstr("event: slow\n"));
  EXPECT_THAT(page.Until("hot0of"), HasSubstr("event: hot\n"));
  EXPECT_THAT(page.Until("stack0"), HasSubstr("event: stalls\n"));
  PassSecond();
  EXPECT_THAT(page.Until("\"now_ms\":\"2\""), HasSubstr("event: state\n"));
  PassSecond();
  EXPECT_THAT(page.Until("\"now_ms\":\"3\""), Not(HasSubstr("event: info")));
  PassSecond();
  const std::string third = page.Until("stack0");
  for (const char* name : {"info", "state", "slow", "hot", "stalls"}) {
    EXPECT_THAT(third, HasSubstr(absl::StrCat(kEvent, name, "\ndata: {")));
  }
}

TEST_F(AdminEventsTest, KeepAKeyWithMarkupOnItsLineAndEscaped) {
  Start();
  Page page(admin_->address());
  const std::string events = page.Until("stack0");
  EXPECT_THAT(events, AllOf(HasSubstr(R"(script\u003ealert('\"&\n'))"),
                            Not(HasSubstr("<"))));
}

TEST_F(AdminEventsTest, AreMadeOnceForAllPages) {
  Start();
  std::deque<Page> pages;
  for (int i = 0; i < 5; ++i) {
    pages.emplace_back(admin_->address());
    pages.back().Until("stack0");
  }
  EXPECT_EQ(source_.states(), 1);  // For all came in one second.
  PassSecond();
  for (Page& page : pages) page.Until("\"now_ms\":\"2\"");
  EXPECT_EQ(source_.states(), 2);
}

TEST_F(AdminEventsTest, ReachAPageThoughOthersComeEachSecond) {
  Start();
  Page page(admin_->address());
  page.Until("stack0");
  for (int i = 2; i < 4; ++i) {
    PassSecond();
    EXPECT_THAT(page.Until(absl::StrCat("\"now_ms\":\"", i, "\"")),
                Not(HasSubstr("event: info")));
    Page(admin_->address()).Until("stack0");
  }
  PassSecond();
  EXPECT_THAT(page.Until("\"now_ms\":\"4\""), HasSubstr("event: info"));
  page.Until("stack0");
}

TEST_F(AdminEventsTest, ReachAPageThoughAnotherDoesNotRead) {
  Start();
  Page stuck(admin_->address());
  Page reading(admin_->address());
  reading.Until("stack0");
  source_.SetPadding(1 << 20);
  for (int i = 2; i < 22; ++i) {
    PassSecond();
    reading.Until(absl::StrCat("\"now_ms\":\"", i, "\""));
  }
  // It was ended long ago, and has lost what it did not take.
  EXPECT_THAT(stuck.ToEnd(), Not(HasSubstr("\"now_ms\":\"21\"")));
}

// On an address that other machines reach.
class PublicAdminHttpTest : public AdminHttpTest {
 protected:
  void Start() {
    const PemPair pair = authority_.Issue({.name = "admin"});
    AdminHttpTest::Start({.listen = "0.0.0.0:0",
                          .token_file = TokenFile(),
                          .certificate = files_.Write("cert", pair.certificate),
                          .key = files_.Write("key", pair.key)});
  }

  std::string address() const {
    return absl::StrReplaceAll(admin_->address(), {{"0.0.0.0", "127.0.0.1"}});
  }

  HttpReply AskByTls(const Asked& asked) const {
    const auto text = Exchange(
        address(), {.ca = authority_.certificate(), .protocol = "http/1.1"},
        TextOf(asked));
    EXPECT_TRUE(text.ok()) << text.status();
    return ParseHttp(text.value_or(""));
  }

  static std::string Basic(absl::string_view user_and_password) {
    return absl::StrCat("Authorization: Basic ",
                        absl::Base64Escape(user_and_password), "\r\n");
  }

  const TestAuthority authority_;
};

TEST_F(PublicAdminHttpTest, AnswersWhoeverHasTheToken) {
  Start();
  for (const std::string& headers :
       {TokenHeader(kToken),
        absl::StrCat("Authorization: Bearer ", kToken, "\r\n"),
        absl::StrCat("authorization: bearer ", kToken, "\r\n"),
        Basic(absl::StrCat("anybody:", kToken)),
        Basic(absl::StrCat(":", kToken))}) {
    for (const char* path : {"/", "/metrics", "/api/state"}) {
      EXPECT_EQ(AskByTls({.path = path, .headers = headers}).status, 200)
          << headers;
    }
  }
}

TEST_F(PublicAdminHttpTest, TellsOthersNothing) {
  Start();
  for (const std::string& headers :
       {std::string(), TokenHeader(kOtherToken),
        absl::StrCat("Authorization: Bearer ", kOtherToken, "\r\n"),
        absl::StrCat("Authorization: ", kToken, "\r\n"),
        absl::StrCat("Authorization: Digest ", kToken, "\r\n"), Basic(kToken),
        Basic(absl::StrCat(kToken, ":")),
        std::string("Authorization: Basic !!!\r\n")}) {
    for (const char* path : {"/", "/metrics", "/api/state", "/none"}) {
      const HttpReply reply = AskByTls({.path = path, .headers = headers});
      EXPECT_EQ(reply.status, 401) << path << headers;
      EXPECT_THAT(reply.head,
                  HasSubstr("WWW-Authenticate: Basic realm=\"pinion admin\""));
      EXPECT_THAT(reply.body, Not(HasSubstr(kToken)));
    }
  }
}

// A browser sends the password that it knows along with what any page asks.
TEST_F(PublicAdminHttpTest, ChangesNothingForAPasswordAlone) {
  Start();
  Asked change = Change();
  change.headers = Basic(absl::StrCat("anybody:", kToken));
  EXPECT_EQ(AskByTls(change).status, 403);
  EXPECT_THAT(source_.changes(), IsEmpty());
  absl::StrAppend(&change.headers, TokenHeader(kToken),
                  "Origin: https://localhost\r\n");
  EXPECT_EQ(AskByTls(change).status, 200);
  EXPECT_EQ(source_.changes().size(), 1u);
}

TEST_F(PublicAdminHttpTest, AnswersUnderAnyAddressAndNoStrangersName) {
  Start();
  const auto status_of = [&](const std::string& host) {
    return AskByTls({.host = host, .headers = TokenHeader(kToken)}).status;
  };
  EXPECT_EQ(status_of("10.1.2.3:9090"), 200);
  EXPECT_EQ(status_of("[2001:db8::1]:9090"), 200);
  EXPECT_EQ(status_of("evil.example:9090"), 421);
  EXPECT_EQ(status_of("10.1.2.3.evil.example"), 421);
}

TEST_F(PublicAdminHttpTest, SpeaksTls12Or13AndNothingElse) {
  Start();
  const std::string request = TextOf({.headers = TokenHeader(kToken)});
  for (const int newest : {2, 3}) {
    EXPECT_TRUE(
        Exchange(address(), {.newest = newest, .protocol = ""}, request).ok());
  }
  EXPECT_FALSE(
      Exchange(address(), {.newest = 1, .protocol = ""}, request).ok());
  EXPECT_EQ(HttpAsk(address(), request).status, 0);
  EXPECT_THAT(source_.changes(), IsEmpty());
}

TEST_F(PublicAdminHttpTest, SendsLongAnswersAndEventsByTlsToo) {
  Start();
  constexpr size_t kLong = 100'000;
  source_.SetPadding(kLong);
  EXPECT_GT(AskByTls({.path = "/api/state", .headers = TokenHeader(kToken)})
                .body.size(),
            kLong);
  // Others that have connected and say nothing do not hold it up.
  const HttpClient silent(address());
  const auto events =
      Exchange(address(), {.protocol = ""},
               TextOf({.path = "/api/events", .headers = TokenHeader(kToken)}),
               "stack0");
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_THAT(*events, HasSubstr("event: info\ndata: {\"program\":\"fake\""));
  EXPECT_THAT(*events, HasSubstr("stack0"));
}

// Each of these, changed in one place.
struct WrongOptions {
  AdminHttpOptions options;
  std::string message;
};

TEST(AdminHttpCheckTest, SaysWhichOptionIsWrong) {
  for (const WrongOptions& wrong : std::vector<WrongOptions>{
           {{.listen = ""}, "admin is \"\"; valid are host:port"},
           {{.listen = "127.0.0.1"}, "admin is \"127.0.0.1\"; valid are"},
           {{.listen = "0.0.0.0:1"}, "which other machines reach: it needs"},
           {{.listen = "[::]:1", .token_file = "t"},
            "which other machines reach: it needs"},
           {{.listen = "10.0.0.1:1", .certificate = "c", .key = "k"},
            "which other machines reach: it needs"},
           {{.listen = "ops.example:1"}, "which other machines reach"},
           {{.listen = "localhost:1", .certificate = "c"},
            "admin_certificate is set without admin_key; set both"},
           {{.listen = "localhost:1", .key = "k"},
            "admin_key is set without admin_certificate; set both"},
           {{.listen = "localhost:1", .hosts = {"a", "b/c"}},
            "admin_hosts: \"b/c\" is not a host"},
           {{.listen = "localhost:1", .hosts = {""}}, "admin_hosts: \"\""},
           {{.listen = "localhost:1", .hosts = {"a:b"}},
            "admin_hosts: \"a:b\""},
       }) {
    const absl::Status status = AdminHttp::Check(wrong.options);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(wrong.message));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("\n")));
    FakeSource source;
    EXPECT_EQ(AdminHttp(wrong.options, source).Start(), status);
  }
}

TEST(AdminHttpCheckTest, AcceptsWhatIsSafe) {
  for (const AdminHttpOptions& right : std::vector<AdminHttpOptions>{
           {.listen = "127.0.0.1:0"},
           {.listen = "localhost:1"},
           {.listen = "[::1]:1"},
           {.listen = "unix:/run/admin"},
           {.listen = "127.0.0.1:1",
           .hosts = {"a", "b.c:9", "[::1]:1", "1.2.3.4"}},
           {.listen = "0.0.0.0:1",
           .token_file = "t",
           .certificate = "c",
           .key = "k"},
       }) {
    EXPECT_TRUE(AdminHttp::Check(right).ok()) << AdminHttp::Check(right);
  }
}

class AdminHttpStartTest : public ::testing::Test {
 protected:
  // What a start with these options says.
  std::string Refusal(AdminHttpOptions options) {
    options.listen = "127.0.0.1:0";
    AdminHttp admin(std::move(options), source_);
    const absl::Status status = admin.Start();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  }

  const TestFiles files_;
  FakeSource source_;
};

TEST_F(AdminHttpStartTest, RefusesATokenThatIsNone) {
  EXPECT_THAT(Refusal({.token_file = files_.Path("none")}),
              AllOf(StartsWith("admin_token_file \""),
                    HasSubstr("none\" cannot be read: No such file")));
  for (const std::string& bad :
       {std::string(), std::string("\n"), std::string("short"),
        std::string(15, 'x') + "\n", std::string(1025, 'x'),
        std::string("with a space in the middle"),
        std::string("two-lines-of-it\nanother-line"),
        std::string("n\xc3\xbct-ascii-at-all-here")}) {
    const std::string said =
        Refusal({.token_file = files_.Write("token", bad)});
    EXPECT_THAT(said, AllOf(StartsWith("admin_token_file \""),
                            HasSubstr("has a token ")))
        << bad;
    if (bad.size() > 1) {
      EXPECT_THAT(said, Not(HasSubstr(bad)));
    }
  }
}

TEST_F(AdminHttpStartTest, RefusesACertificateThatNoHandshakeCouldUse) {
  const TestAuthority authority;
  const PemPair pair = authority.Issue({});
  const PemPair other = authority.Issue({});
  const PemPair expired =
      authority.Issue({.not_after = absl::Now() - absl::Minutes(1)});
  const auto refusal = [&](const std::string& certificate,
                           const std::string& key) {
    return Refusal({.certificate = files_.Write("cert", certificate),
                    .key = files_.Write("key", key)});
  };
  EXPECT_THAT(refusal(pair.certificate, other.key), HasSubstr("admin_key \""));
  EXPECT_THAT(refusal("garbage", pair.key), HasSubstr("admin_certificate \""));
  EXPECT_THAT(
      refusal(expired.certificate, expired.key),
      AllOf(HasSubstr("admin_certificate \""), HasSubstr("has expired")));
  EXPECT_THAT(
      Refusal({.certificate = files_.Path("none"), .key = files_.Path("none")}),
      StartsWith("admin_certificate \""));
}

TEST_F(AdminHttpStartTest, SaysWhoHasThePort) {
  AdminHttp first({.listen = "127.0.0.1:0"}, source_);
  ASSERT_TRUE(first.Start().ok());
  AdminHttp second({.listen = first.address()}, source_);
  const absl::Status taken = second.Start();
  EXPECT_EQ(taken.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(taken.message()),
              AllOf(StartsWith("admin: cannot listen on " + first.address()),
                    HasSubstr("in use")));
}

}  // namespace
}  // namespace pinion
