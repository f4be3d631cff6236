// SPDX-License-Identifier: Apache-2.0
//
// SessionEchoWay: echoes through //client:client, within one session.
//
// Threads: as CallWay.
// Example: SessionEchoWay way(child->address());
#ifndef PINION_TESTS_BENCH_ECHO_SESSION_ECHO_H_
#define PINION_TESTS_BENCH_ECHO_SESSION_ECHO_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "client/client.h"
#include "client/echo_methods.h"
#include "pinion/echo/v1/echo.pb.h"
#include "tests/bench/echo/echo_payload.h"
#include "tests/bench/support/call_loop.h"

namespace pinion::bench {

class SessionEchoWay final : public CallWay {
 public:
  explicit SessionEchoWay(const std::string& address)
      : client_(Client::Connect(address)) {}

  void Begin(CallSlot& slot) override {
    echo::v1::EchoRequest request;
    request.set_payload(EchoPayload(slot));
    client_->Start(echo::kEcho, request, {},
                   [&slot](absl::StatusOr<echo::v1::EchoResponse> response) {
                     slot.Answered(response.ok()
                                       ? CheckEcho(slot, response->payload())
                                       : response.status());
                   });
  }

 private:
  const std::unique_ptr<Client> client_;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_SESSION_ECHO_H_
