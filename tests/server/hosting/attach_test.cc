// SPDX-License-Identifier: Apache-2.0
//
// Hosted services in a server of the user's own, beside all else that it has.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/support/server_interceptor.h>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/echo/echo_shard.h"
#include "pinion/server/health.h"
#include "pinion/server/hosting.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/server/support/attached.h"
#include "pinion/tests/support/health_watch.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/stream_client.h"
#include "pinion/v1/failure.pb.h"
#include "pinion/v1/session.pb.h"
#include "shop/v1/counter.grpc.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::Attached;
using ::pinion::testing::HealthRequest;
using ::pinion::testing::ItemFor;
using ::pinion::testing::kAddItem;
using ::pinion::testing::kCart;
using ::pinion::testing::OpenCall;
using ::pinion::testing::StatusIn;
using ::pinion::testing::StreamClient;
using ::pinion::testing::SyncOffers;
using ::shop::v1::CartService;
using ::shop::v1::CounterService;
using ::shop::v1::ListOffersRequest;
using ::shop::v1::ListOffersResponse;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

// The user's part of the service, in the two other ways to serve it.
class CallbackOffers final : public CartService::WithGenericMethod_AddItem<
                                 CartService::CallbackService> {
  grpc::ServerUnaryReactor* ListOffers(grpc::CallbackServerContext* context,
                                       const ListOffersRequest*,
                                       ListOffersResponse* response) override {
    response->add_items("pear");
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

using AsyncOffers = CartService::WithGenericMethod_AddItem<
    CartService::WithAsyncMethod_ListOffers<CartService::Service>>;

// Another service of the user's, whole.
class OwnCounter final : public CounterService::CallbackService {
  grpc::ServerUnaryReactor* Add(grpc::CallbackServerContext* context,
                                const shop::v1::AddRequest* request,
                                shop::v1::AddResponse* response) override {
    response->set_value(request->by());
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

void ExpectServesItsOwn(Attached& test) {
  const absl::Status offers = test.ListOffers();
  EXPECT_TRUE(offers.ok()) << offers;
}

void ExpectServesWhatIsHosted(Attached& test) {
  const auto unary = test.AddItem("ann");
  ASSERT_TRUE(unary.ok()) << unary.status();
  EXPECT_EQ(*unary, 1);
  const auto in_a_session = test.AddItem("ann", {});
  ASSERT_TRUE(in_a_session.ok()) << in_a_session.status();
  EXPECT_EQ(*in_a_session, 2);
}

TEST(AttachTest, ServesAloneInAServerThatHasNothingElse) {
  Attached test;
  test.Start();
  ExpectServesWhatIsHosted(test);
  EXPECT_EQ(test.ListOffers().code(), absl::StatusCode::kUnimplemented);
  test.Stop();
}

TEST(AttachTest, ServesTheReadyServicesToo) {
  Attached test;
  kv::HostKv(test.hosting());
  echo::HostEcho(test.hosting());
  test.Start();
  kv::v1::PutRequest put;
  put.set_key("a");
  OpenCall stored(test.channel(), "/pinion.kv.v1.KvService/Put",
                  put.SerializeAsString());
  EXPECT_TRUE(stored.Await().ok()) << stored.Await();
  OpenCall echoed(test.channel(), "/pinion.echo.v1.EchoService/Echo", "");
  EXPECT_TRUE(echoed.Await().ok()) << echoed.Await();
  test.Stop();
}

TEST(AttachTest, ServesOneMethodAndASyncServiceTheOthers) {
  Attached test;
  SyncOffers offers;
  offers.gate.Open();
  test.builder().RegisterService(&offers);
  test.Start();
  ExpectServesWhatIsHosted(test);
  ExpectServesItsOwn(test);
  test.Stop();
}

TEST(AttachTest, ServesOneMethodAndACallbackServiceTheOthers) {
  Attached test;
  CallbackOffers offers;
  test.builder().RegisterService(&offers);
  test.Start();
  ExpectServesWhatIsHosted(test);
  ExpectServesItsOwn(test);
  test.Stop();
}

TEST(AttachTest, ServesOneMethodAndAnAsyncServiceTheOthersOnItsOwnQueue) {
  Attached test;
  AsyncOffers offers;
  test.builder().RegisterService(&offers);
  const auto queue = test.builder().AddCompletionQueue();
  test.Start();
  ExpectServesWhatIsHosted(test);

  grpc::ServerContext context;
  ListOffersRequest request;
  grpc::ServerAsyncResponseWriter<ListOffersResponse> writer(&context);
  offers.RequestListOffers(&context, &request, &writer, queue.get(),
                           queue.get(), &writer);
  std::thread user([&] {
    void* tag;
    bool ok;
    ASSERT_TRUE(queue->Next(&tag, &ok) && ok);
    writer.Finish(ListOffersResponse(), grpc::Status::OK, &writer);
    ASSERT_TRUE(queue->Next(&tag, &ok) && ok);
  });
  ExpectServesItsOwn(test);
  user.join();

  test.Stop();
  queue->Shutdown();
  void* tag;
  bool ok;
  EXPECT_FALSE(queue->Next(&tag, &ok));
}

TEST(AttachTest, ServesBesideASyncAndACallbackServiceInOneBuilder) {
  Attached test;
  SyncOffers offers;
  offers.gate.Open();
  OwnCounter counter;
  test.builder().RegisterService(&offers);
  test.builder().RegisterService(&counter);
  test.Start();
  ExpectServesWhatIsHosted(test);
  ExpectServesItsOwn(test);
  OpenCall add(test.channel(), "/shop.v1.CounterService/Add", "");
  EXPECT_TRUE(add.Await().ok()) << add.Await();
  test.Stop();
}

TEST(AttachTest, TakesTheWholeOfAServiceIfTheUserHasNoneOfIt) {
  Attached test;
  OwnCounter counter;
  test.builder().RegisterService(&counter);
  test.Start();
  ExpectServesWhatIsHosted(test);
  test.Stop();
}

// Mistakes.

TEST(AttachTest, AMethodThatTheUserServesAsWellIsNamed) {
  class All final : public CartService::Service {};
  Attached test;
  All all;
  test.builder().RegisterService(&all);
  const absl::Status status = test.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("registered twice"), HasSubstr(kAddItem),
                    HasSubstr("WithGenericMethod_"), Not(HasSubstr("\n"))));
}

TEST(AttachTest, AnAddressThatIsTakenIsTold) {
  Attached first;
  first.Start();
  Attached second;
  second.builder().AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  second.builder().AddListeningPort(first.address(),
                                    grpc::InsecureServerCredentials());
  const absl::Status status = second.TryStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("cannot listen on " + first.address() + ": "),
                    HasSubstr("in use"), Not(HasSubstr("\n"))));
  first.Stop();
}

