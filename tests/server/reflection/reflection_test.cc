// SPDX-License-Identifier: Apache-2.0
//
// grpc.reflection.v1alpha of a server, in-process and over TCP, and what its
// callers may do to others.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/reflection/reflection_call.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/reflection_client.h"

namespace pinion {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::DescriptorPool;
using ::google::protobuf::DynamicMessageFactory;
using ::google::protobuf::FileDescriptorProto;
using ::google::protobuf::Message;
using ::pinion::testing::AddOf;
using ::pinion::testing::FileByName;
using ::pinion::testing::FileOfSymbol;
using ::pinion::testing::FilesIn;
using ::pinion::testing::kAdd;
using ::pinion::testing::kCounter;
using ::pinion::testing::LaneTest;
using ::pinion::testing::ListServices;
using ::pinion::testing::OpenCall;
using ::pinion::testing::OpenCallOptions;
using ::pinion::testing::ReflectionClient;
using ::pinion::testing::ReflectionRequest;
using ::pinion::testing::ReflectionResponse;
using ::pinion::testing::ServicesIn;
using ::pinion::testing::TransportName;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kHealth[] = "grpc.health.v1.Health";
constexpr char kReflection[] = "grpc.reflection.v1alpha.ServerReflection";
constexpr char kSessions[] = "pinion.v1.SessionService";
constexpr char kDescriptorFile[] = "google/protobuf/descriptor.proto";

constexpr int kNotFound = 5;
// Shares of the streams: with so many, a connection has as many as are free.
constexpr int kShare = ReflectionHost::kMaxStreams / 2 + 1;

class ReflectionTest : public LaneTest {
 protected:
  void SetUp() override { gate_.Open(); }

  // That a stream is told so when it asks.
  void ExpectRefused(ReflectionClient& client, absl::StatusCode code,
                     v1::Reason reason, const std::string& text) {
    client.Send(ListServices().SerializeAsString());
    client.EndSends();
    const absl::Status status = client.Finish();
    EXPECT_EQ(status.code(), code);
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
    EXPECT_EQ(client.failure().reason(), reason);
    EXPECT_EQ(client.failure().executed(), v1::EXECUTED_NO);
  }

  void ExpectServesAdds() {
    OpenCall add(channel(), kAdd, AddOf("a"));
    EXPECT_TRUE(add.Await().ok()) << add.Await();
  }

