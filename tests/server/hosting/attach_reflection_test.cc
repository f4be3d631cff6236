// SPDX-License-Identifier: Apache-2.0
//
// A program that links gRPC's own reflection: in a server to which hosted
// services are attached, that answers; in a pinion::Server, ours does.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <memory>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/server/reflection/own_files.h"
#include "pinion/tests/server/support/attached.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/reflection_client.h"
#include "pinion/tests/support/test_server.h"

namespace pinion {
namespace {

using ::google::protobuf::DescriptorPool;
using ::google::protobuf::FileDescriptorProto;
using ::pinion::testing::Attached;
using ::pinion::testing::FileOfSymbol;
using ::pinion::testing::FilesIn;
using ::pinion::testing::GuardedChannel;
using ::pinion::testing::kCart;
using ::pinion::testing::ListServices;
using ::pinion::testing::ReflectionClient;
using ::pinion::testing::ReflectionRequest;
using ::pinion::testing::ReflectionResponse;
using ::pinion::testing::ServicesIn;
using ::pinion::testing::SyncOffers;
using ::pinion::testing::TestServer;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

constexpr char kHealth[] = "grpc.health.v1.Health";
constexpr char kReflection[] = "grpc.reflection.v1alpha.ServerReflection";
constexpr char kSessions[] = "pinion.v1.SessionService";
constexpr char kKv[] = "pinion.kv.v1.KvService";

// One question on a stream of its own.
ReflectionResponse Ask(const GuardedChannel& channel,
                       const ReflectionRequest& request) {
  ReflectionClient client(channel);
  const auto response = client.Ask(request);
  EXPECT_TRUE(response.has_value());
  return response.value_or(ReflectionResponse());
}

// gRPC's has no .proto of the health service, and ours has.
bool IsOurs(const GuardedChannel& channel) {
  return !FilesIn(Ask(channel, FileOfSymbol(kHealth))).empty();
}

TEST(AttachReflectionTest, ListsWhatIsHostedAndDescribesIt) {
  for (const bool reflection : {true, false}) {
    Attached test({.workers = 1, .reflection = reflection});
    test.Start();
    EXPECT_FALSE(IsOurs(test.channel()));
    EXPECT_THAT(ServicesIn(Ask(test.channel(), ListServices())),
                IsSupersetOf({kCart, kSessions, kHealth}));
    EXPECT_THAT(FilesIn(Ask(test.channel(), FileOfSymbol(kCart))),
                Contains("shop/v1/cart.proto"));
    EXPECT_TRUE(test.AddItem("ann").ok());
    test.Stop();
  }
}

TEST(AttachReflectionTest, ListsAServiceOfWhichTheUserHasAPart) {
  Attached test;
  SyncOffers offers;
  test.builder().RegisterService(&offers);
  test.Start();
  EXPECT_THAT(ServicesIn(Ask(test.channel(), ListServices())), Contains(kCart));
  test.Stop();
}

TEST(AttachReflectionTest, AServerAnswersItself) {
  TestServer test;
  kv::HostKv(test.server());
  test.Start();
  const GuardedChannel channel = test.TcpChannel();
  EXPECT_TRUE(IsOurs(channel));
  EXPECT_THAT(ServicesIn(Ask(channel, ListServices())),
              ElementsAre(kHealth, kReflection, kKv, kSessions));
}

TEST(AttachReflectionTest, AServerHasNoneIfItIsSwitchedOff) {
  TestServer test({.reflection = false});
  kv::HostKv(test.server());
  test.Start();
  ReflectionClient client(test.TcpChannel());
  client.Send(ListServices().SerializeAsString());
  client.EndSends();
  EXPECT_EQ(client.Finish().code(), absl::StatusCode::kUnimplemented);
}

// As it is in the file, but for the names of the file and of other languages.
std::string TextOf(const google::protobuf::ServiceDescriptor* service) {
  FileDescriptorProto file;
  service->file()->CopyTo(&file);
  file.clear_name();
  file.clear_options();
  return file.DebugString();
}

TEST(AttachReflectionTest, WeDescribeReflectionAsGrpcDoes) {
  EXPECT_EQ(
      TextOf(OwnFiles().FindServiceByName(kReflection)),
      TextOf(DescriptorPool::generated_pool()->FindServiceByName(kReflection)));
}

}  // namespace
}  // namespace pinion
