// SPDX-License-Identifier: Apache-2.0
//
// The hand-written code of the session's messages against protobuf's: one
// million random messages, good and broken, in each direction; see
// session_oracle.h.
//
// Replay: the seed is printed; PINION_SEED=<seed> draws the same messages.
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "google/protobuf/stubs/logging.h"
#include "gtest/gtest.h"
#include "pinion/server/testing/seed.h"
#include "pinion/tests/proto/random_wire.h"
#include "pinion/tests/proto/session_oracle.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

using testing::CaseRule;
using testing::Coverage;
using testing::Random;
using testing::RandomWire;
using testing::RequestDisagreement;
using testing::ResponseDisagreement;
using testing::Seed;
using enum testing::WireCase;

#ifdef NDEBUG
constexpr int kMessages = 1'000'000;
#else
constexpr int kMessages = 100'000;  // Unoptimised or sanitized builds are slow.
#endif

// What a message came to, beside the cases of RandomWire.
enum Case { kParsed = kWireCases };

const std::vector<CaseRule> kRules = {
    {kHadOtherField, "declared field", 500},
    {kHadUnknownField, "unknown field", 50},
    {kHadGroup, "group", 50},
    {kHadDeepGroup, "group about 100 levels deep", 5},
    {kHadWrongWireType, "declared field of a wrong wire type", 50},
    {kHadOverlongVarint, "overlong varint", 50},
    {kHadTooLongVarint, "varint too long for protobuf", 5},
    {kWasTruncated, "truncated", 50},
    {kWasFlipped, "bytes flipped", 50},
    {kWasStuffed, "bytes put in", 20},
    {kParsed, "parsed", 300},
};

template <typename Message>
void Compare(std::vector<CaseRule> rules,
             std::string (*disagreement)(const std::string&)) {
  google::protobuf::LogSilencer no_line_for_each_bad_string;
  const Seed seed;
  Random random(seed.value());
  Coverage coverage(std::move(rules));
  RandomWire wire(&random, &coverage);
  Message message;
  for (int i = 0; i < kMessages; ++i) {
    const std::string bytes =
        wire.Broken(wire.Message(*Message::descriptor(), 0));
    ASSERT_EQ(disagreement(bytes), "")
        << "message " << i << " of PINION_SEED=" << seed.value() << ": "
        << absl::BytesToHexString(bytes);
    if (message.ParseFromString(bytes)) coverage.Saw(kParsed);
    coverage.EndMessage();
  }
  coverage.PrintAndCheck();
}

TEST(SessionWireRandomTest, RequestsAreReadAndWrittenAsProtobufDoes) {
  std::vector<CaseRule> rules = kRules;
  rules.push_back({kHadPacked, "packed cancels", 50});
  Compare<v1::OpenRequest>(rules, RequestDisagreement);
}

TEST(SessionWireRandomTest, ResponsesAreReadAndWrittenAsProtobufDoes) {
  Compare<v1::OpenResponse>(kRules, ResponseDisagreement);
}

}  // namespace
}  // namespace pinion
