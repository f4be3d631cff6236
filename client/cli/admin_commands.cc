// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/admin_commands.h"

#include <google/protobuf/message.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/client/cli/admin_connection.h"
#include "pinion/client/cli/admin_flags.h"
#include "pinion/client/cli/admin_json.h"
#include "pinion/client/cli/admin_methods.h"
#include "pinion/client/cli/admin_target.h"
#include "pinion/client/cli/calls_report.h"
#include "pinion/client/cli/common_flags.h"
#include "pinion/client/cli/server_report.h"
#include "pinion/client/client.h"
#include "pinion/client/method.h"
#include "pinion/core/base/admin_socket_path.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/tools/command_line.h"

namespace pinion::cli {
namespace {

constexpr int kFailed = 1;

// An admin socket answers at once, unless its process is frozen.
constexpr absl::Duration kTimeout = absl::Seconds(10);

constexpr char kExitCodes[] =
    "\n\nExit codes: 0 success, 1 the server could not be asked or refused, 2 "
    "a mistake in the arguments.";

// The words after the command; `most` at most.
std::vector<std::string> WordsOf(int argc, char** argv, const char* usage,
                                 std::vector<absl::string_view> flags,
                                 size_t most) {
  std::vector<FlagGroup> groups = {{"Server", {"admin"}}};
  flags.emplace_back("json");
  groups.push_back({"Output", std::move(flags)});
  std::vector<std::string> words =
      ParseCommandLine(argc, argv, absl::StrCat(usage, kExitCodes), groups);
  const std::string command = words[0];
  words.erase(words.begin());
  if (words.size() > most) {
    ExitWithUsageError(absl::StrCat(command, " takes no argument \"",
                                    words[most], "\"; --help has examples"));
  }
  for (const std::string& word : words) {
    if (ValidUtf8(word) == word) continue;
    ExitWithUsageError(absl::StrCat(Quoted(word, 64), " is not UTF-8"));
  }
  return words;
}

// The server that the flags say.
class Server {
 public:
  Server() {
    const auto target = AdminTarget(AdminFlag(), AdminSocketPlaces::Ours());
    if (!target.ok()) ExitWith(target.status());
    client_ = ConnectToAdmin(*target);
  }

  // An error ends the program.
  template <typename Request, typename Response>
  Response Ask(const Method<Request, Response>& method,
               const Request& request) {
    auto response = client_->Call(method, request, {.timeout = kTimeout});
    if (response.ok()) return *std::move(response);
    client_.reset();
    ExitWith(AdminError(response.status()));
  }

 private:
  std::unique_ptr<Client> client_;
};

int Print(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0) {
    return 0;
  }
  std::fprintf(stderr, "pinion: the answer cannot be written: %s\n",
               std::strerror(errno));
  return kFailed;
}

int PrintJson(const google::protobuf::Message& message) {
  return Print(AdminJson(message) + "\n");
}

constexpr char kInfoUsage[] =
    "usage: pinion info [flags]\n\n"
    "Shows who a server is and whether it is healthy: its version, how long "
    "it has run, whether it reports SERVING, which workers are stalled, what "
    "it holds of its limits, what became of all calls, its methods, and the "
    "lanes that hold calls.\n\n"
    "  pinion info\n"
    "  pinion info --json | jq .state.serving\n\n"
    "With --json, the object has \"info\" and \"state\": the answers of "
    "GetInfo and GetState of pinion.admin.v1.";

constexpr char kSlowUsage[] =
    "usage: pinion slow [flags]\n\n"
    "Shows the slowest of all calls of late, whatever sample_calls is, the "
    "slowest first: 20, or --limit, at most 128. Of each: when it ended, its "
    "method, key and principal, the worker, how long it waited for the worker, "
    "how long its handler ran, how many calls were taken together with it, and "
    "the answer's code, or \"kept\" if the handler had not answered when it "
    "returned.\n\n"
    "  pinion slow --limit=5";

constexpr char kHotUsage[] =
    "usage: pinion hot [SERVICE] [flags]\n\n"
    "Shows the keys with the most calls, and those whose handlers ran the "
    "longest in all, of each service, or of SERVICE: 10 of each, or --limit, "
    "at most 64. The numbers are estimates: the true value is at most the "
    "number shown, and less than it by LESS AT MOST at most.\n\n"
    "  pinion hot\n"
    "  pinion hot pinion.kv.v1.KvService --limit=3\n\n"
    "Unless the server's setting show_keys is on, a key is shown by its hash "
    "and its slot.";

constexpr char kWhyUsage[] =
    "usage: pinion why KEY [flags]\n\n"
    "Says what a call of one key meets now: its slot and its worker, what "
    "runs there and since when, how many calls wait before it, what it would "
    "be told, and the key's calls that were recorded lately. KEY is as in a "
    "request's field; an integer in decimal.\n\n"
    "  pinion why ann\n"
    "  pinion why 4711 --service=shop.v1.CartService\n"
    "  pinion why -- -5";

constexpr char kStallsUsage[] =
    "usage: pinion stalls [flags]\n\n"
    "Shows the handlers that have held a worker for too long, the last one "
    "first: 10, or --limit, at most 64. Of each: the worker, the method, the "
    "key, how long it had run and how long with a CPU, how many calls waited "
    "behind it, whether it still runs, and its stack, the innermost function "
    "first. The server's flag --stall_after says what is too long.\n\n"
    "  pinion stalls --limit=1";

constexpr char kSessionsUsage[] =
    "usage: pinion sessions [flags]\n\n"
    "Shows the open sessions, the one that holds the most bytes first: 50, or "
    "--limit, at most 1000. Of each: the client's address, the name that it "
    "gave itself, its principal, its I/O thread, its calls so far and those "
    "that are open, the bytes that the server holds for it, and those of its "
    "answers that have not left yet.\n\n"
    "  pinion sessions --limit=10";

constexpr char kConfigUsage[] =
    "usage: pinion config [flags]\n\n"
    "Shows the settings that hold, where each value comes from (default, "
    "file, flag, or run time: \"pinion set\"), and what changes it while the "
    "state stays: \"pinion set\", or a reload of the server's file (SIGHUP). "
    "All others need a restart.\n\n"
    "  pinion config\n"
    "  pinion config --json";

constexpr char kSetUsage[] =
    "usage: pinion set NAME VALUE [flags]\n\n"
    "Changes a setting of the running server, until its next start or reload, "
    "and prints the old and the new value. The server logs who did it. "
    "\"pinion config\" lists the settings, and says which may be changed.\n\n"
    "  pinion set show_keys true\n"
    "  pinion set stall_after 250ms";

}  // namespace

