// SPDX-License-Identifier: Apache-2.0
//
// SessionEchoWay: echoes through //client:client, within one session.
//
// Threads: as CallWay.
// Example: SessionEchoWay way(child->address());
//          SessionEchoWay(address, {.spin_us = 500});
#ifndef PINION_TESTS_BENCH_ECHO_SESSION_ECHO_H_
#define PINION_TESTS_BENCH_ECHO_SESSION_ECHO_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "pinion/client/client.h"
#include "pinion/client/echo_methods.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/tests/bench/echo/async_echo.h"
#include "pinion/tests/bench/echo/echo_payload.h"
#include "pinion/tests/bench/support/call_loop.h"

namespace pinion::bench {

class SessionEchoWay final : public CallWay {
 public:
  explicit SessionEchoWay(const std::string& address, const EchoAsk& ask = {})
      : client_(Client::Connect(address)),
        ask_(ask),
        payloads_(ask.payload_bytes) {}

  void Begin(CallSlot& slot) override {
    echo::v1::EchoRequest request;
    request.set_payload(payloads_.Of(slot));
    request.set_spin_us(ask_.spin_us);
    request.set_block_us(ask_.block_us);
    client_->Start(
        echo::kEcho, request, {.worker = ask_.worker},
        [this, &slot](const absl::StatusOr<echo::v1::EchoResponse>& response) {
          slot.Answered(response.ok()
                            ? payloads_.Check(slot, response->payload())
                            : response.status());
        });
  }

 private:
  const std::unique_ptr<Client> client_;
  const EchoAsk ask_;
  const EchoPayloads payloads_;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_SESSION_ECHO_H_
