// SPDX-License-Identifier: Apache-2.0
//
// The commands that ask an admin socket, as a person uses them: what they ask,
// what they print, and their exit codes.
#include "pinion/client/cli/admin_commands.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/client/cli/admin_methods.h"
#include "pinion/tests/client/cli/fake_admin.h"
#include "pinion/tests/support/program_process.h"
#include "pinion/tests/support/socket_folder.h"

namespace pinion::cli {
namespace {

using ::testing::AllOf;
using testing::FakeAdmin;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ProgramProcess;
using testing::SocketFolder;
using ::testing::StartsWith;

struct Ended {
  int code;
  std::string printed;
};

class AdminCommandsTest : public ::testing::Test {
 protected:
  AdminCommandsTest() : server_(std::in_place, path_) {}

  // Runs it with --admin.
  Ended Run(std::vector<std::string> words) const {
    words.push_back(absl::StrCat("--admin=", path_));
    ProgramProcess pinion({.program = "client/pinion",
                           .arguments = std::move(words),
                           .environment = {"TZ=UTC"}});
    std::string printed;
    for (std::string line = pinion.NextLine(); !line.empty();
         line = pinion.NextLine()) {
      absl::StrAppend(&printed, line, "\n");
    }
    return {pinion.AwaitExit(), printed};
  }

