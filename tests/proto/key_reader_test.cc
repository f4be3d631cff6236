// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/key_reader.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/proto/key_reader_proto2_test.pb.h"
#include "tests/proto/key_reader_test.pb.h"

namespace pinion {
namespace {

using test::OldRequest;
using test::Request;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// The reader of `path` in the message type M.
template <typename M = Request>
KeyReader ReaderOf(absl::string_view path) {
  absl::StatusOr<KeyReader> reader = KeyReader::Create(M::descriptor(), path);
  EXPECT_TRUE(reader.ok()) << reader.status();
  return *std::move(reader);
}

template <typename M = Request>
std::string Refusal(absl::string_view path) {
  const absl::StatusOr<KeyReader> reader =
      KeyReader::Create(M::descriptor(), path);
  if (reader.ok()) return "";
  EXPECT_EQ(reader.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(reader.status().message());
}

// The key as text, or the message of the error.
template <typename M = Request>
std::string KeyOf(absl::string_view path, absl::string_view bytes) {
  const KeyReader reader = ReaderOf<M>(path);
  const absl::StatusOr<Key> key = reader.Read(bytes);
  if (key.ok()) return key->ToString();
  EXPECT_EQ(key.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(key.status().message());
}

template <typename M>
std::string KeyIn(absl::string_view path, const M& message) {
  return KeyOf<M>(path, absl::string_view(message.SerializePartialAsString()));
}

std::string Bytes(absl::string_view hex) { return absl::HexStringToBytes(hex); }

// `count` groups of the field 50, one in the other.
std::string NestedGroups(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += Bytes("9303");
  for (int i = 0; i < count; ++i) bytes += Bytes("9403");
  return bytes;
}

TEST(KeyReaderTest, ReadsEachKindOfScalar) {
  Request request;
  request.set_name("n\n");
  request.set_blob(std::string("\0\xff", 2));
  request.set_an_int32(-1);
  request.set_an_int64(std::numeric_limits<int64_t>::min());
  request.set_a_uint32(std::numeric_limits<uint32_t>::max());
  request.set_a_uint64(std::numeric_limits<uint64_t>::max());
  request.set_a_sint32(std::numeric_limits<int32_t>::min());
  request.set_a_sint64(-3);
  request.set_a_fixed32(0xfffffffe);
  request.set_a_fixed64(0xfffffffffffffffd);
  request.set_a_sfixed32(-4);
  request.set_a_sfixed64(-5);
  request.set_flag(true);
  request.set_color(test::COLOR_NEGATIVE);
  request.set_maybe_name("maybe");
  request.set_far_name("far");
  request.set_farthest(6);
  EXPECT_EQ(KeyIn("name", request), R"("n\n")");
  EXPECT_EQ(KeyIn("blob", request), R"("\x00\xff")");
  EXPECT_EQ(KeyIn("an_int32", request), "-1");
  EXPECT_EQ(KeyIn("an_int64", request), "-9223372036854775808");
  EXPECT_EQ(KeyIn("a_uint32", request), "4294967295");
  EXPECT_EQ(KeyIn("a_uint64", request), "18446744073709551615");
  EXPECT_EQ(KeyIn("a_sint32", request), "-2147483648");
  EXPECT_EQ(KeyIn("a_sint64", request), "-3");
  EXPECT_EQ(KeyIn("a_fixed32", request), "4294967294");
  EXPECT_EQ(KeyIn("a_fixed64", request), "18446744073709551613");
  EXPECT_EQ(KeyIn("a_sfixed32", request), "-4");
  EXPECT_EQ(KeyIn("a_sfixed64", request), "-5");
  EXPECT_EQ(KeyIn("flag", request), "1");
  EXPECT_EQ(KeyIn("color", request), "-3");
  EXPECT_EQ(KeyIn("maybe_name", request), R"("maybe")");
  EXPECT_EQ(KeyIn("far_name", request), R"("far")");
  EXPECT_EQ(KeyIn("farthest", request), "6");
}

TEST(KeyReaderTest, ReadsAFieldOfAMessageInTheRequest) {
  Request request;
  request.mutable_account()->mutable_owner()->set_name("ann");
  request.mutable_account()->set_number(-9);
  request.mutable_far_account()->set_id("far");
  request.mutable_node()->mutable_child()->mutable_child()->set_name("deep");
  EXPECT_EQ(KeyIn("account.owner.name", request), R"("ann")");
  EXPECT_EQ(KeyIn("account.number", request), "-9");
  EXPECT_EQ(KeyIn("far_account.id", request), R"("far")");
  EXPECT_EQ(KeyIn("node.child.child.name", request), R"("deep")");
}

TEST(KeyReaderTest, TheKeyLooksIntoTheRequest) {
  Request request;
  request.set_name("a name too long to be kept inside a string");
  const std::string bytes = request.SerializeAsString();
  const absl::StatusOr<Key> key = ReaderOf("name").Read(bytes);
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->bytes().data(), bytes.data() + 2);
}

TEST(KeyReaderTest, AnAbsentNumberIsZeroOrItsDeclaredDefault) {
  EXPECT_EQ(KeyOf("an_int32", ""), "0");
  EXPECT_EQ(KeyOf("maybe_int32", ""), "0");
  EXPECT_EQ(KeyOf("flag", ""), "0");
  EXPECT_EQ(KeyOf("color", ""), "0");
  EXPECT_EQ(KeyOf("account.number", ""), "0");
  EXPECT_EQ(KeyOf<OldRequest>("an_int32", ""), "-7");
  EXPECT_EQ(KeyOf<OldRequest>("an_int64", ""), "-8");
  EXPECT_EQ(KeyOf<OldRequest>("a_uint32", ""), "9");
  EXPECT_EQ(KeyOf<OldRequest>("a_uint64", ""), "10");
  EXPECT_EQ(KeyOf<OldRequest>("flag", ""), "1");
  EXPECT_EQ(KeyOf<OldRequest>("size", ""), "7");
  EXPECT_EQ(KeyOf<OldRequest>("small", ""), "2");
  EXPECT_EQ(KeyOf<OldRequest>("part.size", ""), "7");
}

TEST(KeyReaderTest, AnAbsentOrEmptyStringIsRefused) {
  Request request;
  const std::string refusal =
      "the key field 'account.id' of pinion.test.Request is empty or absent; "
      "it must hold 1 to 1024 bytes";
  EXPECT_EQ(KeyIn("account.id", request), refusal);
  request.mutable_account();
  EXPECT_EQ(KeyIn("account.id", request), refusal);
  EXPECT_EQ(KeyOf("account.id", Bytes("8a01020a00")), refusal);
  EXPECT_THAT(KeyIn("blob", request), HasSubstr("is empty or absent"));
}

TEST(KeyReaderTest, AnAbsentStringIsRefusedEvenWithADeclaredDefault) {
  EXPECT_THAT(KeyOf<OldRequest>("blob", ""), HasSubstr("is empty or absent"));
}

TEST(KeyReaderTest, AStringOfMoreThan1024BytesIsRefused) {
  Request request;
  request.set_name(std::string(1024, 'k'));
  EXPECT_THAT(KeyIn("name", request), HasSubstr("(1024 bytes)"));
  request.set_name(std::string(1025, 'k'));
  EXPECT_EQ(KeyIn("name", request),
            "the key field 'name' of pinion.test.Request holds 1025 bytes; it "
            "must hold 1 to 1024 bytes");
}

TEST(KeyReaderTest, TheLastValueWins) {
  EXPECT_EQ(KeyOf("name", Bytes("0a0161"
                                "1800"
                                "0a026262")),
            R"("bb")");
  EXPECT_EQ(KeyOf("an_int32", Bytes("1805"
                                    "1806")),
            "6");
  EXPECT_THAT(KeyOf("name", Bytes("0a0161"
                                  "0a00")),
              HasSubstr("is empty"));
}

TEST(KeyReaderTest, ALaterOccurrenceOfTheParentKeepsWhatItDoesNotHold) {
  Request request;
  request.mutable_account()->set_id("first");
  const std::string first = request.SerializeAsString();
  request.mutable_account()->set_id("second");
  const std::string second = request.SerializeAsString();
  request.mutable_account()->clear_id();
  request.mutable_account()->set_number(1);
  const std::string without = request.SerializeAsString();
  EXPECT_EQ(KeyOf("account.id", first + without), R"("first")");
  EXPECT_EQ(KeyOf("account.id", first + second + without), R"("second")");
}

TEST(KeyReaderTest, AFieldOfAnotherWireTypeIsSkipped) {
  EXPECT_EQ(KeyOf("name", Bytes("0a0161"
                                "0805"
                                "0d01020304"
                                "0b0c")),
            R"("a")");
  EXPECT_EQ(KeyOf("an_int32", Bytes("1805"
                                    "1a0107")),
            "5");
  EXPECT_EQ(KeyOf("account.id", Bytes("8a01030a0161"
                                      "880105")),
            R"("a")");
}

TEST(KeyReaderTest, TheDecodedValueCountsNotItsBytes) {
  // A tag, a length and a value longer than they need be.
  EXPECT_EQ(KeyOf("name", Bytes("8a80808000"
                                "8180808000"
                                "61")),
            R"("a")");
  EXPECT_EQ(KeyOf("a_uint64", Bytes("30"
                                    "85808080808080808000")),
            "5");
  // More bits than the field has.
  EXPECT_EQ(KeyOf("an_int32", Bytes("18"
                                    "8180808010")),
            "1");
  EXPECT_EQ(KeyOf("an_int32", Bytes("18"
                                    "ffffffff0f")),
            "-1");
  EXPECT_EQ(KeyOf("a_uint32", Bytes("28"
                                    "ffffffffffffffffff01")),
            "4294967295");
  EXPECT_EQ(KeyOf("a_sint32", Bytes("38"
                                    "8180808010")),
            "-1");
  EXPECT_EQ(KeyOf("flag", Bytes("68"
                                "8080808010")),
            "1");
  // The 65th bit is dropped.
  EXPECT_EQ(KeyOf("flag", Bytes("68"
                                "80808080808080808002")),
            "0");
}

TEST(KeyReaderTest, AnUndeclaredNumberOfAnOpenEnumIsTheKey) {
  EXPECT_EQ(KeyOf("color", Bytes("7063")), "99");
}

TEST(KeyReaderTest, AnUndeclaredNumberOfAClosedEnumIsAnUnknownField) {
  EXPECT_EQ(KeyOf<OldRequest>("size", Bytes("4063")), "7");
  EXPECT_EQ(KeyOf<OldRequest>("size", Bytes("4002"
                                            "4063")),
            "2");
  EXPECT_EQ(KeyOf<OldRequest>("size", Bytes("4002"
                                            "40ffffffff0f")),
            "-1");
}

TEST(KeyReaderTest, AnEnumOfProto3IsClosedInAMessageOfProto2) {
  EXPECT_EQ(KeyOf<OldRequest>("color", Bytes("5005")), "5");
  EXPECT_EQ(KeyOf<OldRequest>("color", Bytes("5063")), "0");
}

TEST(KeyReaderTest, UnknownGroupsAreSkipped) {
  // The group holds a field with the number of the key, and a group.
  EXPECT_EQ(KeyOf("name", Bytes("0a0161"
                                "9303"
                                "0a0162"
                                "0b0c"
                                "9403")),
            R"("a")");
}

TEST(KeyReaderTest, GroupsAndMessagesNestAtMostAHundredDeep) {
  EXPECT_EQ(KeyOf("an_int32", NestedGroups(100)), "0");
  EXPECT_EQ(KeyOf("an_int32", NestedGroups(101)),
            "cannot decode pinion.test.Request to read its key 'an_int32': "
            "messages or groups more than 100 levels deep at byte 202");
  // A message on the path is one of the hundred.
  Request request;
  request.mutable_account()->ParseFromString(NestedGroups(99));
  EXPECT_EQ(KeyIn("account.number", request), "0");
  std::string bytes = Bytes("8a019403");
  bytes += NestedGroups(100);
  bytes += NestedGroups(1);
  EXPECT_THAT(KeyOf("account.number", bytes), HasSubstr("100 levels deep"));
}

TEST(KeyReaderTest, MessagesOnThePathNestAsDeepAsProtobufAllows) {
  Request request;
  std::string path = "node";
  test::Node* node = request.mutable_node();
  for (int i = 0; i < 99; ++i) {
    node = node->mutable_child();
    path += ".child";
  }
  node->set_number(7);
  EXPECT_TRUE(Request().ParseFromString(request.SerializeAsString()));
  EXPECT_EQ(KeyIn(path + ".number", request), "7");
  node->mutable_child()->set_number(8);
  EXPECT_FALSE(Request().ParseFromString(request.SerializeAsString()));
  EXPECT_THAT(KeyIn(path + ".child.number", request),
              HasSubstr("100 levels deep"));
}

TEST(KeyReaderTest, MalformedBytesAreNamedWithTheirPlace) {
  const std::string cannot =
      "cannot decode pinion.test.Request to read its key 'name': ";
  const auto fault = [](absl::string_view hex) {
    return KeyOf("name", Bytes(absl::StrCat("0a0161", hex)));
  };
  EXPECT_EQ(fault("80"), cannot + "a truncated field tag at byte 3");
  EXPECT_EQ(fault("888080808000"),
            cannot + "a field tag of more than 5 bytes at byte 3");
  EXPECT_EQ(fault("00"), cannot + "a field with the number 0 at byte 3");
  EXPECT_EQ(fault("0201"), cannot + "a field with the number 0 at byte 3");
  EXPECT_EQ(fault("0e"), cannot + "a field of wire type 6 or 7 at byte 4");
  EXPECT_EQ(fault("0f"), cannot + "a field of wire type 6 or 7 at byte 4");
  EXPECT_EQ(fault("18"), cannot + "a truncated varint at byte 4");
  EXPECT_EQ(fault("1880"), cannot + "a truncated varint at byte 4");
  EXPECT_EQ(fault("188080808080808080808000"),
            cannot + "a varint of more than 10 bytes at byte 4");
  EXPECT_EQ(fault("0a"), cannot + "a truncated length at byte 4");
  EXPECT_EQ(fault("0a81808080800061"),
            cannot + "a length of more than 5 bytes at byte 4");
  EXPECT_EQ(fault("0a0261"),
            cannot + "a length beyond the end of the data at byte 4");
  EXPECT_EQ(fault("0affffffff0f"),
            cannot + "a length beyond the end of the data at byte 4");
  EXPECT_EQ(fault("4d010203"), cannot + "a truncated 4-byte value at byte 4");
  EXPECT_EQ(fault("5101020304050607"),
            cannot + "a truncated 8-byte value at byte 4");
  EXPECT_EQ(fault("0c"),
            cannot + "the end of a group that was not begun at byte 4");
  EXPECT_EQ(fault("0b1805"), cannot + "a group without its end at byte 6");
  EXPECT_EQ(fault("0b14"),
            cannot + "the end of another group than the one begun at byte 4");
}

TEST(KeyReaderTest, AMessageOnThePathEndsWhereItsLengthSays) {
  // The value of 'id' would go one byte beyond its account.
  EXPECT_THAT(KeyOf("account.id", Bytes("8a01030a026161")),
              HasSubstr("a length beyond the end of the data at byte 4"));
  // A group is begun in the account and ended behind it.
  EXPECT_THAT(KeyOf("account.id", Bytes("8a01010b0c")),
              HasSubstr("a group without its end at byte 4"));
}

TEST(KeyReaderTest, RefusesFieldsThatCannotBeAKey) {
  const std::string valid =
      "; valid is a singular string, bytes, integer, enum or bool field "
      "outside "
      "a oneof, of pinion.test.Account: ";
  EXPECT_EQ(Refusal("account.tags"),
            "key path 'account.tags' of pinion.test.Request: 'tags' is a "
            "repeated field" +
                valid + "id, number");
  EXPECT_EQ(Refusal("account.owner"),
            "key path 'account.owner' of pinion.test.Request: 'owner' is a "
            "message field" +
                valid + "number, id");
  EXPECT_EQ(Refusal("account.mail"),
            "key path 'account.mail' of pinion.test.Request: 'mail' is a field "
            "of a oneof" +
                valid + "id, number");
  EXPECT_EQ(Refusal("account.nmae"),
            "key path 'account.nmae' of pinion.test.Request: 'nmae' is not a "
            "field" +
                valid + "number, id");
  EXPECT_THAT(Refusal("a_float"), HasSubstr("is a floating-point field"));
  EXPECT_THAT(Refusal("a_double"), HasSubstr("is a floating-point field"));
  EXPECT_THAT(Refusal("counts"), HasSubstr("is a map field"));
  EXPECT_THAT(Refusal("names"), HasSubstr("is a repeated field"));
  EXPECT_THAT(Refusal("chosen_name"), HasSubstr("is a field of a oneof"));
  EXPECT_THAT(Refusal<OldRequest>("group"), HasSubstr("is a group"));
  EXPECT_THAT(Refusal<OldRequest>("extended_name"),
              HasSubstr("is not a field"));
  EXPECT_THAT(Refusal<test::Empty>("name"),
              HasSubstr("of pinion.test.Empty: none"));
}

TEST(KeyReaderTest, RefusesWhatIsNoSingularMessageOnTheWay) {
  EXPECT_EQ(Refusal("account.id.name"),
            "key path 'account.id.name' of pinion.test.Request: 'id' is not a "
            "message field; valid is a singular message field outside a oneof, "
            "of pinion.test.Account: owner");
  EXPECT_THAT(Refusal("accounts.id"),
              AllOf(HasSubstr("'accounts' is a repeated field"),
                    HasSubstr("of pinion.test.Request: account, ")));
  EXPECT_THAT(Refusal("by_name.value"), HasSubstr("is a map field"));
  EXPECT_THAT(Refusal("chosen_account.id"), HasSubstr("is a field of a oneof"));
  EXPECT_THAT(Refusal<OldRequest>("group.name"), HasSubstr("is a group"));
}

TEST(KeyReaderTest, RefusesEmptyAndStrangePathsInOneLine) {
  for (const char* path : {"", ".", "account.", ".name", "account..id", "na me",
                           "name\nx", "account/id"}) {
    EXPECT_THAT(Refusal(path),
                AllOf(StartsWith("key path '"), HasSubstr("is not a field"),
                      Not(HasSubstr("\n"))))
        << path;
  }
}

TEST(KeyReaderTest, ListsTheFieldsTheNearestFirstAndCutsALongList) {
  const std::string refusal = Refusal("nmae");
  const std::string list = refusal.substr(refusal.rfind(": ") + 2);
  EXPECT_THAT(list, AllOf(StartsWith("name, "), EndsWith(", ...")));
  EXPECT_EQ(std::count(list.begin(), list.end(), ','), 8) << list;
}

TEST(KeyTest, TheHashOfAKeyNeverChanges) {
  EXPECT_EQ(Key::FromBytes("ann").Hash(0), 5200682613324210888u);
  EXPECT_EQ(Key::FromBytes("ann").Hash(1), 5233569475588384220u);
}

TEST(KeyTest, AnIntegerIsItsDecimalText) {
  using Limits = std::numeric_limits<int64_t>;
  EXPECT_EQ(Key::FromSigned(0).bytes(), "0");
  EXPECT_EQ(Key::FromSigned(-1).bytes(), "-1");
  EXPECT_EQ(Key::FromSigned(Limits::min()).bytes(), "-9223372036854775808");
  EXPECT_EQ(Key::FromSigned(Limits::max()).bytes(), "9223372036854775807");
  EXPECT_EQ(Key::FromUnsigned(0).bytes(), "0");
  EXPECT_EQ(Key::FromUnsigned(std::numeric_limits<uint64_t>::max()).bytes(),
            "18446744073709551615");
  EXPECT_EQ(Key::FromSigned(-42).Hash(3), Key::FromBytes("-42").Hash(3));
}

TEST(KeyTest, ACopyOfAnIntegerIsWhole) {
  auto made = std::make_unique<Key>(Key::FromSigned(-12345));
  const Key copy = *made;
  made.reset();
  EXPECT_EQ(copy.bytes(), "-12345");
}

TEST(KeyTest, TheSameNumberHashesAlikeWhateverItsField) {
  Request request;
  request.set_an_int32(5);
  request.set_a_fixed64(5);
  request.set_a_sint64(5);
  request.set_color(test::COLOR_BLUE);
  const std::string bytes = request.SerializeAsString();
  for (const char* path : {"an_int32", "a_fixed64", "a_sint64", "color"}) {
    EXPECT_EQ(ReaderOf(path).Read(bytes)->Hash(9), Key::FromUnsigned(5).Hash(9))
        << path;
  }
}

TEST(KeyTest, ALongKeyIsPrintedInPart) {
  EXPECT_EQ(Key::FromBytes(std::string(64, 'k')).ToString(),
            absl::StrCat("\"", std::string(64, 'k'), "\""));
  EXPECT_EQ(Key::FromBytes(std::string(65, 'k')).ToString(),
            absl::StrCat("\"", std::string(64, 'k'), "...\" (65 bytes)"));
}

TEST(KeyTest, IsPrintedInItsOwnLetters) {
  EXPECT_EQ(Key::FromBytes("gr\u00fc\u00dfe").ToString(),
            "\"gr\u00fc\u00dfe\"");
  EXPECT_EQ(Key::FromBytes("\xff\n").ToString(), R"("\xff\n")");
  // Nor is one cut within a letter.
  EXPECT_EQ(Key::FromBytes(std::string(63, 'k') + "\u00fc").ToString(),
            absl::StrCat("\"", std::string(63, 'k'), "...\" (65 bytes)"));
}

}  // namespace
}  // namespace pinion
