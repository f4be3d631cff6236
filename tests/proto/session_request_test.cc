// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/session_request.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/proto/wire/session_call.h"
#include "pinion/tests/proto/session_oracle.h"
#include "pinion/v1/session.pb.h"
#include "tests/proto/session_shape.pb.h"

namespace pinion {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::RequestDisagreement;

v1::SessionCall Put() {
  v1::SessionCall call;
  call.set_id(300);
  call.set_method("/pinion.kv.v1.KvService/Put");
  call.set_payload("the request");
  call.set_timeout_us(2'000'000);
  call.set_priority(v1::PRIORITY_BULK);
  call.set_want_timing(true);
  call.set_worker(0);
  call.set_method_index(7);
  v1::Metadata* const metadata = call.add_metadata();
  metadata->set_name("traceparent");
  metadata->set_value("00-4bf92f35-00f067aa-01");
  return call;
}

v1::OpenRequest Everything() {
  v1::OpenRequest request;
  *request.add_calls() = Put();
  request.add_calls()->set_id(301);
  request.add_cancel(3);
  request.add_cancel(1000);
  request.mutable_hello()->set_revision(1);
  request.mutable_hello()->set_name("checkout/2.3");
  request.set_token("a.b.c");
  v1::MethodName* const name = request.add_methods();
  name->set_index(1);
  name->set_name("/pinion.kv.v1.KvService/Get");
  return request;
}

// Two messages, one after the other, are what protobuf merges into one.
std::string Merged(const v1::OpenRequest& first,
                   const v1::OpenRequest& second) {
  return first.SerializeAsString() + second.SerializeAsString();
}

// An OpenRequest of one call, of these bytes.
std::string OneCall(const std::string& call) {
  std::string bytes = "\x0a";
  for (size_t rest = call.size(); rest != 0 || bytes.size() == 1; rest >>= 7) {
    bytes.push_back(static_cast<char>(rest | (rest < 0x80 ? 0 : 0x80)));
  }
  return bytes + call;
}

// The whole scan, at once.
bool Scan(SessionRequest& request) {
  return request.Scan(
      SIZE_MAX, [](const MethodNameView&) {}, [](uint64_t) {});
}

std::vector<CallView> CallsOf(absl::string_view bytes) {
  SessionRequest request(bytes);
  EXPECT_TRUE(Scan(request)) << request.status();
  std::vector<CallView> calls;
  CallView call;
  while (request.NextCall(&call)) calls.push_back(call);
  EXPECT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(calls.size(), request.calls());
  return calls;
}

std::vector<uint64_t> CancelsOf(absl::string_view bytes) {
  SessionRequest request(bytes);
  std::vector<uint64_t> ids;
  EXPECT_TRUE(request.Scan(
      SIZE_MAX, [](const MethodNameView&) {},
      [&](uint64_t id) { ids.push_back(id); }))
      << request.status();
  return ids;
}

// What the whole decode says of bytes that are broken.
std::string FaultOf(absl::string_view bytes) {
  SessionRequest request(bytes);
  CallView call;
  if (Scan(request)) {
    while (request.NextCall(&call)) {
    }
  }
  return std::string(request.status().message());
}

TEST(SessionRequestTest, EachFieldOfACallIsRead) {
  const std::string bytes = Everything().SerializeAsString();
  const std::vector<CallView> calls = CallsOf(bytes);
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].id, 300u);
  EXPECT_EQ(calls[0].method, "/pinion.kv.v1.KvService/Put");
  EXPECT_EQ(calls[0].payload, "the request");
  EXPECT_EQ(calls[0].timeout_us, 2'000'000u);
  EXPECT_EQ(calls[0].priority, v1::PRIORITY_BULK);
  EXPECT_TRUE(calls[0].want_timing);
  EXPECT_EQ(calls[0].worker, 0u);
  EXPECT_EQ(calls[0].method_index, 7u);
  EXPECT_EQ(calls[0].serialized, Put().SerializeAsString());
  EXPECT_EQ(calls[1].id, 301u);
}