TEST(AttachTest, AServerOfAnotherBuilderIsTold) {
  Attached test;
  ASSERT_TRUE(test.hosting().Attach(test.builder()).ok());
  grpc::ServerBuilder other;
  other.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials());
  OwnCounter counter;
  other.RegisterService(&counter);
  const absl::Status status = test.hosting().Start(other.BuildAndStart());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another builder"));
}

TEST(AttachTest, AServerThatWasNotBuiltIsTold) {
  Attached test;
  ASSERT_TRUE(test.hosting().Attach(test.builder()).ok());
  EXPECT_EQ(test.hosting().Start(nullptr).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(AttachTest, AServerThatIsNeverStartedLeavesNothingBehind) {
  Attached test;
  ASSERT_TRUE(test.hosting().Attach(test.builder()).ok());
  EXPECT_NE(test.builder().BuildAndStart(), nullptr);
}

TEST(AttachTest, AMistakeLeavesTheBuilderAsItWas) {
  Attached test({.workers = 1, .grace = absl::Hours(2)});
  OwnCounter counter;
  test.builder().RegisterService(&counter);
  EXPECT_EQ(test.hosting().Attach(test.builder()).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_NE(test.builder().BuildAndStart(), nullptr);
}

// What of Pinion's own comes along.

TEST(AttachTest, RequestsKeepToItsBoundThoughTheBuilderTakesMore) {
  Attached test({.workers = 1, .max_message_bytes = 1024});
  test.builder().SetMaxReceiveMessageSize(1 << 20);
  test.Start();
  shop::v1::AddItemRequest request;
  request.set_customer("ann");
  request.set_item(std::string(1024 - request.ByteSizeLong() - 3, 'x'));
  ASSERT_EQ(request.ByteSizeLong(), 1024u);
  OpenCall largest(test.channel(), kAddItem, request.SerializeAsString());
  EXPECT_TRUE(largest.Await().ok()) << largest.Await();

  request.mutable_item()->push_back('x');
  OpenCall larger(test.channel(), kAddItem, request.SerializeAsString());
  EXPECT_EQ(larger.Await().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(std::string(larger.Await().message()),
            "the request has 1025 bytes, more than the 1024 that a message may "
            "have; send less at once");
  EXPECT_EQ(larger.failure().reason(), v1::REASON_BAD_REQUEST);
  EXPECT_EQ(larger.failure().executed(), v1::EXECUTED_NO);
  test.Stop();
}

TEST(AttachTest, ASessionsMessagesKeepToItsBoundThoughTheBuilderTakesMore) {
  Attached test({.workers = 1, .max_message_bytes = 1024});
  test.builder().SetMaxReceiveMessageSize(1 << 20);
  test.Start();
  v1::OpenRequest message;
  v1::SessionCall& call = *message.add_calls();
  call.set_id(1);
  call.set_method(kAddItem);
  call.set_payload(ItemFor("ann") + std::string(1024, '\0'));
  StreamClient session(test.channel(), "/pinion.v1.SessionService/Open",
                       message.SerializeAsString());
  while (session.Next().has_value()) {
  }
  EXPECT_EQ(session.AwaitEnd().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(session.AwaitEnd().message()),
              AllOf(HasSubstr(absl::StrCat("a message has ",
                                           message.ByteSizeLong(), " bytes")),
                    HasSubstr("more than the 1024 of the hello")));
  EXPECT_EQ(test.hosting().Snapshot().methods[0].counts.accepted, 0u);
  test.Stop();
}

TEST(AttachTest, LeavesSessionsOutIfAskedTo) {
  Attached test;
  test.Start({.sessions = false});
  EXPECT_TRUE(test.AddItem("ann").ok());
  OpenCall open(test.channel(), "/pinion.v1.SessionService/Open", "");
  EXPECT_EQ(open.Await().code(), absl::StatusCode::kUnimplemented);
  test.Stop();
}

TEST(AttachTest, LeavesUnknownMethodsToTheUsersGenericService) {
  class Generic final : public grpc::CallbackGenericService {
    grpc::ServerGenericBidiReactor* CreateReactor(
        grpc::GenericCallbackServerContext*) override {
      class Reactor final : public grpc::ServerGenericBidiReactor {
       public:
        Reactor() { Finish({grpc::StatusCode::DATA_LOSS, "the user's"}); }
        void OnDone() override { delete this; }
      };
      return new Reactor;
    }
  };
  Attached test;
  SyncOffers offers;
  offers.gate.Open();
  Generic generic;
  test.builder().RegisterService(&offers);
  test.builder().RegisterCallbackGenericService(&generic);
  test.Start({.unknown_methods = false});
  ExpectServesWhatIsHosted(test);
  ExpectServesItsOwn(test);
  OpenCall unknown(test.channel(), "/a.B/C", "");
  EXPECT_EQ(unknown.Await().code(), absl::StatusCode::kDataLoss);
  test.Stop();
}

// gRPC's own health service is enabled for a process, so in scope only.
class GrpcsHealth {
 public:
  GrpcsHealth() { grpc::EnableDefaultHealthCheckService(true); }
  ~GrpcsHealth() { grpc::EnableDefaultHealthCheckService(false); }
};

TEST(AttachTest, RefusesToServeHealthBesideGrpcsOwn) {
  const GrpcsHealth enabled;
  Attached test;
  const absl::Status status = test.hosting().Attach(test.builder());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("health = false"));
}

TEST(AttachTest, TellsGrpcsOwnHealthOfWhatIsHostedAndOfTheWorkers) {
  const GrpcsHealth enabled;
  Attached test({.workers = 2});
  test.Start({.health = false});
  const auto status_of = [&](const std::string& name) {
    OpenCall call(test.channel(), "/grpc.health.v1.Health/Check",
                  HealthRequest(name));
    EXPECT_TRUE(call.Await().ok()) << call.Await();
    return StatusIn(call.response());
  };
  const std::string worker = "pinion.worker.0";
  EXPECT_EQ(status_of(kCart), HealthStatus::kServing);
  EXPECT_EQ(status_of(worker), HealthStatus::kServing);
  test.hosting().health().SetStalled(0, true);
  EXPECT_EQ(status_of(kCart), HealthStatus::kServing);
  EXPECT_EQ(status_of(worker), HealthStatus::kNotServing);
  test.hosting().health().SetStalled(1, true);
  EXPECT_EQ(status_of(kCart), HealthStatus::kNotServing);
  test.hosting().health().SetStalled(0, false);
  EXPECT_EQ(status_of(kCart), HealthStatus::kServing);
  test.hosting().Drain();
  EXPECT_EQ(status_of(kCart), HealthStatus::kNotServing);
  test.Stop();
}

TEST(AttachTest, TellsGrpcsOwnHealthOfAServerThatIsShutDownAsItStarts) {
  const GrpcsHealth enabled;
  for (int i = 0; i < 20; ++i) {
    Attached test;
    ASSERT_TRUE(test.hosting().Attach(test.builder(), {.health = false}).ok());
    const std::shared_ptr<grpc::Server> server = test.builder().BuildAndStart();
    std::thread shutdown([&] { server->Shutdown(); });
    EXPECT_TRUE(test.hosting().Start(server).ok());
    shutdown.join();
    test.ExpectStops();
  }
}

// Interceptors of the user's builder.

using Points = std::multiset<grpc::experimental::InterceptionHookPoints>;
using Point = grpc::experimental::InterceptionHookPoints;

// Notes what interceptors are shown of each method.
class Notes {
 public:
  void Add(const std::string& method, Point point) {
    const std::lock_guard lock(mutex_);
    seen_[method].insert(point);
  }
  Points Of(const std::string& method) {
    const std::lock_guard lock(mutex_);
    return seen_[method];
  }

 private:
  std::mutex mutex_;
  std::map<std::string, Points> seen_;
};

class NotingFactory final
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit NotingFactory(Notes& notes) : notes_(notes) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    return new Interceptor(notes_, info->method());
  }

 private:
  class Interceptor final : public grpc::experimental::Interceptor {
   public:
    Interceptor(Notes& notes, std::string method)
        : notes_(notes), method_(std::move(method)) {}
    void Intercept(
        grpc::experimental::InterceptorBatchMethods* batch) override {
      for (int i = 0; i < static_cast<int>(Point::NUM_INTERCEPTION_HOOKS);
           ++i) {
        const auto point = static_cast<Point>(i);
        if (batch->QueryInterceptionHookPoint(point))
          notes_.Add(method_, point);
      }
      batch->Proceed();
    }

   private:
    Notes& notes_;
    const std::string method_;
  };

  Notes& notes_;
};

TEST(AttachTest, TheBuildersInterceptorsSeeHostedCallsAsAnyOthers) {
  Notes notes;
  Attached test;
  SyncOffers offers;
  offers.gate.Open();
  test.builder().RegisterService(&offers);
  std::vector<
      std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
      factories;
  factories.push_back(std::make_unique<NotingFactory>(notes));
  test.builder().experimental().SetInterceptorCreators(std::move(factories));
  test.Start();
  ExpectServesWhatIsHosted(test);
  ExpectServesItsOwn(test);
  test.Stop();
  // All that there is but POST_SEND_MESSAGE, which only sync methods have.
  const Points each = {Point::POST_RECV_INITIAL_METADATA,
                       Point::POST_RECV_MESSAGE,
                       Point::PRE_SEND_INITIAL_METADATA,
                       Point::PRE_SEND_MESSAGE, Point::PRE_SEND_STATUS};
  EXPECT_THAT(notes.Of(kAddItem), IsSupersetOf(each));
  EXPECT_THAT(notes.Of(testing::kListOffers), IsSupersetOf(each));
  // Calls in a session are not gRPC's: their stream is seen, and its messages.
  EXPECT_THAT(notes.Of("/pinion.v1.SessionService/Open"), IsSupersetOf(each));
  EXPECT_EQ(notes.Of(kAddItem).count(Point::PRE_SEND_STATUS), 1u);
}

}  // namespace
}  // namespace pinion
