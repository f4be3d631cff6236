// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/health_message.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace pinion {
namespace {

using std::string_literals::operator""s;

TEST(HealthMessageTest, TheServiceOfARequestIsItsFirstField) {
  EXPECT_EQ(ServiceInHealthRequest("\x0a\x03"
                                   "a.b"),
            "a.b");
}

TEST(HealthMessageTest, AnEmptyRequestNamesTheWholeServer) {
  EXPECT_EQ(ServiceInHealthRequest(""), "");
  EXPECT_EQ(ServiceInHealthRequest("\x0a\x00"s), "");
}

TEST(HealthMessageTest, OfAServiceThatIsGivenTwiceTheLastCounts) {
  EXPECT_EQ(ServiceInHealthRequest("\x0a\x01"
                                   "a\x0a\x01"
                                   "b"),
            "b");
}

TEST(HealthMessageTest, OtherFieldsAreSkipped) {
  // A varint as field 2, and bytes as field 3.
  EXPECT_EQ(ServiceInHealthRequest("\x10\x05\x0a\x01"
                                   "a\x1a\x02xx"),
            "a");
  // The field 1 as a varint is another field.
  EXPECT_EQ(ServiceInHealthRequest("\x08\x01"), "");
}

TEST(HealthMessageTest, BytesThatAreNoRequestAreNone) {
  for (const std::string& bytes :
       {"\x0a"s, "\x0a\x05"s + "ab", "\x0a\x01"s + "a\x10", "\x00"s, "\x0f"s,
        "\x0c"s}) {
    EXPECT_EQ(ServiceInHealthRequest(bytes), std::nullopt);
  }
}

TEST(HealthMessageTest, AResponseIsItsStatus) {
  EXPECT_EQ(EncodeHealthResponse(HealthStatus::kServing), "\x08\x01");
  EXPECT_EQ(EncodeHealthResponse(HealthStatus::kNotServing), "\x08\x02");
  EXPECT_EQ(EncodeHealthResponse(HealthStatus::kServiceUnknown), "\x08\x03");
}

}  // namespace
}  // namespace pinion
