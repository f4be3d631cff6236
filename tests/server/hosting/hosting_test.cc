// SPDX-License-Identifier: Apache-2.0
//
// Mistakes in hosting stop the start, with one line that says which.
#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/call.h"
#include "pinion/server/server.h"
#include "pinion/server/stream.h"
#include "pinion/tests/support/stream_client.h"
#include "pinion/tests/support/test_server.h"
#include "tests/server/support/bad.pb.h"

namespace pinion {
namespace {

using ::pinion::test::Other;
using ::pinion::test::Thing;
using ::pinion::testing::TestServer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Shard {
  absl::Status Do(const Thing& request, Thing* response) {
    *response = request;
    return absl::OkStatus();
  }
  absl::Status TakesOther(const Other&, Thing*) { return absl::OkStatus(); }
  absl::Status GivesOther(const Thing&, Other*) { return absl::OkStatus(); }
  void Stream(const Thing&, pinion::Stream<Thing>) {}
  void StreamOfOther(const Thing&, pinion::Stream<Other>) {}
  absl::Status Where(const Thing&, Thing* response, CallContext& context) {
    response->set_name(std::to_string(context.worker()));
    return absl::OkStatus();
  }
};

absl::Status Greet(Shard&, const Thing& request, Thing* response) {
  response->set_name("hello " + request.name());
  return absl::OkStatus();
}

// Expects the start to fail with one line that has all of `parts`.
template <typename... Parts>
void ExpectRefused(Server& server, Parts... parts) {
  const absl::Status status = server.Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(parts)..., Not(HasSubstr("\n"))));
}

class HostingTest : public ::testing::Test {
 protected:
  Server server_{{.listen = "127.0.0.1:0"}};
};

TEST_F(HostingTest, RefusesAServerWithoutServices) {
  ExpectRefused(server_, "no service");
}

TEST_F(HostingTest, RefusesTheServiceThatTheServerItselfServes) {
  server_.Host<Shard>("grpc.health.v1.Health").On("Check", &Shard::Do);
  ExpectRefused(server_, "grpc.health.v1.Health", "itself");
}

TEST_F(HostingTest, RefusesAServiceThatIsNotInTheProgram) {
  server_.Host<Shard>("pinion.test.Missing").On("Do", &Shard::Do);
  ExpectRefused(server_, "pinion.test.Missing");
}

TEST_F(HostingTest, RefusesAServiceNoneOfWhoseMethodsIsServed) {
  server_.Host<Shard>("pinion.test.GoodService");
  ExpectRefused(server_, "pinion.test.GoodService", "none");
}

TEST_F(HostingTest, RefusesAMethodThatIsNotInTheService) {
  server_.Host<Shard>("pinion.test.GoodService").On("Streeming", &Shard::Do);
  ExpectRefused(server_,
                "the service pinion.test.GoodService has no method Streeming; "
                "it has Streaming, ");
}

TEST_F(HostingTest, RefusesTwoHandlersOfOneMethod) {
  server_.Host<Shard>("pinion.test.GoodService")
      .On("Keyed", &Shard::Do)
      .On("Keyed", &Shard::Do);
  ExpectRefused(server_, "pinion.test.GoodService.Keyed", "two handlers");
}

TEST_F(HostingTest, RefusesAnotherRequestTypeThanTheProtoSays) {
  server_.Host<Shard>("pinion.test.GoodService")
      .On("Keyed", &Shard::TakesOther);
  ExpectRefused(server_, "pinion.test.Other", "pinion.test.Thing");
}

TEST_F(HostingTest, RefusesAnotherResponseTypeThanTheProtoSays) {
  server_.Host<Shard>("pinion.test.GoodService")
      .On("Keyed", &Shard::GivesOther);
  ExpectRefused(server_, "pinion.test.Other", "pinion.test.Thing");
}

TEST_F(HostingTest, RefusesAUnaryHandlerForAStreamingMethod) {
  server_.Host<Shard>("pinion.test.GoodService").On("Streaming", &Shard::Do);
  ExpectRefused(server_, "pinion.test.GoodService.Streaming",
                "server-streaming", "Stream<Response>");
}