  std::unique_ptr<ReflectionClient> NewStream() {
    return std::make_unique<ReflectionClient>(channel());
  }
};

INSTANTIATE_TEST_SUITE_P(, ReflectionTest, ::testing::Bool(), TransportName);

// Puts the files of a response into a pool, imports first.
void BuildAll(const ReflectionResponse& response, DescriptorPool& pool) {
  const auto& files =
      response.file_descriptor_response().file_descriptor_proto();
  size_t built = 0;
  for (bool more = true; more;) {
    more = false;
    for (const std::string& bytes : files) {
      FileDescriptorProto file;
      ASSERT_TRUE(file.ParseFromString(bytes));
      if (pool.FindFileByName(file.name()) != nullptr) continue;
      bool ready = true;
      for (const std::string& import : file.dependency()) {
        ready = ready && pool.FindFileByName(import) != nullptr;
      }
      if (!ready) continue;
      ASSERT_NE(pool.BuildFile(file), nullptr) << file.name();
      ++built;
      more = true;
    }
  }
  ASSERT_EQ(built, static_cast<size_t>(files.size()));
}

TEST_P(ReflectionTest, ListsAllServicesOfTheServer) {
  Start({});
  ReflectionClient client(channel());
  EXPECT_THAT(ServicesIn(*client.Ask(ListServices())),
              ElementsAre(kHealth, kReflection, "pinion.test.HoldService",
                          kSessions, kCounter));
  client.EndSends();
  EXPECT_TRUE(client.Finish().ok());
}

TEST_P(ReflectionTest, DescribesEachServiceThatItLists) {
  Start({});
  ReflectionClient client(channel());
  for (const std::string& name : ServicesIn(*client.Ask(ListServices()))) {
    // On a stream of its own, so that it has all imports.
    const auto response = NewStream()->Ask(FileOfSymbol(name));
    DescriptorPool pool;
    BuildAll(*response, pool);
    const auto* const service = pool.FindServiceByName(name);
    ASSERT_NE(service, nullptr) << name;
    EXPECT_GT(service->method_count(), 0) << name;
  }
}

TEST_P(ReflectionTest, AMethodCanBeCalledByWhatItTells) {
  Start({});
  DescriptorPool pool;
  BuildAll(*NewStream()->Ask(FileOfSymbol(kCounter)), pool);
  const auto* const method =
      pool.FindMethodByName("shop.v1.CounterService.Add");
  ASSERT_NE(method, nullptr);
  DynamicMessageFactory messages;
  const std::unique_ptr<Message> request(
      messages.GetPrototype(method->input_type())->New());
  const auto set = [&](const char* field, const auto& value) {
    const auto* const found = method->input_type()->FindFieldByName(field);
    if constexpr (std::is_convertible_v<decltype(value), int64_t>) {
      request->GetReflection()->SetInt64(request.get(), found, value);
    } else {
      request->GetReflection()->SetString(request.get(), found, value);
    }
  };
  set("name", std::string("apples"));
  set("by", int64_t{3});
  EXPECT_EQ(request->SerializeAsString(), AddOf("apples", 3));
}

TEST_P(ReflectionTest, ManyQuestionsOnOneStreamAreAnsweredInOrder) {
  Start({.workers = 1, .io_threads = 1});
  ReflectionClient client(channel());
  constexpr int kQuestions = 10'000;
  for (int i = 0; i < kQuestions; ++i) {
    const std::string name = "no.such.Symbol" + std::to_string(i);
    const auto response = client.Ask(FileOfSymbol(name));
    ASSERT_TRUE(response.has_value()) << i;
    ASSERT_EQ(response->error_response().error_code(), kNotFound);
    if (i % 1000 == 0) ExpectServesAdds();
  }
  client.EndSends();
  EXPECT_TRUE(client.Finish().ok());
}

TEST_P(ReflectionTest, BytesThatAreNoQuestionEndTheStream) {
  Start({});
  for (const std::string& bytes :
       {std::string("\x22\x05"), std::string("\xff\xff\xff\xff"),
        std::string(100, '\0'), std::string("\x22\x01\xc0")}) {
    ReflectionClient client(channel());
    EXPECT_THAT(ServicesIn(*client.Ask(ListServices())), Contains(kCounter));
    client.Send(bytes);
    EXPECT_EQ(client.Next(), std::nullopt);
    const absl::Status status = client.Finish();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("ServerReflectionRequest"));
    EXPECT_EQ(client.failure().reason(), v1::REASON_BAD_REQUEST);
  }
  EXPECT_THAT(ServicesIn(*NewStream()->Ask(ListServices())),
              Contains(kCounter));
}

TEST_P(ReflectionTest, AQuestionThatIsTooLargeEndsTheStream) {
  Start({});
  ReflectionClient client(channel());
  const std::string largest(ReflectionCall::kMaxQuestionBytes - 3, 'a');
  EXPECT_TRUE(client.Ask(FileOfSymbol(largest))->has_error_response());
  client.Send(FileOfSymbol(largest + "a").SerializeAsString());
  const absl::Status status = client.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("8193 bytes"), HasSubstr("8192")));
}

TEST_P(ReflectionTest, AStreamThatIsOpenedWithTooMuchMetadataIsRefused) {
  Start({});
  OpenCallOptions options;
  for (int i = 0; i < 17; ++i) {
    options.metadata.emplace_back("x-" + std::to_string(i),
                                  std::string(1000, 'v'));
  }
  ReflectionClient client(channel(), options);
  ExpectRefused(client, absl::StatusCode::kInvalidArgument,
                v1::REASON_BAD_REQUEST, "metadata takes more than");
}

TEST_P(ReflectionTest, ThereIsNoneIfItIsSwitchedOff) {
  Start({.reflection = false});
  ReflectionClient client(channel());
  ExpectRefused(client, absl::StatusCode::kUnimplemented,
                v1::REASON_NO_SUCH_METHOD, "ServerReflectionInfo");
}

TEST_P(ReflectionTest, TheLaterVersionIsUnimplementedSoThatToolsAskForThisOne) {
  Start({});
  ReflectionClient client(channel(), {}, reflection_protocol::kPathOfV1);
  ExpectRefused(client, absl::StatusCode::kUnimplemented,
                v1::REASON_NO_SUCH_METHOD, "grpc.reflection.v1.");
}

