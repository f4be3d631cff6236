// SPDX-License-Identifier: Apache-2.0
//
// The responses of a thread use one message's memory, and nobody sees that.
#include "pinion/client/kept_response.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "pinion/client/call_options.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/v1/session.pb.h"

namespace pinion::client_internal {
namespace {

using echo::v1::EchoResponse;
using ResponseOrError = absl::StatusOr<EchoResponse>;

std::string Serialized(const std::string& payload, uint32_t worker = 0) {
  EchoResponse response;
  response.set_payload(payload);
  response.set_worker(worker);
  return response.SerializeAsString();
}

template <typename Done>
void Give(const std::string& serialized, Done done) {
  const Reply reply = {.status = absl::OkStatus(), .response = serialized};
  GiveResponse<EchoResponse>(reply, done);
}

// Each test has a thread, whose message is new.
template <typename Test>
void OnNewThread(const Test& test) {
  std::thread(test).join();
}

TEST(KeptResponseTest, TheNextResponseUsesTheMemoryOfTheOneBefore) {
  OnNewThread([] {
    const std::string long_one(100, 'a');
    const char* memory = nullptr;
    Give(Serialized(long_one), [&](const ResponseOrError& response) {
      ASSERT_TRUE(response.ok());
      EXPECT_EQ(response->payload(), long_one);
      memory = response->payload().data();
    });
    const std::string other(90, 'b');
    Give(Serialized(other), [&](const ResponseOrError& response) {
      EXPECT_EQ(response->payload(), other);
      EXPECT_EQ(response->payload().data(), memory);
    });
  });
}

TEST(KeptResponseTest, HasNothingOfTheResponseBefore) {
  OnNewThread([] {
    Give(Serialized("secret", 7), [](const ResponseOrError&) {});
    Give("", [](const ResponseOrError& response) {
      ASSERT_TRUE(response.ok());
      EXPECT_EQ(response->payload(), "");
      EXPECT_EQ(response->worker(), 0u);
      EXPECT_EQ(response->ByteSizeLong(), 0u);
    });
    // Nor unknown fields: number 15.
    Give(std::string("\x7a\x01x"), [](const ResponseOrError&) {});
    Give("", [](const ResponseOrError& response) {
      EXPECT_EQ(response->SerializeAsString(), "");
    });
  });
}

TEST(KeptResponseTest, ACallbackThatTakesItByValueKeepsIt) {
  OnNewThread([] {
    const std::string first(100, 'a');
    ResponseOrError kept = absl::UnknownError("not called yet");
    Give(Serialized(first),
         [&](ResponseOrError response) { kept = std::move(response); });
    Give(Serialized(std::string(100, 'b')), [](ResponseOrError response) {
      EXPECT_EQ(response->payload(), std::string(100, 'b'));
    });
    ASSERT_TRUE(kept.ok());
    EXPECT_EQ(kept->payload(), first);
  });
}

TEST(KeptResponseTest, ACallbackMayDoWithItWhatItWants) {
  OnNewThread([] {
    Give(Serialized("a", 1), [](ResponseOrError&& response) {
      response = absl::InternalError("made by the callback");
    });
    Give(Serialized("b"), [](ResponseOrError&& response) {
      ASSERT_TRUE(response.ok());
      EXPECT_EQ(response->payload(), "b");
      response->set_worker(9);
    });
    Give(Serialized("c"), [](const ResponseOrError& response) {
      ASSERT_TRUE(response.ok());
      EXPECT_EQ(response->payload(), "c");
      EXPECT_EQ(response->worker(), 0u);
    });
  });
}

TEST(KeptResponseTest, ACallbackWithinACallbackHasItsOwn) {
  OnNewThread([] {
    Give(Serialized("outer"), [](const ResponseOrError& outer) {
      Give(Serialized("inner"), [&](const ResponseOrError& inner) {
        EXPECT_EQ(inner->payload(), "inner");
        EXPECT_EQ(outer->payload(), "outer");
      });
      EXPECT_EQ(outer->payload(), "outer");
    });
  });
}

TEST(KeptResponseTest, WhatCannotBeDecodedIsAnErrorAndTheNextIsNot) {
  OnNewThread([] {
    Give("\xff", [](const ResponseOrError& response) {
      EXPECT_EQ(response.status().code(), absl::StatusCode::kInternal);
      EXPECT_NE(response.status().message().find("EchoResponse"),
                std::string::npos)
          << response.status();
    });
    Give(Serialized("a"), [](const ResponseOrError& response) {
      ASSERT_TRUE(response.ok());
      EXPECT_EQ(response->payload(), "a");
    });
  });
}

TEST(KeptResponseTest, AFailedCallHasItsError) {
  OnNewThread([] {
    const Reply reply = {.status = absl::NotFoundError("no such key")};
    const auto done = [](const ResponseOrError& response) {
      EXPECT_EQ(response.status(), absl::NotFoundError("no such key"));
    };
    GiveResponse<EchoResponse>(reply, done);
  });
}

size_t KeptBytes() {
  size_t bytes = 0;
  Give("", [&](const ResponseOrError& response) {
    bytes = response->SpaceUsedLong();
  });
  return bytes;
}

TEST(KeptResponseTest, AMessageOfOver64KiBIsFreed) {
  OnNewThread([] {
    Give(Serialized(std::string(60 << 10, 'x')), [](const ResponseOrError&) {});
    EXPECT_GT(KeptBytes(), size_t{60 << 10});
    Give(Serialized(std::string(100 << 10, 'x')),
         [](const ResponseOrError&) {});
    EXPECT_LT(KeptBytes(), 1000u);
  });
}

// Small ones, each with bytes where the others have none: a message that is
// parsed into again keeps the memory of all.
std::string SmallOne(int i) {
  constexpr int kCalls = 250;
  v1::OpenRequest request;
  for (int call = 0; call < i % kCalls; ++call) request.add_calls();
  request.add_calls()->set_payload(std::string(450, 'x'));
  return request.SerializeAsString();
}

TEST(KeptResponseTest, AMessageThatManySmallResponsesMadeLargeIsFreed) {
  OnNewThread([] {
    constexpr int kResponses = 1000;
    v1::OpenRequest never_freed;
    size_t most = 0;
    for (int i = 0; i < kResponses; ++i) {
      const std::string serialized = SmallOne(i);
      ASSERT_LT(serialized.size(), 1024u);
      ASSERT_TRUE(never_freed.ParseFromString(serialized));
      const Reply reply = {.status = absl::OkStatus(), .response = serialized};
      const auto done = [&](const absl::StatusOr<v1::OpenRequest>& response) {
        most = std::max(most, response->SpaceUsedLong());
      };
      GiveResponse<v1::OpenRequest>(reply, done);
    }
    EXPECT_GT(never_freed.SpaceUsedLong(), size_t{130} << 10);
    EXPECT_LT(most, size_t{110} << 10);
  });
}

}  // namespace
}  // namespace pinion::client_internal
