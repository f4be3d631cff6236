// SPDX-License-Identifier: Apache-2.0
//
// The messages of reflection against protobuf's.
#include "pinion/proto/wire/reflection_message.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "pinion/server/testing/seed.h"
#include "pinion/tests/proto/random_wire.h"
#include "tests/support/reflection.pb.h"

namespace pinion {
namespace {

using Kind = ReflectionQuestion::Kind;
using Request = test::reflection::ServerReflectionRequest;
using Response = test::reflection::ServerReflectionResponse;
using google::protobuf::util::MessageDifferencer;
using testing::Coverage;
using ::testing::ElementsAre;
using testing::Random;
using testing::RandomWire;
using testing::Seed;
using enum testing::WireCase;
using std::string_literals::operator""s;

#ifdef NDEBUG
constexpr int kMessages = 200'000;
#else
constexpr int kMessages = 20'000;  // Unoptimised or sanitized builds are slow.
#endif

// What a message came to, beside the cases of RandomWire.
enum Case { kParsed = kWireCases };

ReflectionQuestion QuestionOf(const Request& request) {
  ReflectionQuestion question;
  question.host = request.host();
  switch (request.message_request_case()) {
    case Request::MESSAGE_REQUEST_NOT_SET:
      break;
    case Request::kFileByFilename:
      question.kind = Kind::kFileByName;
      question.name = request.file_by_filename();
      break;
    case Request::kFileContainingSymbol:
      question.kind = Kind::kFileOfSymbol;
      question.name = request.file_containing_symbol();
      break;
    case Request::kFileContainingExtension:
      question.kind = Kind::kFileOfExtension;
      question.name = request.file_containing_extension().containing_type();
      question.number = request.file_containing_extension().extension_number();
      break;
    case Request::kAllExtensionNumbersOfType:
      question.kind = Kind::kExtensionsOfType;
      question.name = request.all_extension_numbers_of_type();
      break;
    case Request::kListServices:
      question.kind = Kind::kListServices;
      question.name = request.list_services();
      break;
  }
  return question;
}

bool IsQuestion(const ReflectionQuestion& a, const ReflectionQuestion& b) {
  return a.host == b.host && a.kind == b.kind && a.name == b.name &&
         a.number == b.number;
}

TEST(ReflectionMessageTest, QuestionsAreReadAndWrittenAsProtobufDoes) {
  google::protobuf::LogSilencer no_line_for_each_bad_string;
  const Seed seed;
  Random random(seed.value());
  Coverage coverage({
      {kHadOtherField, "declared field", 500},
      {kHadUnknownField, "unknown field", 50},
      {kHadGroup, "group", 50},
      {kHadDeepGroup, "group about 100 levels deep", 5},
      {kHadWrongWireType, "declared field of a wrong wire type", 50},
      {kHadOverlongVarint, "overlong varint", 50},
      {kWasTruncated, "truncated", 50},
      {kWasFlipped, "bytes flipped", 50},
      {kParsed, "parsed", 200},
  });
  RandomWire wire(&random, &coverage);
  for (int i = 0; i < kMessages; ++i) {
    const std::string bytes =
        wire.Broken(wire.Message(*Request::descriptor(), 0));
    const std::string which =
        "message " + std::to_string(i) +
        " of PINION_SEED=" + std::to_string(seed.value()) + ": " +
        absl::BytesToHexString(bytes);
    Request request;
    const bool parsed = request.ParseFromString(bytes);
    const std::optional<ReflectionQuestion> question =
        ReadReflectionQuestion(bytes);
    ASSERT_EQ(question.has_value(), parsed) << which;
    if (parsed) {
      coverage.Saw(kParsed);
      ASSERT_TRUE(IsQuestion(*question, QuestionOf(request))) << which;
      Request written;
      ASSERT_TRUE(written.ParseFromString(EncodeReflectionQuestion(*question)))
          << which;
      ASSERT_TRUE(IsQuestion(QuestionOf(written), *question)) << which;
    }
    coverage.EndMessage();
  }
  coverage.PrintAndCheck();
}

TEST(ReflectionMessageTest, OfAOneofTheLastCounts) {
  // A symbol, and then a file by name.
  const auto question = ReadReflectionQuestion(
      "\x22\x01"
      "a\x1a\x01"
      "b");
  EXPECT_EQ(question->kind, Kind::kFileByName);
  EXPECT_EQ(question->name, "b");
}

TEST(ReflectionMessageTest, AnEmptyNameIsStillAsked) {
  EXPECT_EQ(EncodeReflectionQuestion({.kind = Kind::kListServices}),
            "\x3a\x00"s);
  EXPECT_EQ(ReadReflectionQuestion("\x3a\x00"s)->kind, Kind::kListServices);
  EXPECT_EQ(EncodeReflectionQuestion({.host = "h"}), "\x0a\x01h");
}

// A question as it was asked, with a host and without.
class ReflectionAnswerTest : public ::testing::TestWithParam<std::string> {
 protected:
  ReflectionAnswerTest() {
    request_.set_host(GetParam());
    request_.set_file_containing_symbol("shop.v1.Cart");
    bytes_ = request_.SerializeAsString();
  }
  ReflectionAsked Asked() const {
    return {.host = GetParam(), .request = bytes_};
  }

