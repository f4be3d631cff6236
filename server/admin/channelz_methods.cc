// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/admin/channelz_methods.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>
#include <grpc/grpc.h>
#include <grpc/support/alloc.h>
#include <grpcpp/ext/channelz_service_plugin.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace pinion {
namespace {

using ::google::protobuf::Message;

// The linker keeps gRPC's library of channelz for it. The library is needed for
// its messages, whose header is not installed. The function is not called: that
// would add the service to each server of this process.
void (*volatile const in_the_library)() =
    &grpc::channelz::experimental::InitChannelzService;

// A new message of grpc.channelz.v1, by its name; null if the program has none.
std::unique_ptr<Message> New(absl::string_view name) {
  const auto* const type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          absl::StrCat("grpc.channelz.v1.", name));
  if (type == nullptr || in_the_library == nullptr) return nullptr;
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(type)
          ->New());
}

// An integer of a request, by its name; 0 if it has none.
int64_t Number(const Message& request, const std::string& field) {
  const auto* const found = request.GetDescriptor()->FindFieldByName(field);
  if (found == nullptr) return 0;
  return request.GetReflection()->GetInt64(request, found);
}

// What the core answers to a method, as JSON; null if nothing has the id.
char* JsonOf(absl::string_view name, const Message& request) {
  const auto number = [&](const char* field) {
    return static_cast<intptr_t>(Number(request, field));
  };
  if (name == "GetTopChannels") {
    return grpc_channelz_get_top_channels(number("start_channel_id"));
  }
  if (name == "GetServers") {
    return grpc_channelz_get_servers(number("start_server_id"));
  }
  if (name == "GetServer") return grpc_channelz_get_server(number("server_id"));
  if (name == "GetServerSockets") {
    return grpc_channelz_get_server_sockets(
        number("server_id"), number("start_socket_id"), number("max_results"));
  }
  if (name == "GetChannel") {
    return grpc_channelz_get_channel(number("channel_id"));
  }
  if (name == "GetSubchannel") {
    return grpc_channelz_get_subchannel(number("subchannel_id"));
  }
  return grpc_channelz_get_socket(number("socket_id"));
}

bool IsMethod(absl::string_view name) {
  for (const absl::string_view known :
       {"GetTopChannels", "GetServers", "GetServer", "GetServerSockets",
        "GetChannel", "GetSubchannel", "GetSocket"}) {
    if (name == known) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::string> CallChannelz(absl::string_view name,
                                         absl::string_view request) {
  if (!IsMethod(name)) {
    return absl::UnimplementedError(
        absl::StrCat("channelz has no method ", name));
  }
  const auto asked = New(absl::StrCat(name, "Request"));
  const auto answer = New(absl::StrCat(name, "Response"));
  if (asked == nullptr || answer == nullptr) {
    return absl::UnimplementedError("this program has no channelz messages");
  }
  if (!asked->ParseFromArray(request.data(),
                             static_cast<int>(request.size()))) {
    return absl::InvalidArgumentError(
        absl::StrCat("the request is no ", asked->GetTypeName()));
  }
  const std::unique_ptr<char, void (*)(void*)> json(JsonOf(name, *asked),
                                                    &gpr_free);
  if (json == nullptr) {
    return absl::NotFoundError(
        absl::StrCat(name, ": nothing has this id; it may have ended"));
  }
  if (!google::protobuf::util::JsonStringToMessage(json.get(), answer.get())
           .ok()) {
    return absl::InternalError(
        absl::StrCat(name, ": gRPC's answer is no ", answer->GetTypeName()));
  }
  return answer->SerializeAsString();
}

}  // namespace pinion