TEST_F(HostingTest, RefusesAStreamingHandlerForAUnaryMethod) {
  server_.Host<Shard>("pinion.test.GoodService").On("Keyed", &Shard::Stream);
  ExpectRefused(server_, "pinion.test.GoodService.Keyed", "unary", "Stream");
}

TEST_F(HostingTest, RefusesAnotherStreamThanTheProtoSays) {
  server_.Host<Shard>("pinion.test.GoodService")
      .On("Streaming", &Shard::StreamOfOther);
  ExpectRefused(server_, "pinion.test.Other", "pinion.test.Thing");
}

TEST_F(HostingTest, RefusesMethodsThatTakeAStream) {
  for (const char* method : {"Uploading", "Chatting"}) {
    Server server({.listen = "127.0.0.1:0"});
    server.Host<Shard>("pinion.test.GoodService").On(method, &Shard::Stream);
    ExpectRefused(server, method, "takes a stream of requests");
  }
}

TEST_F(HostingTest, RefusesAServiceHostedTwice) {
  server_.Host<Shard>("pinion.test.GoodService").On("Keyed", &Shard::Do);
  server_.Host<Shard>("pinion.test.GoodService").On("Keyless", &Shard::Do);
  ExpectRefused(server_, "pinion.test.GoodService", "twice");
}

TEST_F(HostingTest, RefusesAKeyThatDoesNotExist) {
  server_.Host<Shard>("pinion.test.NoSuchKeyService").On("Do", &Shard::Do);
  ExpectRefused(server_, "NoSuchKeyService.Do", "nmae");
}

TEST_F(HostingTest, RefusesAKeyOfAKindThatCannotBeOne) {
  server_.Host<Shard>("pinion.test.DoubleKeyService").On("Do", &Shard::Do);
  ExpectRefused(server_, "DoubleKeyService.Do", "size", "floating-point");
}

TEST_F(HostingTest, RefusesARepeatedKey) {
  server_.Host<Shard>("pinion.test.RepeatedKeyService").On("Do", &Shard::Do);
  ExpectRefused(server_, "RepeatedKeyService.Do", "tags", "repeated");
}

TEST_F(HostingTest, AKeyOfTheProgramsMendsThatOfTheProto) {
  server_.Host<Shard>("pinion.test.NoSuchKeyService")
      .On("Do", &Shard::Do)
      .Key("name");
  EXPECT_EQ(server_.Start(), absl::OkStatus());
}

TEST_F(HostingTest, RefusesAKeyOfTheProgramsThatDoesNotExist) {
  server_.Host<Shard>("pinion.test.GoodService")
      .On("Keyed", &Shard::Do)
      .Key("account.id");
  ExpectRefused(server_, "pinion.test.GoodService.Keyed", "account", "Key()");
}

TEST_F(HostingTest, RefusesAKeyBeforeAnyMethod) {
  server_.Host<Shard>("pinion.test.GoodService")
      .Key("name")
      .On("Keyed", &Shard::Do);
  ExpectRefused(server_, "pinion.test.GoodService", "Key(\"name\")", "On()");
}

// With any number of workers: with one, the state is whole, until there are
// two.
TEST(RouteTest, RefusesAMethodThatDoesNotSayWhereItsCallsRun) {
  for (const int workers : {0, 1, 2}) {
    for (const char* method : {"Do", "Soon", "Streaming"}) {
      Server server({.listen = "127.0.0.1:0"},
                    {.workers = workers, .cpu_policy = CpuPolicy::kFloat});
      auto& service = server.Host<Shard>("pinion.test.ForgottenKeyService");
      if (absl::string_view(method) == "Streaming") {
        service.On(method, &Shard::Stream);
      } else {
        service.On(method, &Shard::Do);
      }
      ExpectRefused(server,
                    absl::StrCat("pinion.test.ForgottenKeyService.", method,
                                 " does not say where its calls run"),
                    "option (pinion.v1.route) = {key: \"name\"}",
                    ".Key(\"name\")", "{any_worker: true}", ".AnyWorker()");
    }
  }
}