  Response Parsed(const std::string& bytes) {
    Response response;
    EXPECT_TRUE(response.ParseFromString(bytes));
    // Also as to how it is written.
    EXPECT_EQ(response.SerializeAsString(), bytes);
    EXPECT_EQ(response.valid_host(), GetParam());
    EXPECT_TRUE(
        MessageDifferencer::Equals(response.original_request(), request_));
    return response;
  }

  Request request_;
  std::string bytes_;
};

INSTANTIATE_TEST_SUITE_P(, ReflectionAnswerTest,
                         ::testing::Values("", "shop.example:443"),
                         [](const auto& info) {
                           return info.param.empty() ? "WithoutHost"
                                                     : "WithHost";
                         });

TEST_P(ReflectionAnswerTest, AnErrorHasItsCodeAndText) {
  const std::string bytes = EncodeReflectionError(Asked(), 5, "no \xff here");
  const Response response = Parsed(bytes);
  EXPECT_EQ(response.error_response().error_code(), 5);
  EXPECT_EQ(response.error_response().error_message(), "no ? here");
  const auto read = ReadReflectionAnswer(bytes);
  EXPECT_EQ(read->error_code, 5);
  EXPECT_EQ(read->error_message, "no ? here");
}

TEST_P(ReflectionAnswerTest, ServicesHaveTheirNames) {
  const std::vector<std::string> names = {"a.B", "c.D"};
  const std::string bytes = EncodeReflectionServices(Asked(), names);
  const Response response = Parsed(bytes);
  ASSERT_EQ(response.list_services_response().service_size(), 2);
  EXPECT_EQ(response.list_services_response().service(1).name(), "c.D");
  EXPECT_THAT(ReadReflectionAnswer(bytes)->services, ElementsAre("a.B", "c.D"));
}

TEST_P(ReflectionAnswerTest, ExtensionsHaveTheirTypeAndNumbers) {
  const std::vector<int32_t> numbers = {1, 300, 536'870'911};
  const Response response =
      Parsed(EncodeReflectionExtensions(Asked(), "a.B", numbers));
  const auto& extensions = response.all_extension_numbers_response();
  EXPECT_EQ(extensions.base_type_name(), "a.B");
  EXPECT_THAT(extensions.extension_number(), ElementsAre(1, 300, 536'870'911));
  EXPECT_TRUE(Parsed(EncodeReflectionExtensions(Asked(), "a.B", {}))
                  .has_all_extension_numbers_response());
}

TEST_P(ReflectionAnswerTest, FilesComeInPiecesThatAreOneMessage) {
  const std::string large(300, 'x');
  const std::string files =
      EncodeReflectionFile("abc") + EncodeReflectionFile(large);
  const std::string bytes = BeginReflectionFiles(Asked(), files.size()) + files;
  EXPECT_THAT(Parsed(bytes).file_descriptor_response().file_descriptor_proto(),
              ElementsAre("abc", large));
  EXPECT_THAT(ReadReflectionAnswer(bytes)->files, ElementsAre("abc", large));
}

TEST(ReflectionMessageTest, BytesThatAreNoAnswerAreNone) {
  for (const std::string& bytes :
       {"\x22"s, "\x22\x05\x0a"s, "\x22\x02\x0a\x05"s, "\x3a\x01\x10"s, "\x00"s,
        "\x32\x02\x0a\x03"s, "\x22\xff\xff\xff\xff\x0f"s}) {
    EXPECT_EQ(ReadReflectionAnswer(bytes), std::nullopt)
        << absl::BytesToHexString(bytes);
  }
}

}  // namespace
}  // namespace pinion