  const SocketFolder folder_;
  const std::string path_ = folder_.Path("1.admin");
  std::optional<FakeAdmin> server_;
};

TEST_F(AdminCommandsTest, InfoAsksWhoTheServerIsAndHowItIs) {
  admin::v1::GetInfoResponse info;
  info.set_program("shop-server");
  info.set_version("0.1.0");
  server_->Answer(admin::kGetInfo, info);
  admin::v1::GetStateResponse state;
  state.set_serving(true);
  server_->Answer(admin::kGetState, state);
  const Ended text = Run({"info"});
  EXPECT_EQ(text.code, 0) << text.printed;
  EXPECT_THAT(text.printed, AllOf(StartsWith("program      shop-server 0.1.0"),
                                  HasSubstr("health       SERVING\n")));
  const Ended json = Run({"info", "--json"});
  EXPECT_EQ(json.code, 0) << json.printed;
  EXPECT_THAT(json.printed,
              AllOf(StartsWith(R"({"info":{"program":"shop-server",)"),
                    HasSubstr(R"("state":{"now_ms":"0",)"),
                    HasSubstr(R"("serving":true)")));
}

TEST_F(AdminCommandsTest, TheLimitAndTheWordsAreWhatTheServerIsAsked) {
  std::string asked;
  server_->On<admin::v1::ListHotKeysRequest, admin::v1::ListHotKeysResponse>(
      admin::kListHotKeys,
      [&](const admin::v1::ListHotKeysRequest& request)
          -> absl::StatusOr<admin::v1::ListHotKeysResponse> {
        asked = request.ShortDebugString();
        return admin::v1::ListHotKeysResponse();
      });
  EXPECT_EQ(Run({"hot", "shop.v1.CartService", "--limit=3"}).code, 0);
  EXPECT_EQ(asked, R"(service: "shop.v1.CartService" limit: 3)");
  EXPECT_EQ(Run({"hot"}).code, 0);
  EXPECT_EQ(asked, "");
  server_->On<admin::v1::ExplainKeyRequest, admin::v1::ExplainKeyResponse>(
      admin::kExplainKey,
      [&](const admin::v1::ExplainKeyRequest& request)
          -> absl::StatusOr<admin::v1::ExplainKeyResponse> {
        asked = request.ShortDebugString();
        return admin::v1::ExplainKeyResponse();
      });
  EXPECT_EQ(Run({"why", "-5", "--service=shop.v1.CartService"}).code, 0);
  EXPECT_EQ(asked, R"(key: "-5" service: "shop.v1.CartService")");
}

TEST_F(AdminCommandsTest, AKeyWithCommandsForTheTerminalIsShownEscaped) {
  admin::v1::ListSlowCallsResponse slow;
  auto& call = *slow.add_slowest();
  call.mutable_key()->set_key("a\x1b[2Jb");
  call.set_principal("\x1b]0;title\x07");
  server_->Answer(admin::kListSlowCalls, slow);
  const Ended text = Run({"slow"});
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.printed,
              AllOf(HasSubstr(R"(a\x1b[2Jb)"), HasSubstr(R"(\x1b]0;title\x07)"),
                    Not(HasSubstr("\x1b"))));
  const Ended json = Run({"slow", "--json"});
  EXPECT_THAT(json.printed, AllOf(HasSubstr(R"("key":"a\u001b[2Jb")"),
                                  Not(HasSubstr("\x1b"))));
  admin::v1::ListSlowCallsResponse read;
  EXPECT_TRUE(
      google::protobuf::util::JsonStringToMessage(json.printed, &read).ok());
  EXPECT_EQ(read.SerializeAsString(), slow.SerializeAsString());
}

TEST_F(AdminCommandsTest, EachListIsPrinted) {
  admin::v1::ListStallsResponse stalls;
  stalls.add_stalls()->add_stack("shop::Cart::Sum(int)");
  server_->Answer(admin::kListStalls, stalls);
  EXPECT_THAT(Run({"stalls"}).printed,
              HasSubstr("\n    shop::Cart::Sum(int)\n"));
  admin::v1::ListSessionsResponse sessions;
  sessions.add_sessions()->set_peer("10.0.0.7:4711");
  server_->Answer(admin::kListSessions, sessions);
  EXPECT_THAT(Run({"sessions"}).printed, HasSubstr("10.0.0.7:4711"));
  admin::v1::GetSettingsResponse settings;
  settings.add_settings()->set_name("show_keys");
  server_->Answer(admin::kGetSettings, settings);
  EXPECT_THAT(Run({"config"}).printed, HasSubstr("\nshow_keys  "));
}

TEST_F(AdminCommandsTest, SetTellsTheOldAndTheNewValueOrWhyNot) {
  server_->On<admin::v1::SetRequest, admin::v1::SetResponse>(
      admin::kSet,
      [](const admin::v1::SetRequest& request)
          -> absl::StatusOr<admin::v1::SetResponse> {
        if (request.name() == "workers") {
          return absl::FailedPreconditionError("workers needs a restart");
        }
        if (request.name() != "stall_after") {
          return absl::NotFoundError("there is stall_after");
        }
        if (request.value() == "soon") {
          return absl::InvalidArgumentError("\"soon\" is\x1b[2J no duration");
        }
        admin::v1::SetResponse response;
        response.set_old_value("250ms");
        response.set_new_value(request.value());
        return response;
      });
  const Ended set = Run({"set", "stall_after", "1s"});
  EXPECT_EQ(set.code, 0);
  EXPECT_EQ(set.printed, "stall_after: 250ms -> 1s\n");
  const Ended mistake = Run({"set", "stall_after", "soon"});
  EXPECT_EQ(mistake.code, 2);
  EXPECT_EQ(mistake.printed, "pinion: \"soon\" is\\x1b[2J no duration\n");
  const Ended restart = Run({"set", "workers", "4"});
  EXPECT_EQ(restart.code, 1);
  EXPECT_EQ(restart.printed,
            "pinion: FAILED_PRECONDITION: workers needs a restart\n");
  EXPECT_EQ(Run({"set", "stal_after", "1s"}).code, 1);
}

TEST_F(AdminCommandsTest, AServerThatIsGoneOrIsNoneIsTold) {
  const Ended other = Run({"stalls"});
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.printed,
              HasSubstr("UNIMPLEMENTED: this is no admin socket"));
  server_.reset();
  for (const char* command :
       {"info", "slow", "hot", "stalls", "sessions", "config", "top"}) {
    const Ended gone = Run({command});
    EXPECT_EQ(gone.code, 1) << command;
    EXPECT_THAT(gone.printed,
                StartsWith(absl::StrCat(
                    "pinion: UNAVAILABLE: no server listens on ", path_)));
  }
}

TEST_F(AdminCommandsTest, MistakesInTheArgumentsEndWithTwo) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"why"},
                                             {"why", "a", "b"},
                                             {"why", "\xff"},
                                             {"set", "name"},
                                             {"slow", "more"},
                                             {"slow", "--limit=129"},
                                             {"slow", "--limit=-1"},
                                             {"hot", "--limit=65"},
                                             {"stalls", "--limit=65"},
                                             {"sessions", "--limit=1001"},
                                             {"info", "--limit=1"},
                                             {"top", "more"},
                                             {"top", "--interval=1ms"}}) {
    const Ended mistake = Run(words);
    EXPECT_EQ(mistake.code, 2) << mistake.printed;
    EXPECT_THAT(mistake.printed, StartsWith("pinion: ")) << words[0];
  }
}

TEST_F(AdminCommandsTest, TopWithoutATerminalPrintsOnePageAndEnds) {
  admin::v1::GetInfoResponse info;
  info.set_program("shop-server");
  server_->Answer(admin::kGetInfo, info);
  admin::v1::GetStateResponse state;
  state.set_serving(true);
  state.add_workers()->set_waiting(17);
  server_->Answer(admin::kGetState, state);
  const Ended page = Run({"top", "--interval=100ms"});
  EXPECT_EQ(page.code, 0) << page.printed;
  EXPECT_THAT(page.printed,
              AllOf(StartsWith("shop-server"), HasSubstr("\nSERVING\n"),
                    Not(HasSubstr("\x1b"))));
}

}  // namespace
}  // namespace pinion::cli
