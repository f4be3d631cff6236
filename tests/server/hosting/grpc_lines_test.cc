// SPDX-License-Identifier: Apache-2.0
//
// gRPC's own lines go the way of the server's: in its form, limited, and none
// can be made to look like another.
#include <fcntl.h>
#include <grpc/support/log.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/hosting/process_setup.h"
#include "pinion/server/log.h"
#include "pinion/server/log/server_log.h"

namespace pinion {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::chrono::hours kForever(24);

// A process whose standard error the test reads.
class GrpcLinesTest : public ::testing::Test {
 protected:
  GrpcLinesTest() {
    EXPECT_EQ(pipe(ends_), 0);
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    EXPECT_EQ(dup2(ends_[1], STDERR_FILENO), STDERR_FILENO);
    gpr_set_log_verbosity(GPR_LOG_SEVERITY_DEBUG);
    QueueGrpcsLines();
  }
  ~GrpcLinesTest() override {
    ProcessLog().Set({});
    dup2(before_, STDERR_FILENO);
    for (const int descriptor : {before_, ends_[0], ends_[1]}) {
      close(descriptor);
    }
  }

  // All that was written since the last time.
  std::vector<std::string> Lines() {
    EXPECT_TRUE(ProcessLog().Flush(kForever));
    std::string text;
    char some[4096];
    for (ssize_t got = 0; (got = read(ends_[0], some, sizeof(some))) > 0;) {
      text.append(some, static_cast<size_t>(got));
    }
    std::vector<std::string> lines = absl::StrSplit(text, '\n');
    EXPECT_THAT(lines.back(), IsEmpty()) << "each line is whole";
    lines.pop_back();
    return lines;
  }

  const int before_ = dup(STDERR_FILENO);
  int ends_[2];
};

TEST_F(GrpcLinesTest, HaveTheirLevelAndTheirPlace) {
  gpr_log("src/core/a/transport.cc", 17, GPR_LOG_SEVERITY_ERROR, "lost %d", 3);
  gpr_log("transport.cc", 18, GPR_LOG_SEVERITY_INFO, "found");
  EXPECT_THAT(Lines(),
              ElementsAre(HasSubstr(" error grpc: transport.cc:17: lost 3"),
                          HasSubstr(" info grpc: transport.cc:18: found")));
}

TEST_F(GrpcLinesTest, AreWrittenInTheFormAndFromTheLevelOfTheServersLines) {
  ProcessLog().Set({.format = LogFormat::kJson, .level = LogLevel::kDebug});
  gpr_log("a.cc", 1, GPR_LOG_SEVERITY_DEBUG, "seen");
  EXPECT_THAT(Lines(),
              ElementsAre(AllOf(HasSubstr(R"("level":"debug","area":"grpc")"),
                                HasSubstr(R"("event":"a.cc:1")"),
                                HasSubstr(R"("message":"a.cc:1: seen"})"))));
  ProcessLog().Set({.level = LogLevel::kError});
  gpr_log("a.cc", 2, GPR_LOG_SEVERITY_INFO, "not seen");
  EXPECT_THAT(Lines(), IsEmpty());
}

// Of a peer, gRPC prints what that has sent.
TEST_F(GrpcLinesTest, AreOneLineEachWhateverAPeerSends) {
  gpr_log("b.cc", 1, GPR_LOG_SEVERITY_ERROR, "%s", "a\nb\x1b[2J\xff");
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr(R"(b.cc:1: a\nb\x1b[2J\xff)")));
}

// The clock is the machine's: a span of the limit may end within the test.
TEST_F(GrpcLinesTest, OfOnePlaceHideThoseOfNoOther) {
  for (int i = 0; i < 1000; ++i) {
    gpr_log("c.cc", 1, GPR_LOG_SEVERITY_ERROR, "a bad peer");
  }
  gpr_log("c.cc", 2, GPR_LOG_SEVERITY_ERROR, "something else");
  const std::vector<std::string> lines = Lines();
  EXPECT_THAT(lines, Contains(HasSubstr("c.cc:2: something else")));
  EXPECT_THAT(lines, Contains(HasSubstr("left out")));
}

}  // namespace
}  // namespace pinion
