// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/list_command.h"

#include <google/protobuf/descriptor.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "pinion/client/cli/common_flags.h"
#include "pinion/client/cli/server_services.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/tools/command_line.h"

namespace pinion::cli {
namespace {

using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

constexpr int kListFailed = 1;

constexpr char kUsage[] =
    "usage: pinion list [NAME] [flags]\n\n"
    "Shows the methods of all services of a server, with their messages; or, "
    "in the words of its .proto, the service, method, message or enum NAME. "
    "The server tells of them by gRPC's reflection, which a pinion::Server has "
    "unless its option reflection is false.\n\n"
    "  pinion list\n"
    "  pinion list pinion.kv.v1.PutRequest\n"
    "  pinion list /pinion.kv.v1.KvService/Put\n\n"
    "Exit codes: 0 success, 1 the server could not be asked, 2 a mistake in "
    "the arguments, or the server has no reflection or no NAME.";

std::vector<FlagGroup> FlagGroups() { return {ClientFlags({})}; }

std::string MessageOf(const google::protobuf::Descriptor& type, bool stream) {
  return absl::StrCat(stream ? "stream " : "", type.full_name());
}

std::string LinesOf(const ServiceDescriptor& service) {
  std::string lines;
  for (int i = 0; i < service.method_count(); ++i) {
    const MethodDescriptor& method = *service.method(i);
    absl::StrAppend(
        &lines, "/", service.full_name(), "/", method.name(), "  ",
        MessageOf(*method.input_type(), method.client_streaming()), " -> ",
        MessageOf(*method.output_type(), method.server_streaming()), "\n");
  }
  return lines;
}

absl::StatusOr<std::string> AllMethods(ServerServices& server) {
  const auto names = server.List();
  if (!names.ok()) return names.status();
  std::string lines;
  for (const std::string& name : *names) {
    const auto service = server.Find(name);
    if (service.ok()) {
      lines += LinesOf(**service);
    } else if (absl::IsInvalidArgument(service.status())) {
      absl::StrAppend(&lines, "/", name, "/  the server has no .proto of it\n");
    } else {
      return service.status();
    }
  }
  return lines;
}

// "/shop.v1.Cart/Add" is the method shop.v1.Cart.Add.
std::string SymbolOf(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, "/")) return std::string(name);
  return absl::StrReplaceAll(name, {{"/", "."}});
}

}  // namespace

int ListCommand(int argc, char** argv) {
  // The first word is the command.
  const std::vector<std::string> words =
      ParseCommandLine(argc, argv, kUsage, FlagGroups());
  if (words.size() > 2) {
    ExitWithUsageError("list takes one name or none; --help has examples");
  }
  ServerServices server(TargetFlag(), ConnectionOfFlags());
  const auto text =
      words.size() == 2 ? server.Text(SymbolOf(words[1])) : AllMethods(server);
  server.Disconnect();
  if (!text.ok()) ExitWith(text.status());
  // What a server says may be anything.
  if (std::fputs(Printable(*text).c_str(), stdout) < 0 ||
      std::fflush(stdout) != 0) {
    std::fprintf(stderr, "pinion: the list cannot be written: %s\n",
                 std::strerror(errno));
    return kListFailed;
  }
  return 0;
}

}  // namespace pinion::cli