TEST(SessionRequestTest, WhatACallDoesNotSayIsTheDefaultAgain) {
  const std::string bytes = Everything().SerializeAsString();
  SessionRequest request(bytes);
  ASSERT_TRUE(Scan(request));
  CallView call;
  ASSERT_TRUE(request.NextCall(&call));
  ASSERT_TRUE(request.NextCall(&call));  // The same place for both.
  EXPECT_EQ(call.method, "");
  EXPECT_EQ(call.payload, "");
  EXPECT_EQ(call.timeout_us, 0u);
  EXPECT_EQ(call.priority, v1::PRIORITY_UNSPECIFIED);
  EXPECT_FALSE(call.want_timing);
  EXPECT_EQ(call.worker, std::nullopt);
  EXPECT_EQ(call.method_index, 0u);
  EXPECT_FALSE(call.has_metadata);
}

TEST(SessionRequestTest, MetadataIsReadUponDemand) {
  v1::SessionCall put = Put();
  put.add_metadata()->set_value("without a name");
  const std::string bytes = OneCall(put.SerializeAsString());
  const CallView call = CallsOf(bytes)[0];
  EXPECT_TRUE(call.has_metadata);
  MetadataReader reader = call.metadata();
  MetadataView metadata;
  ASSERT_TRUE(reader.Next(&metadata));
  EXPECT_EQ(metadata.name, "traceparent");
  EXPECT_EQ(metadata.value, "00-4bf92f35-00f067aa-01");
  ASSERT_TRUE(reader.Next(&metadata));
  EXPECT_EQ(metadata.name, "");
  EXPECT_EQ(metadata.value, "without a name");
  EXPECT_FALSE(reader.Next(&metadata));
}

TEST(SessionRequestTest, ACallWithoutMetadataGivesNone) {
  MetadataView metadata;
  EXPECT_FALSE(CallView().metadata().Next(&metadata));
}

TEST(SessionRequestTest, TheScanTellsOfHelloAndNamesOfMethods) {
  const std::string bytes = Everything().SerializeAsString();
  SessionRequest request(bytes);
  int names = 0;
  ASSERT_TRUE(request.Scan(
      SIZE_MAX,
      [&](const MethodNameView& name) {
        EXPECT_EQ(name.index, 1u);
        EXPECT_EQ(name.name, "/pinion.kv.v1.KvService/Get");
        ++names;
      },
      [](uint64_t) {}));
  EXPECT_EQ(names, 1);
  ASSERT_TRUE(request.hello().has_value());
  EXPECT_EQ(request.hello()->revision, 1u);
  EXPECT_EQ(request.hello()->name, "checkout/2.3");
  EXPECT_EQ(request.token(), "a.b.c");
}

