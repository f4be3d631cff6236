// SPDX-License-Identifier: Apache-2.0
//
// The labels by which other workspaces name libraries are there, and link: what
// Debian installs of Protobuf's well-known messages, of gRPC and of Abseil.
#include <google/protobuf/util/time_util.h>
#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>

#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/container/btree_map.h"
#include "absl/container/fixed_array.h"
#include "absl/container/inlined_vector.h"
#include "absl/container/node_hash_map.h"
#include "absl/debugging/stacktrace.h"
#include "absl/debugging/symbolize.h"
#include "absl/functional/bind_front.h"
#include "absl/memory/memory.h"
#include "absl/numeric/bits.h"
#include "absl/numeric/int128.h"
#include "absl/random/distributions.h"
#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/optional.h"
#include "absl/types/variant.h"
#include "absl/utility/utility.h"
#include "gtest/gtest.h"
#include "tests/tools/every_well_known.pb.h"

namespace pinion {
namespace {

TEST(UsualLabelsTest, AProtoMayImportEachWellKnownOne) {
  tests::tools::EveryWellKnown every;
  *every.mutable_timestamp() =
      google::protobuf::util::TimeUtil::SecondsToTimestamp(7);
  every.mutable_wrapped()->set_value(8);
  (*every.mutable_struct_()->mutable_fields())["a"].set_number_value(9);
  every.mutable_any()->PackFrom(every.timestamp());
  tests::tools::EveryWellKnown read;
  ASSERT_TRUE(read.ParseFromString(every.SerializeAsString()));
  EXPECT_EQ(read.timestamp().seconds(), 7);
  EXPECT_EQ(read.wrapped().value(), 8);
}

TEST(UsualLabelsTest, GrpcHasItsReflectionAndChannelz) {
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::channelz::experimental::InitChannelzService();
}

TEST(UsualLabelsTest, AbseilHasItsTargets) {
  absl::btree_map<std::string, int> tree = {{"b", 2}, {"a", 1}};
  absl::node_hash_map<std::string, int> nodes(tree.begin(), tree.end());
  const absl::FixedArray<int> three(3, 1);
  const absl::InlinedVector<int, 4> few(three.begin(), three.end());
  EXPECT_EQ(absl::c_accumulate(few, 0), 3);
  EXPECT_EQ(tree.begin()->first, "a");
  EXPECT_EQ(nodes["b"], 2);

  EXPECT_EQ(absl::bit_width(8u), 4);
  EXPECT_EQ(absl::Uint128High64(absl::uint128(1) << 64), 1u);
  absl::BitGen random;
  EXPECT_LT(absl::Uniform(random, 0, 10), 10);
  EXPECT_EQ(absl::bind_front([](int a, int b) { return a - b; }, 5)(3), 2);

  void* frame = nullptr;
  EXPECT_EQ(absl::GetStackTrace(&frame, 1, 0), 1);
  char name[256];
  absl::Symbolize(frame, name, sizeof(name));  // Whether it finds one or not.
  const absl::variant<int, std::string> either = std::string("text");
  EXPECT_EQ(absl::get<std::string>(either), "text");
  EXPECT_EQ(*absl::make_optional(4), 4);
  EXPECT_EQ(absl::StrJoin(std::vector<int>{1, 2}, ","), "1,2");
}

}  // namespace
}  // namespace pinion