TEST_F(HostingTest, RefusesOneMethodAmongManyThatDoesNotSayWhereItsCallsRun) {
  server_.Host<Shard>("pinion.test.GoodService").On("Keyed", &Shard::Do);
  server_.Host<Shard>("pinion.test.ForgottenKeyService")
      .On("Do", &Shard::Do)
      .Key("name")
      .On("Soon", &Shard::Do);
  ExpectRefused(server_, "pinion.test.ForgottenKeyService.Soon");
}

TEST_F(HostingTest, RefusesAKeyTogetherWithAnyWorkerInTheProto) {
  server_.Host<Shard>("pinion.test.BothService").On("Do", &Shard::Do);
  ExpectRefused(server_, "pinion.test.BothService.Do",
                "its route's key \"name\"", "its route's any_worker",
                "keep one");
}

TEST_F(HostingTest, RefusesAKeyTogetherWithAnyWorkerInTheProgram) {
  server_.Host<Shard>("pinion.test.ForgottenKeyService")
      .On("Do", &Shard::Do)
      .AnyWorker()
      .Key("name");
  ExpectRefused(server_, "pinion.test.ForgottenKeyService.Do", "Key(\"name\")",
                "AnyWorker()", "keep one");
}

TEST_F(HostingTest, RefusesThatTheProgramSaysOtherwiseThanTheProto) {
  server_.Host<Shard>("pinion.test.GoodService")
      .On("Keyed", &Shard::Do)
      .AnyWorker();
  ExpectRefused(server_, "pinion.test.GoodService.Keyed",
                "its route's key \"name\"", "AnyWorker()", "keep one");
  Server other({.listen = "127.0.0.1:0"});
  other.Host<Shard>("pinion.test.AnyWorkerService")
      .On("Do", &Shard::Do)
      .Key("name");
  ExpectRefused(other, "pinion.test.AnyWorkerService.Do", "Key(\"name\")",
                "its route's any_worker", "keep one");
}

TEST_F(HostingTest, RefusesAnyWorkerBeforeAnyMethod) {
  server_.Host<Shard>("pinion.test.ForgottenKeyService")
      .AnyWorker()
      .On("Do", &Shard::Do);
  ExpectRefused(server_, "pinion.test.ForgottenKeyService", "AnyWorker()",
                "On()");
}

TEST_F(HostingTest, TakesAnyWorkerFromTheServiceUnlessTheMethodHasAKey) {
  server_.Host<Shard>("pinion.test.AnyWorkerService")
      .On("Do", &Shard::Do)
      .On("Keyed", &Shard::Do);
  EXPECT_EQ(server_.Start(), absl::OkStatus());
}

TEST_F(HostingTest, RefusesABatchOfNoCalls) {
  server_.Host<Shard>("pinion.test.GoodService")
      .On("Keyed", &Shard::Do)
      .Batch({.calls = 0});
  ExpectRefused(server_, "pinion.test.GoodService", "0 calls");
}

TEST_F(HostingTest, RefusesAPortThatIsInUse) {
  TestServer first;
  first.server().Host<Shard>("pinion.test.GoodService").On("Keyed", &Shard::Do);
  first.Start();
  Server second({.listen = first.server().address()});
  second.Host<Shard>("pinion.test.GoodService").On("Keyed", &Shard::Do);
  const absl::Status status = second.Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(first.server().address()), HasSubstr("in use")));
}