TEST(SessionRequestTest, AScanTakesNoMoreStepsThanItMay) {
  constexpr size_t kCancels = 10'000;
  v1::OpenRequest cancels;
  for (size_t i = 0; i < kCancels; ++i) cancels.add_cancel(i);
  std::string bytes = cancels.SerializeAsString();
  for (int i = 0; i < 10'000; ++i) bytes += OneCall("");
  SessionRequest request(bytes);
  size_t cancelled = 0;
  size_t portions = 0;
  for (bool done = false; !done; ++portions) {
    const size_t cancelled_before = cancelled;
    const size_t calls_before = request.calls();
    done = request.Scan(
        160, [](const MethodNameView&) {}, [&](uint64_t) { ++cancelled; });
    ASSERT_TRUE(request.ok());
    EXPECT_LE(SessionRequest::kStepsOfOther * (cancelled - cancelled_before) +
                  request.calls() - calls_before,
              160u + SessionRequest::kStepsOfOther);
  }
  EXPECT_EQ(cancelled, kCancels);
  EXPECT_EQ(request.calls(), 10'000u);
  EXPECT_GT(portions, 900u);
}

TEST(SessionRequestTest, AMessageOfFieldsAndNoDataIsAFault) {
  constexpr int kMany = 20'000;
  std::string ids, entries, unknown;
  for (int i = 0; i < kMany; ++i) {
    ids += "\x08\x01";                          // The id again.
    entries += std::string("\x0a\x00", 2);      // A name, empty.
    unknown += std::string("\xa0\x06\x01", 3);  // A field that is unknown.
  }
  for (const std::string& bytes :
       {OneCall(ids), OneCall(OneCall(entries).replace(0, 1, "\x52")), unknown,
        "\xa3\x06" + unknown + "\xa4\x06",
        OneCall(entries).replace(0, 1, "\x1a")}) {
    EXPECT_THAT(FaultOf(bytes), HasSubstr("more fields than"));
  }
  // What has as many and is data is none.
  v1::OpenRequest request;
  for (int i = 0; i < kMany; ++i) {
    request.add_calls()->set_id(i);
    request.add_cancel(i);
  }
  EXPECT_EQ(FaultOf(request.SerializeAsString()), "");
}

TEST(SessionRequestTest, CallsCanBeReadOnceMore) {
  const std::string bytes = Everything().SerializeAsString();
  SessionRequest request(bytes);
  ASSERT_TRUE(Scan(request));
  CallView call;
  while (request.NextCall(&call)) {
  }
  request.Rewind();
  ASSERT_TRUE(request.NextCall(&call));
  EXPECT_EQ(call.id, 300u);
}

TEST(SessionRequestTest, AnEmptyMessageHasNothing) {
  SessionRequest request("");
  EXPECT_TRUE(Scan(request));
  EXPECT_EQ(request.calls(), 0u);
  EXPECT_FALSE(request.hello().has_value());
  EXPECT_THAT(CallsOf(""), IsEmpty());
  EXPECT_THAT(CancelsOf(""), IsEmpty());
}

TEST(SessionRequestTest, OfAFieldSaidTwiceTheLastValueCounts) {
  v1::SessionCall first = Put();
  v1::SessionCall second;
  second.set_id(9);
  second.set_worker(5);
  const std::string bytes =
      OneCall(first.SerializeAsString() + second.SerializeAsString());
  const CallView call = CallsOf(bytes)[0];
  EXPECT_EQ(call.id, 9u);
  EXPECT_EQ(call.worker, 5u);
  EXPECT_EQ(call.method, "/pinion.kv.v1.KvService/Put");
  EXPECT_EQ(RequestDisagreement(bytes), "");
}

TEST(SessionRequestTest, AHelloSaidTwiceIsMerged) {
  v1::OpenRequest first;
  first.mutable_hello()->set_name("first");
  first.mutable_hello()->set_revision(1);
  v1::OpenRequest second;
  second.mutable_hello()->set_name("second");
  const std::string bytes = Merged(first, second);
  SessionRequest request(bytes);
  ASSERT_TRUE(Scan(request));
  EXPECT_EQ(request.hello()->name, "second");
  EXPECT_EQ(request.hello()->revision, 1u);
}

TEST(SessionRequestTest, CancelsMayBePackedOrNotOrBoth) {
  EXPECT_THAT(CancelsOf("\x12\x03\x05\xac\x02"), ElementsAre(5, 300));
  EXPECT_THAT(CancelsOf("\x10\x05\x10\xac\x02"), ElementsAre(5, 300));
  EXPECT_THAT(CancelsOf("\x10\x01\x12\x02\x02\x03\x10\x04"),
              ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(CancelsOf(absl::string_view("\x12\x00", 2)), IsEmpty());
}

TEST(SessionRequestTest, CancelsAreFoundAmongAndAfterCalls) {
  const std::string bytes = Merged(Everything(), Everything());
  EXPECT_THAT(CancelsOf(bytes), ElementsAre(3, 1000, 3, 1000));
  EXPECT_EQ(CallsOf(bytes).size(), 4u);
}

TEST(SessionRequestTest, UnknownFieldsAreSkippedWhereverTheyStand) {
  const std::string unknown =
      "\xa0\x06\x01"                   // 100: a varint
      "\xa2\x06\x02hi"                 // 100: bytes
      "\xa5\x06\x01\x02\x03\x04"       // 100: 4 bytes
      "\xa3\x06\xa0\x06\x05\xa4\x06";  // 100: a group with a varint
  const std::string bytes =
      unknown + OneCall(unknown + Put().SerializeAsString() + unknown) +
      unknown;
  const std::vector<CallView> calls = CallsOf(bytes);
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].payload, "the request");
  EXPECT_EQ(RequestDisagreement(bytes), "");
}

TEST(SessionRequestTest, AKnownFieldOfAWrongWireTypeIsUnknown) {
  const std::string bytes = OneCall("\x0a\x01x\x08\x05");  // An id of bytes.
  EXPECT_EQ(CallsOf(bytes)[0].id, 5u);
  EXPECT_EQ(RequestDisagreement(bytes), "");
}

TEST(SessionRequestTest, TimeoutsHaveAll64Bits) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  for (const uint64_t timeout :
       {uint64_t{0}, uint64_t{1}, uint64_t{127}, uint64_t{128},
        uint64_t{60'000'000}, uint64_t{1} << 35, kMax}) {
    v1::OpenRequest request;
    request.add_calls()->set_timeout_us(timeout);
    const std::string bytes = request.SerializeAsString();
    EXPECT_EQ(CallsOf(bytes)[0].timeout_us, timeout);
  }
}