int InfoCommand(int argc, char** argv) {
  WordsOf(argc, argv, kInfoUsage, {}, 0);
  Server server;
  const auto info = server.Ask(admin::kGetInfo, admin::v1::GetInfoRequest());
  const auto state = server.Ask(admin::kGetState, admin::v1::GetStateRequest());
  if (JsonFlag()) {
    return Print(absl::StrCat("{\"info\":", AdminJson(info),
                              ",\"state\":", AdminJson(state), "}\n"));
  }
  return Print(InfoReport(info, state, absl::LocalTimeZone()));
}

int SlowCommand(int argc, char** argv) {
  WordsOf(argc, argv, kSlowUsage, {"limit"}, 0);
  admin::v1::ListSlowCallsRequest request;
  request.set_limit(LimitFlag(128));
  const auto slow = Server().Ask(admin::kListSlowCalls, request);
  if (JsonFlag()) return PrintJson(slow);
  return Print(SlowReport(slow, absl::LocalTimeZone()));
}

int HotCommand(int argc, char** argv) {
  const std::vector<std::string> words =
      WordsOf(argc, argv, kHotUsage, {"limit"}, 1);
  admin::v1::ListHotKeysRequest request;
  if (!words.empty()) request.set_service(words[0]);
  request.set_limit(LimitFlag(64));
  const auto hot = Server().Ask(admin::kListHotKeys, request);
  if (JsonFlag()) return PrintJson(hot);
  return Print(HotReport(hot, absl::LocalTimeZone()));
}

int WhyCommand(int argc, char** argv) {
  const std::vector<std::string> words =
      WordsOf(argc, argv, kWhyUsage, {"service"}, 1);
  if (words.empty()) {
    ExitWithUsageError("why takes a key; --help has examples");
  }
  admin::v1::ExplainKeyRequest request;
  request.set_key(words[0]);
  request.set_service(ValidUtf8(ServiceFlag()));
  const auto why = Server().Ask(admin::kExplainKey, request);
  if (JsonFlag()) return PrintJson(why);
  return Print(WhyReport(why, absl::Now(), absl::LocalTimeZone()));
}

int StallsCommand(int argc, char** argv) {
  WordsOf(argc, argv, kStallsUsage, {"limit"}, 0);
  admin::v1::ListStallsRequest request;
  request.set_limit(LimitFlag(64));
  const auto stalls = Server().Ask(admin::kListStalls, request);
  if (JsonFlag()) return PrintJson(stalls);
  return Print(StallsReport(stalls, absl::LocalTimeZone()));
}

int SessionsCommand(int argc, char** argv) {
  WordsOf(argc, argv, kSessionsUsage, {"limit"}, 0);
  admin::v1::ListSessionsRequest request;
  request.set_limit(LimitFlag(1000));
  const auto sessions = Server().Ask(admin::kListSessions, request);
  if (JsonFlag()) return PrintJson(sessions);
  return Print(SessionsReport(sessions, absl::LocalTimeZone()));
}

int ConfigCommand(int argc, char** argv) {
  WordsOf(argc, argv, kConfigUsage, {}, 0);
  const auto settings =
      Server().Ask(admin::kGetSettings, admin::v1::GetSettingsRequest());
  if (JsonFlag()) return PrintJson(settings);
  return Print(SettingsReport(settings));
}

int SetCommand(int argc, char** argv) {
  const std::vector<std::string> words = WordsOf(argc, argv, kSetUsage, {}, 2);
  if (words.size() != 2) {
    ExitWithUsageError(
        "set takes a setting's name and its new value; \"pinion config\" "
        "lists them");
  }
  admin::v1::SetRequest request;
  request.set_name(words[0]);
  request.set_value(words[1]);
  const auto response = Server().Ask(admin::kSet, request);
  if (JsonFlag()) return PrintJson(response);
  return Print(SetReport(request, response));
}

}  // namespace pinion::cli
