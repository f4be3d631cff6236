// SPDX-License-Identifier: Apache-2.0
//
// How `pinion call` prints a stream of a real server.
#include "pinion/client/cli/stream_printer.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "pinion/client/cli/methods.h"
#include "pinion/client/client.h"
#include "pinion/server/stream.h"
#include "pinion/tests/support/grpc_order.h"
#include "pinion/tests/support/test_server.h"
#include "tests/server/support/bad.pb.h"

namespace pinion::cli {
namespace {

using ::pinion::test::Thing;
using ::pinion::testing::OrderAsGrpcDoes;
using ::pinion::testing::TestServer;

constexpr char kStreaming[] = "/pinion.test.GoodService/Streaming";

struct StreamShard {
  void Do(const Thing&, Stream<Thing> stream) {
    OrderAsGrpcDoes();
    handler(std::move(stream));
  }
  const std::function<void(Stream<Thing>)>& handler;
};

class StreamPrinterTest : public ::testing::Test {
 protected:
  void Start(std::function<void(Stream<Thing>)> handler) {
    handler_ = std::move(handler);
    test_ = std::make_unique<TestServer>(HostingOptions{.workers = 1});
    test_->server()
        .Host<StreamShard>(
            "pinion.test.GoodService",
            [this] {
              return std::unique_ptr<StreamShard>(new StreamShard{handler_});
            })
        .On("Streaming", &StreamShard::Do);
    test_->Start();
  }
  // Its exit code; printed_ is what it has printed.
  int Print(std::FILE* out) {
    Thing request;
    request.set_name("a");
    OrderAsGrpcDoes();
    RawStreamReader stream =
        test_->client().StreamRaw(kStreaming, request.SerializeAsString());
    const Methods methods(*google::protobuf::DescriptorPool::generated_pool());
    JsonCodec codec(methods);
    return PrintStream(codec, {.method = kStreaming}, stream, interrupts_, out);
  }
  int Print() {
    char* text = nullptr;
    size_t size = 0;
    std::FILE* out = open_memstream(&text, &size);
    const int code = Print(out);
    std::fclose(out);
    printed_ = std::string(text, size);
    std::free(text);
    return code;
  }

  Interrupts interrupts_;  // Before any thread of the server's.
  std::function<void(Stream<Thing>)> handler_;
  std::unique_ptr<TestServer> test_;
  std::string printed_;
};

void SendTwo(Stream<Thing>& stream) {
  Thing thing;
  for (const char* name : {"one", "two"}) {
    thing.set_name(name);
    EXPECT_TRUE(stream.Send(thing).ok());
  }
}

constexpr char kBoth[] =
    "{\"name\":\"one\",\"size\":0,\"tags\":[]}\n"
    "{\"name\":\"two\",\"size\":0,\"tags\":[]}\n";

TEST_F(StreamPrinterTest, PrintsEachMessageOnALine) {
  Start([](Stream<Thing> stream) {
    SendTwo(stream);
    stream.Finish();
  });
  EXPECT_EQ(Print(), 0);
  EXPECT_EQ(printed_, kBoth);
}

TEST_F(StreamPrinterTest, FailsAfterTheMessagesIfTheStreamDid) {
  Start([](Stream<Thing> stream) {
    SendTwo(stream);
    stream.Finish(absl::NotFoundError("no more"));
  });
  EXPECT_EQ(Print(), 1);
  EXPECT_EQ(printed_, kBoth);
}

TEST_F(StreamPrinterTest, CancelsTheStreamIfNothingCanBePrinted) {
  std::unique_ptr<Stream<Thing>> kept;
  Start([&](Stream<Thing> stream) {
    // One only: the client cancels as soon as it cannot print it.
    EXPECT_TRUE(stream.Send(Thing()).ok());
    kept = std::make_unique<Stream<Thing>>(std::move(stream));
  });
  std::FILE* full = std::fopen("/dev/full", "w");
  EXPECT_EQ(Print(full), 1);
  std::fclose(full);
  test_->Stop();
}

TEST_F(StreamPrinterTest, CancelsTheStreamAtCtrlC) {
  std::unique_ptr<Stream<Thing>> kept;
  Start([&](Stream<Thing> stream) {
    SendTwo(stream);
    kept = std::make_unique<Stream<Thing>>(std::move(stream));
    kill(getpid(), SIGINT);
  });
  EXPECT_EQ(Print(), 128 + SIGINT);
  test_->Stop();
}

}  // namespace
}  // namespace pinion::cli