TEST_P(ReflectionTest, AStreamMayBeCancelledAtAnyTime) {
  Start({.io_threads = 2});
  for (int i = 0; i < 100; ++i) {
    ReflectionClient client(channel());
    if (i % 3 > 0) client.Send(FileOfSymbol(kCounter).SerializeAsString());
    if (i % 3 > 1) client.Next();
  }
  ExpectServesAdds();
}

TEST_P(ReflectionTest, AnOpenStreamEndsWithTheGraceAndDelaysNoStop) {
  // Which would last longer than the test.
  Start({.io_threads = 2, .grace = absl::Hours(1)});
  std::vector<std::unique_ptr<ReflectionClient>> streams;
  for (int i = 0; i < 20; ++i) {
    streams.push_back(NewStream());
    EXPECT_THAT(ServicesIn(*streams.back()->Ask(ListServices())), SizeIs(5));
  }
  server().Drain();
  for (const auto& stream : streams) {
    EXPECT_EQ(stream->Next(), std::nullopt);
    const absl::Status status = stream->Finish();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_EQ(stream->failure().reason(), v1::REASON_STOPPING);
  }
  ReflectionClient late(channel());
  ExpectRefused(late, absl::StatusCode::kUnavailable, v1::REASON_STOPPING,
                "stopping");
}

class ReflectionOverTcpTest : public ReflectionTest {};

INSTANTIATE_TEST_SUITE_P(, ReflectionOverTcpTest, ::testing::Values(true),
                         TransportName);

TEST_P(ReflectionOverTcpTest, AnswersWhatWasAskedBeforeTheClientEndedItsSide) {
  Start({});
  // Within a process, a write ends when the other side has read it.
  ReflectionClient client(channel());
  for (int i = 0; i < 3; ++i) client.Send(ListServices().SerializeAsString());
  client.EndSends();
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(ServicesIn(*client.Next()), Contains(kCounter));
  }
  EXPECT_TRUE(client.Finish().ok());
}

TEST_P(ReflectionOverTcpTest, AClientThatReadsNothingIsLeftAlone) {
  Start({.io_threads = 1, .write_timeout = absl::Milliseconds(50)});
  ReflectionClient silent(channel());
  // Each answer is some kilobytes, and comes only when the last one has left.
  const std::string question = FileByName(kDescriptorFile).SerializeAsString();
  while (silent.Send(question)) {
  }
  ExpectServesAdds();
}

TEST_P(ReflectionOverTcpTest, OneConnectionCannotHaveAllStreams) {
  Start({.io_threads = 2});
  std::vector<std::unique_ptr<ReflectionClient>> greedy;
  for (int i = 0; i < kShare; ++i) {
    greedy.push_back(NewStream());
    ASSERT_TRUE(greedy.back()->Ask(FileByName("")).has_value()) << i;
  }
  ReflectionClient one_more(channel());
  ExpectRefused(one_more, absl::StatusCode::kResourceExhausted,
                v1::REASON_SHARE_FULL, "already has 501 of the server's 1000");
  // Another finds room, and the calls of either do.
  const auto other = test().TcpChannel();
  EXPECT_THAT(ServicesIn(*ReflectionClient(other).Ask(ListServices())),
              Contains(kCounter));
  ExpectServesAdds();
  // A stream that ends makes room.
  greedy.pop_back();
  while (!NewStream()->Ask(ListServices()).has_value()) {
  }
}

class ReflectionInProcessTest : public ReflectionTest {};

INSTANTIATE_TEST_SUITE_P(, ReflectionInProcessTest, ::testing::Values(false),
                         TransportName);

TEST_P(ReflectionInProcessTest, StreamsOfUnknownClientsAreBoundedInAll) {
  Start({.io_threads = 1});
  std::vector<std::unique_ptr<ReflectionClient>> streams;
  for (int64_t i = 0; i < ReflectionHost::kMaxStreams; ++i) {
    streams.push_back(NewStream());
    ASSERT_TRUE(streams.back()->Ask(FileByName("")).has_value()) << i;
  }
  ReflectionClient one_more(channel());
  ExpectRefused(one_more, absl::StatusCode::kResourceExhausted,
                v1::REASON_SERVER_FULL, "1000 reflection streams");
  ExpectServesAdds();
}

}  // namespace
}  // namespace pinion
