// SPDX-License-Identifier: Apache-2.0
//
// The methods of a server's admin socket, for typed calls.
//
// Threads: constants; any thread.
// Example: client->Call(admin::kGetState, v1::GetStateRequest());
#ifndef PINION_CLIENT_CLI_ADMIN_METHODS_H_
#define PINION_CLIENT_CLI_ADMIN_METHODS_H_

#include "pinion/admin/v1/admin.pb.h"
#include "pinion/client/method.h"

namespace pinion::admin {

inline constexpr Method<v1::GetInfoRequest, v1::GetInfoResponse> kGetInfo(
    "/pinion.admin.v1.AdminService/GetInfo");
inline constexpr Method<v1::GetStateRequest, v1::GetStateResponse> kGetState(
    "/pinion.admin.v1.AdminService/GetState");
inline constexpr Method<v1::ListSlowCallsRequest, v1::ListSlowCallsResponse>
    kListSlowCalls("/pinion.admin.v1.AdminService/ListSlowCalls");
inline constexpr Method<v1::ListHotKeysRequest, v1::ListHotKeysResponse>
    kListHotKeys("/pinion.admin.v1.AdminService/ListHotKeys");
inline constexpr Method<v1::ExplainKeyRequest, v1::ExplainKeyResponse>
    kExplainKey("/pinion.admin.v1.AdminService/ExplainKey");
inline constexpr Method<v1::ListStallsRequest, v1::ListStallsResponse>
    kListStalls("/pinion.admin.v1.AdminService/ListStalls");
inline constexpr Method<v1::ListSessionsRequest, v1::ListSessionsResponse>
    kListSessions("/pinion.admin.v1.AdminService/ListSessions");
inline constexpr Method<v1::GetSettingsRequest, v1::GetSettingsResponse>
    kGetSettings("/pinion.admin.v1.AdminService/GetSettings");
inline constexpr Method<v1::SetRequest, v1::SetResponse> kSet(
    "/pinion.admin.v1.AdminService/Set");

}  // namespace pinion::admin

#endif  // PINION_CLIENT_CLI_ADMIN_METHODS_H_