TEST(SessionRequestTest, APriorityOfNoNameIsKept) {
  v1::OpenRequest request;
  request.add_calls()->set_priority(static_cast<v1::Priority>(-4));
  const std::string bytes = request.SerializeAsString();
  EXPECT_EQ(static_cast<int>(CallsOf(bytes)[0].priority), -4);
}

TEST(SessionRequestTest, AHundredThousandCallsAreReadFromOneMessage) {
  constexpr int kCalls = 100'000;
  v1::OpenRequest request;
  for (uint64_t i = 0; i < kCalls; ++i) {
    request.add_calls()->set_id(i);
  }
  request.add_cancel(17);
  const std::string bytes = request.SerializeAsString();
  const std::vector<CallView> calls = CallsOf(bytes);
  ASSERT_EQ(calls.size(), size_t{kCalls});
  for (size_t i = 0; i < kCalls; ++i) ASSERT_EQ(calls[i].id, i);
  EXPECT_THAT(CancelsOf(bytes), ElementsAre(17));
}

TEST(SessionRequestTest, AMethodThatIsNotUtf8IsReadAsItIs) {
  const std::string bytes = OneCall("\x08\x05\x12\x02\xff/");
  v1::OpenRequest parsed;
  EXPECT_FALSE(parsed.ParseFromString(bytes));
  EXPECT_EQ(CallsOf(bytes)[0].method, "\xff/");
}

TEST(SessionRequestTest, AMessageCutAtAnyByteIsJudgedAsByProtobuf) {
  const std::string bytes = Everything().SerializeAsString();
  int broken = 0;
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string cut = bytes.substr(0, size);
    EXPECT_EQ(RequestDisagreement(cut), "") << "cut to " << size << " bytes";
    if (!FaultOf(cut).empty()) ++broken;
  }
  EXPECT_GT(broken, static_cast<int>(bytes.size()) - 10);
}

TEST(SessionRequestTest, ACallCutAtAnyByteBreaksTheMessage) {
  const std::string call = Put().SerializeAsString();
  int broken = 0;
  for (size_t size = 0; size < call.size(); ++size) {
    const std::string bytes = OneCall(call.substr(0, size));
    EXPECT_EQ(RequestDisagreement(bytes), "") << "cut to " << size << " bytes";
    if (!FaultOf(bytes).empty()) ++broken;
  }
  EXPECT_GT(broken, static_cast<int>(call.size()) - 10);
}

