// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/admin/admin_methods.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "pinion/server/admin/channelz_methods.h"

namespace pinion {
namespace {

namespace api = admin::v1;

constexpr absl::string_view kService = "/pinion.admin.v1.AdminService/";
constexpr absl::string_view kChannelz = "/grpc.channelz.v1.Channelz/";

using Bytes = absl::StatusOr<std::string>;

template <typename Response>
Bytes BytesOf(const absl::StatusOr<Response>& response) {
  if (!response.ok()) return response.status();
  return response->SerializeAsString();
}
template <typename Response>
Bytes BytesOf(const Response& response) {
  return response.SerializeAsString();
}

// Decodes the request for `answer`, and encodes what it returns.
template <typename Request, typename Answer>
Bytes Decoded(absl::string_view bytes, Answer answer) {
  Request request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError(
        absl::StrCat("the request is no ", Request::descriptor()->full_name()));
  }
  return BytesOf(answer(request));
}

}  // namespace

Bytes AdminMethods::Call(absl::string_view path, absl::string_view request,
                         absl::string_view who) {
  absl::string_view name = path;
  if (absl::ConsumePrefix(&name, kChannelz)) {
    return CallChannelz(name, request);
  }
  if (!absl::ConsumePrefix(&name, kService)) name = "";
  if (!name.empty() && !source_.started()) {
    return absl::UnavailableError("the server has not started yet");
  }
  if (name == "GetInfo") {
    return Decoded<api::GetInfoRequest>(
        request, [&](const auto&) { return source_.GetInfo(); });
  }
  if (name == "GetState") {
    return Decoded<api::GetStateRequest>(
        request, [&](const auto&) { return source_.GetState(); });
  }
  if (name == "ListSlowCalls") {
    return Decoded<api::ListSlowCallsRequest>(request, [&](const auto& asked) {
      return source_.ListSlowCalls(asked);
    });
  }
  if (name == "ListHotKeys") {
    return Decoded<api::ListHotKeysRequest>(
        request, [&](const auto& asked) { return source_.ListHotKeys(asked); });
  }
  if (name == "ExplainKey") {
    return Decoded<api::ExplainKeyRequest>(
        request, [&](const auto& asked) { return source_.ExplainKey(asked); });
  }
  if (name == "ListStalls") {
    return Decoded<api::ListStallsRequest>(
        request, [&](const auto& asked) { return source_.ListStalls(asked); });
  }
  if (name == "ListSessions") {
    return Decoded<api::ListSessionsRequest>(request, [&](const auto& asked) {
      return source_.ListSessions(asked);
    });
  }
  if (name == "GetSettings") {
    return Decoded<api::GetSettingsRequest>(
        request, [&](const auto&) { return source_.GetSettings(); });
  }
  if (name == "Set") {
    return Decoded<api::SetRequest>(
        request, [&](const auto& asked) { return source_.Set(asked, who); });
  }
  return absl::UnimplementedError(
      absl::StrCat("the admin socket has no method ", path));
}

}  // namespace pinion
