// SPDX-License-Identifier: Apache-2.0
//
// The methods of the echo service, for typed calls.
//
// Threads: constants; any thread.
// Example: client->Call(echo::kEcho, request);
#ifndef PINION_CLIENT_ECHO_METHODS_H_
#define PINION_CLIENT_ECHO_METHODS_H_

#include "pinion/client/method.h"
#include "pinion/echo/v1/echo.pb.h"

namespace pinion::echo {

inline constexpr Method<v1::EchoRequest, v1::EchoResponse> kEcho(
    "/pinion.echo.v1.EchoService/Echo");
inline constexpr Method<v1::EchoKeyedRequest, v1::EchoKeyedResponse> kEchoKeyed(
    "/pinion.echo.v1.EchoService/EchoKeyed");

}  // namespace pinion::echo

#endif  // PINION_CLIENT_ECHO_METHODS_H_