TEST(SessionRequestTest, AFaultSaysWhatAndAtWhichByte) {
  EXPECT_EQ(FaultOf("\x0a\x05\x08"),
            "cannot decode pinion.v1.OpenRequest: a length beyond the end of "
            "the data at byte 1");
  EXPECT_THAT(FaultOf(OneCall("\x08\x01") + OneCall("\x08\x80")),
              HasSubstr("a truncated varint at byte 7"));
  EXPECT_THAT(FaultOf(OneCall("\x08\x01") + OneCall("\x52\x02\x0a\x09")),
              HasSubstr("a length beyond the end of the data at byte 9"));
  EXPECT_THAT(FaultOf("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
              HasSubstr("a varint of more than 10 bytes at byte 1"));
  EXPECT_THAT(FaultOf("\x12\x01\x80"), HasSubstr("a truncated varint"));
  EXPECT_THAT(FaultOf("\x0c"), HasSubstr("group that was not begun"));
}

TEST(SessionRequestTest, NothingIsReadBehindAFault) {
  const std::string bytes = OneCall("\x08\x80") + OneCall("\x08\x01");
  SessionRequest request(bytes);
  ASSERT_TRUE(Scan(request));
  EXPECT_EQ(request.calls(), 2u);
  CallView call;
  EXPECT_FALSE(request.NextCall(&call));
  EXPECT_FALSE(request.NextCall(&call));
  EXPECT_FALSE(request.ok());
}

TEST(SessionCallTest, ThePiecesOfAMessageMayComeInAnyOrder) {
  const OutgoingCall call = {.id = 5, .payload = "x", .method_index = 1};
  const std::vector<uint64_t> ids = {3, 300};
  std::string bytes(CallSize(call) + CancelsSize(ids), '\0');
  uint8_t* at = reinterpret_cast<uint8_t*>(bytes.data());
  at = WriteCancels(ids, at);
  at = WriteCall(call, at);
  bytes = EncodeMethodName(1, "/a.B/C") + bytes;
  EXPECT_THAT(CancelsOf(bytes), ElementsAre(3, 300));
  EXPECT_EQ(CallsOf(bytes)[0].id, 5u);
  v1::OpenRequest parsed;
  EXPECT_TRUE(parsed.ParseFromString(bytes));
}

TEST(SessionCallTest, AMethodThatIsNotUtf8DoesNotBreakTheMessage) {
  const OutgoingCall call = {.id = 5, .method = "/a\xff.B/C\xe2\x82"};
  std::string bytes(CallSize(call), '\0');
  WriteCall(call, reinterpret_cast<uint8_t*>(bytes.data()));
  v1::OpenRequest parsed;
  ASSERT_TRUE(parsed.ParseFromString(bytes));
  EXPECT_EQ(parsed.calls(0).method(), "/a?.B/C??");
}

// The oracle's shape, of which the random test knows no more than its words.
void ExpectSameShape(const Descriptor& type, const Descriptor& shape) {
  ASSERT_EQ(type.field_count(), shape.field_count()) << type.full_name();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const FieldDescriptor& other = *shape.field(i);
    EXPECT_EQ(field.name(), other.name());
    EXPECT_EQ(field.number(), other.number()) << field.full_name();
    EXPECT_EQ(field.label(), other.label()) << field.full_name();
    EXPECT_EQ(field.has_presence(), other.has_presence()) << field.full_name();
    const bool is_string = field.type() == FieldDescriptor::TYPE_STRING;
    EXPECT_EQ(other.type(),
              is_string ? FieldDescriptor::TYPE_BYTES : field.type())
        << field.full_name();
    if (field.message_type() != nullptr) {
      ExpectSameShape(*field.message_type(), *other.message_type());
    }
  }
}

TEST(SessionOracleTest, TheShapeIsTheSessionWithBytesForStrings) {
  ExpectSameShape(*v1::OpenRequest::descriptor(),
                  *test::shape::OpenRequest::descriptor());
  ExpectSameShape(*v1::OpenResponse::descriptor(),
                  *test::shape::OpenResponse::descriptor());
}

}  // namespace
}  // namespace pinion