TEST_F(HostingTest, TakesTheServicesRouteUnlessTheMethodHasItsOwn) {
  TestServer test({.workers = 2});
  test.server()
      .Host<Shard>("pinion.test.GoodService")
      .On("Keyed", &Shard::Where)
      .On("Keyless", &Shard::Where);
  test.Start();
  Thing thing;
  thing.set_name("a");
  // The keyless one goes where it is told to.
  for (int worker : {0, 1}) {
    const auto where = test.client().Call<Thing>(
        "/pinion.test.GoodService/Keyless", thing, {.worker = worker});
    ASSERT_TRUE(where.ok()) << where.status();
    EXPECT_EQ(where->name(), std::to_string(worker));
  }
  // The keyed one does not.
  const auto refused = test.client().Call<Thing>(
      "/pinion.test.GoodService/Keyed", thing, {.worker = 0});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostingTest, ServesMethodsByFunctionsAndByLambdas) {
  TestServer test({.workers = 1});
  const std::string parting = "bye ";
  test.server()
      .Host<Shard>("pinion.test.GoodService")
      .On("Keyed", Greet)
      .On("Keyless", [parting](const Thing& request, Thing* response) {
        response->set_name(parting + request.name());
        return absl::OkStatus();
      });
  test.server()
      .Host<Shard>("pinion.test.ForgottenKeyService")
      .On("Do",
          [](Shard& shard, Call<Thing, Thing> call) {
            call.Finish(shard.Do(call.request(), call.response()));
          })
      .AnyWorker()
      .On("Soon",
          [](absl::Span<Call<Thing, Thing>> calls) {
            for (auto& call : calls) call.Finish(absl::AbortedError("soon"));
          })
      .AnyWorker()
      .On("Streaming",
          [](Shard&, const Thing& request, pinion::Stream<Thing> stream) {
            const absl::Status sent = stream.Send(request);
            stream.Finish(sent);
          })
      .Key("name");
  test.Start();
  Thing ann;
  ann.set_name("Ann");
  const auto answer = [&](const char* method) -> std::string {
    const auto thing = test.client().Call<Thing>(method, ann);
    return thing.ok() ? thing->name() : std::string(thing.status().message());
  };
  EXPECT_EQ(answer("/pinion.test.GoodService/Keyed"), "hello Ann");
  EXPECT_EQ(answer("/pinion.test.GoodService/Keyless"), "bye Ann");
  EXPECT_EQ(answer("/pinion.test.ForgottenKeyService/Do"), "Ann");
  EXPECT_EQ(answer("/pinion.test.ForgottenKeyService/Soon"), "soon");
  testing::StreamClient stream(test.InProcessChannel(),
                               "/pinion.test.ForgottenKeyService/Streaming",
                               ann.SerializeAsString());
  EXPECT_EQ(stream.Next(), ann.SerializeAsString());
  EXPECT_EQ(stream.AwaitEnd(), absl::OkStatus());
}

TEST_F(HostingTest, RunsOnAnyWorkerWhatTheProgramSaysSoOf) {
  TestServer test({.workers = 2});
  test.server()
      .Host<Shard>("pinion.test.ForgottenKeyService")
      .On("Do", &Shard::Where)
      .AnyWorker();
  test.Start();
  for (int worker : {0, 1}) {
    const auto where = test.client().Call<Thing>(
        "/pinion.test.ForgottenKeyService/Do", Thing(), {.worker = worker});
    ASSERT_TRUE(where.ok()) << where.status();
    EXPECT_EQ(where->name(), std::to_string(worker));
  }
}

TEST_F(HostingTest, RoutesByTheKeyThatTheProgramGives) {
  TestServer test({.workers = 2});
  test.server()
      .Host<Shard>("pinion.test.ForgottenKeyService")
      .On("Do", &Shard::Where)
      .Key("name");
  test.Start();
  std::set<std::string> workers;
  std::map<std::string, std::string> worker_of;
  for (int i = 0; i < 100; ++i) {
    Thing thing;
    thing.set_name(std::to_string(i % 50));
    const auto where =
        test.client().Call<Thing>("/pinion.test.ForgottenKeyService/Do", thing);
    ASSERT_TRUE(where.ok()) << where.status();
    workers.insert(where->name());
    // Always the same for one name.
    const auto [known, is_new] = worker_of.emplace(thing.name(), where->name());
    EXPECT_EQ(known->second, where->name());
  }
  EXPECT_EQ(workers.size(), 2u);
}

}  // namespace
}  // namespace pinion
