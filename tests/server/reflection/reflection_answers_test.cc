// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/reflection/reflection_answers.h"

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/reflection/service_files.h"
#include "pinion/tests/support/reflection_client.h"

namespace pinion {
namespace {

using ::pinion::testing::ExtensionsOf;
using ::pinion::testing::FileByName;
using ::pinion::testing::FileOfExtension;
using ::pinion::testing::FileOfSymbol;
using ::pinion::testing::FilesIn;
using ::pinion::testing::ListServices;
using ::pinion::testing::ReflectionRequest;
using ::pinion::testing::ReflectionResponse;
using ::pinion::testing::ServicesIn;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kKv[] = "pinion.kv.v1.KvService";
constexpr char kKvFile[] = "pinion/kv/v1/kv.proto";
constexpr char kRoute[] = "pinion/v1/route.proto";
constexpr char kPriority[] = "pinion/v1/priority.proto";
constexpr char kDescriptor[] = "google/protobuf/descriptor.proto";
constexpr char kHealthFile[] = "grpc/health/v1/health.proto";

constexpr int kInvalidArgument = 3;
constexpr int kNotFound = 5;

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  EXPECT_TRUE(buffer.DumpToSingleSlice(&slice).ok());
  return {slice.begin(), slice.end()};
}

class ReflectionAnswersTest : public ::testing::Test {
 protected:
  ReflectionAnswersTest() { kv::v1::GetRequest::descriptor(); }

  ReflectionAnswers NewStream(size_t max_file_bytes) {
    return ReflectionAnswers(
        files_,
        [this](absl::string_view service) { return service != hidden_; },
        max_file_bytes);
  }

  static ReflectionResponse Ask(ReflectionAnswers& stream,
                                const ReflectionRequest& request) {
    const auto answer = stream.Answer(request.SerializeAsString());
    ReflectionResponse response;
    EXPECT_TRUE(answer.has_value());
    EXPECT_TRUE(response.ParseFromString(BytesOf(answer.value())));
    EXPECT_EQ(response.original_request().SerializeAsString(),
              request.SerializeAsString());
    return response;
  }
  ReflectionResponse Ask(const ReflectionRequest& request) {
    return Ask(stream_, request);
  }

  void ExpectNotFound(const ReflectionRequest& request,
                      const std::string& text) {
    const ReflectionResponse response = Ask(request);
    EXPECT_EQ(response.error_response().error_code(), kNotFound);
    EXPECT_THAT(response.error_response().error_message(), HasSubstr(text));
  }

  const ServiceFiles files_{{kKv, "grpc.health.v1.Health"}};
  std::string hidden_;  // A service that may not be seen.
  ReflectionAnswers stream_ = NewStream(ReflectionAnswers::kMaxFileBytes);
};

TEST_F(ReflectionAnswersTest, ListsTheServicesThatMayBeSeen) {
  EXPECT_THAT(ServicesIn(Ask(ListServices())),
              ElementsAre("grpc.health.v1.Health", kKv));
  hidden_ = kKv;
  EXPECT_THAT(ServicesIn(Ask(ListServices())),
              ElementsAre("grpc.health.v1.Health"));
}

TEST_F(ReflectionAnswersTest, SendsTheFileThatWasAskedForAndThenItsImports) {
  EXPECT_THAT(FilesIn(Ask(FileOfSymbol(kKv))),
              ElementsAre(kKvFile, kRoute, kDescriptor, kPriority));
}

TEST_F(ReflectionAnswersTest, SendsNoImportTwiceInOneStream) {
  EXPECT_THAT(FilesIn(Ask(FileByName(kRoute))),
              ElementsAre(kRoute, kDescriptor, kPriority));
  EXPECT_THAT(FilesIn(Ask(FileOfSymbol(kKv))), ElementsAre(kKvFile));
  // What was asked for always comes: some clients take no answer without it.
  EXPECT_THAT(FilesIn(Ask(FileOfSymbol(kKv))), ElementsAre(kKvFile));
  EXPECT_THAT(FilesIn(Ask(FileByName(kRoute))), ElementsAre(kRoute));
  ReflectionAnswers another = NewStream(ReflectionAnswers::kMaxFileBytes);
  EXPECT_THAT(FilesIn(Ask(another, FileByName(kKvFile))), SizeIs(4));
}

TEST_F(ReflectionAnswersTest,
       LeavesOutImportsThatDoNotFitUntilTheyAreAskedFor) {
  ReflectionAnswers small = NewStream(1);
  EXPECT_THAT(FilesIn(Ask(small, FileOfSymbol(kKv))), ElementsAre(kKvFile));
  EXPECT_THAT(FilesIn(Ask(small, FileByName(kRoute))), ElementsAre(kRoute));
  // A room for route.proto and no more.
  const size_t both =
      files_.FileByName(kKvFile, [](auto) { return true; })->encoded.size() +
      files_.FileByName(kRoute, [](auto) { return true; })->encoded.size();
  ReflectionAnswers middle = NewStream(both);
  EXPECT_THAT(FilesIn(Ask(middle, FileOfSymbol(kKv))),
              ElementsAre(kKvFile, kRoute));
  EXPECT_THAT(FilesIn(Ask(middle, FileByName(kDescriptor))),
              ElementsAre(kDescriptor));
}

TEST_F(ReflectionAnswersTest, AnswersForExtensions) {
  EXPECT_THAT(
      FilesIn(Ask(FileOfExtension("google.protobuf.MethodOptions", 51734))),
      Contains(kRoute));
  const ReflectionResponse response =
      Ask(ExtensionsOf("google.protobuf.MethodOptions"));
  const auto& extensions = response.all_extension_numbers_response();
  EXPECT_EQ(extensions.base_type_name(), "google.protobuf.MethodOptions");
  EXPECT_THAT(extensions.extension_number(), ElementsAre(51734));
  EXPECT_TRUE(Ask(ExtensionsOf("pinion.kv.v1.GetRequest"))
                  .has_all_extension_numbers_response());
}

TEST_F(ReflectionAnswersTest, SaysWhatIsNotThere) {
  ExpectNotFound(FileByName("no.proto"), "file \"no.proto\"");
  ExpectNotFound(FileOfSymbol("a.B"), "symbol \"a.B\"");
  ExpectNotFound(FileOfExtension("a.B", 7),
                 "extension of \"a.B\" with the number 7");
  ExpectNotFound(ExtensionsOf("a.B"), "message \"a.B\"");
  hidden_ = "grpc.health.v1.Health";
  ExpectNotFound(FileByName(kHealthFile), kHealthFile);
  // Not more of it than a line has.
  ExpectNotFound(FileOfSymbol(std::string(5000, 'a')),
                 std::string(256, 'a') + "\"");
}

TEST_F(ReflectionAnswersTest, SaysThatARequestAsksNothing) {
  ReflectionRequest request;
  request.set_host("h");
  const ReflectionResponse response = Ask(request);
  EXPECT_EQ(response.error_response().error_code(), kInvalidArgument);
  EXPECT_EQ(response.valid_host(), "h");
  EXPECT_TRUE(Ask(ReflectionRequest()).has_error_response());
}

TEST_F(ReflectionAnswersTest, HasNoAnswerToBytesThatAreNoRequest) {
  for (const char* bytes : {"\x22",
                            "\x22\x05"
                            "ab",
                            "\x22\x01\xff", "\x0f"}) {
    EXPECT_FALSE(stream_.Answer(bytes).has_value());
  }
}

}  // namespace
}  // namespace pinion
