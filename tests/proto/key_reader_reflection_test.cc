// SPDX-License-Identifier: Apache-2.0
//
// KeyReader against protobuf: one million random messages, good and broken.
//
// Each message is decoded three ways: by KeyReader, by the generated code of
// its type, and as a *skeleton*, a type that has the fields of the key's path
// and nothing else. KeyReader must fail exactly when the skeleton fails, and
// read the key that each of them holds if it parsed.
//
// Replay: the seed is printed; PINION_SEED=<seed> draws the same messages.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/message.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/wire_format.h"
#include "gtest/gtest.h"
#include "pinion/proto/wire/key_reader.h"
#include "pinion/server/testing/seed.h"
#include "pinion/tests/proto/random_wire.h"
#include "tests/proto/key_reader_proto2_test.pb.h"
#include "tests/proto/key_reader_test.pb.h"

namespace pinion {
namespace {

using testing::CaseRule;
using testing::Coverage;
using testing::Random;
using testing::RandomWire;
using testing::Seed;
using enum testing::WireCase;
using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::DynamicMessageFactory;
using google::protobuf::FieldDescriptor;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::internal::WireFormatLite;
using FieldPath = std::vector<const FieldDescriptor*>;

#ifdef NDEBUG
constexpr int kMessages = 1'000'000;
#else
constexpr int kMessages = 100'000;  // Unoptimised or sanitized builds are slow.
#endif

// What a message had in it or came to, beside the cases of RandomWire.
enum Case {
  kHadRepeatedKey = kWireCases,
  kHadRepeatedParent,
  kGaveBytes,
  kGaveInteger,
  kGaveDefault,
  kGaveEmpty,
  kGaveTooLong,
  kGaveUndecodable,
  kParsedWhole,
};

const std::vector<CaseRule> kRules = {
    {kHadRepeatedKey, "key twice or more", 50},
    {kHadRepeatedParent, "parent twice or more", 20},
    {kHadOtherField, "other field of the type", 50},
    {kHadUnknownField, "unknown field", 50},
    {kHadGroup, "group", 50},
    {kHadDeepGroup, "group about 100 levels deep", 5},
    {kHadWrongWireType, "path field of a wrong wire type", 50},
    {kHadOverlongVarint, "overlong varint", 50},
    {kHadTooLongVarint, "varint too long for protobuf", 5},
    {kHadUndeclaredEnum, "number that a closed enum lacks", 5},
    {kWasTruncated, "truncated", 50},
    {kWasFlipped, "bytes flipped", 50},
    {kWasStuffed, "bytes put in", 20},
    {kGaveBytes, "result: a bytes key", 100},
    {kGaveInteger, "result: an integer key that is not the default", 100},
    {kGaveDefault, "result: the default", 50},
    {kGaveEmpty, "result: absent or empty", 50},
    {kGaveTooLong, "result: too long", 1},
    {kGaveUndecodable, "result: undecodable", 50},
    {kParsedWhole, "the whole message parsed", 200},
};

// Draws messages whose fields lie mostly on `path`.
class Generator {
 public:
  Generator(const FieldPath* path, Random* random, Coverage* coverage)
      : path_(*path),
        random_(*random),
        coverage_(*coverage),
        wire_(random, coverage) {}

  std::string Draw() { return wire_.Broken(Fields(0)); }

 private:
  std::string Fields(size_t level) {
    std::string out;
    const int count = random_.Below(5);
    int on_path = 0;
    for (int i = 0; i < count; ++i) {
      switch (random_.Below(10)) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
          ++on_path;
          PathField(level, &out);
          break;
        case 5:
          wire_.WrongWireType(*path_[level], &out);
          break;
        case 6:
          wire_.UnknownField(&out);
          break;
        case 7:
          wire_.Group(&out);
          break;
        default:
          wire_.DeclaredField(*path_[level]->containing_type(), 0, &out);
          break;
      }
    }
    if (on_path > 1) {
      coverage_.Saw(level + 1 == path_.size() ? kHadRepeatedKey
                                              : kHadRepeatedParent);
    }
    return out;
  }

  void PathField(size_t level, std::string* out) {
    if (level + 1 == path_.size()) {
      wire_.Field(*path_[level], 0, out);
    } else {
      wire_.Tag(path_[level]->number(),
                WireFormatLite::WIRETYPE_LENGTH_DELIMITED, out);
      wire_.Sized(Fields(level + 1), out);
    }
  }

  const FieldPath& path_;
  Random& random_;
  Coverage& coverage_;
  RandomWire wire_;
};

// What a parsed message says about the key.
struct Expected {
  bool is_bytes = false;
  bool is_default = false;
  std::string bytes;
};

Expected KeyByReflection(const Message& root, const FieldPath& path) {
  const Message* message = &root;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    message = &message->GetReflection()->GetMessage(*message, path[i]);
  }
  const FieldDescriptor* field = path.back();
  const Reflection& reflection = *message->GetReflection();
  Expected key;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      key.is_bytes = true;
      // An absent string is refused, whatever its default.
      if (!field->has_presence() || reflection.HasField(*message, field)) {
        key.bytes = reflection.GetString(*message, field);
      }
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      key.bytes = absl::StrCat(reflection.GetInt32(*message, field));
      key.is_default =
          reflection.GetInt32(*message, field) == field->default_value_int32();
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      key.bytes = absl::StrCat(reflection.GetInt64(*message, field));
      key.is_default =
          reflection.GetInt64(*message, field) == field->default_value_int64();
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      key.bytes = absl::StrCat(reflection.GetUInt32(*message, field));
      key.is_default = reflection.GetUInt32(*message, field) ==
                       field->default_value_uint32();
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      key.bytes = absl::StrCat(reflection.GetUInt64(*message, field));
      key.is_default = reflection.GetUInt64(*message, field) ==
                       field->default_value_uint64();
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      key.bytes = reflection.GetBool(*message, field) ? "1" : "0";
      key.is_default =
          reflection.GetBool(*message, field) == field->default_value_bool();
      break;
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int number = reflection.GetEnumValue(*message, field);
      key.bytes = absl::StrCat(number);
      key.is_default = number == field->default_value_enum()->number();
      break;
    }
    default:
      ADD_FAILURE() << field->full_name() << " is no key field";
  }
  return key;
}

FieldPath FieldsOf(const Descriptor* type, absl::string_view path) {
  FieldPath fields;
  for (absl::string_view name : absl::StrSplit(path, '.')) {
    fields.push_back(type->FindFieldByName(std::string(name)));
    type = fields.back()->message_type();
  }
  return fields;
}

// Adds to `file` the messages of the skeleton of `path`, one for each level.
void DeclareSkeleton(const FieldPath& path, FileDescriptorProto* file) {
  file->set_name("skeleton.proto");
  file->set_syntax("proto2");
  for (size_t level = 0; level < path.size(); ++level) {
    auto* message = file->add_message_type();
    message->set_name(absl::StrCat("Level", level));
    FieldDescriptorProto* field = message->add_field();
    path[level]->CopyTo(field);
    field->set_label(FieldDescriptorProto::LABEL_OPTIONAL);
    field->clear_proto3_optional();
    field->clear_oneof_index();
    const bool is_open_enum =
        path[level]->type() == FieldDescriptor::TYPE_ENUM &&
        path[level]->file()->syntax() == FileDescriptor::SYNTAX_PROTO3;
    if (path[level]->type() == FieldDescriptor::TYPE_MESSAGE) {
      field->set_type_name(absl::StrCat(".Level", level + 1));
    } else if (is_open_enum) {
      field->set_type(FieldDescriptorProto::TYPE_INT32);
      field->clear_type_name();
    } else if (path[level]->type() == FieldDescriptor::TYPE_ENUM) {
      path[level]->enum_type()->CopyTo(message->add_enum_type());
      field->clear_type_name();
      field->set_type_name(path[level]->enum_type()->name());
    } else if (path[level]->type() == FieldDescriptor::TYPE_STRING) {
      field->set_type(FieldDescriptorProto::TYPE_BYTES);  // Any bytes will do.
    }
  }
}

// A request type, a path to its key, and the ways to decode it.
class Subject {
 public:
  Subject(const Message& prototype, absl::string_view path)
      : name_(absl::StrCat(prototype.GetDescriptor()->full_name(), " ", path)),
        reader_(*KeyReader::Create(prototype.GetDescriptor(), path)),
        whole_path_(FieldsOf(prototype.GetDescriptor(), path)),
        whole_(prototype.New()) {
    FileDescriptorProto file;
    DeclareSkeleton(whole_path_, &file);
    const Descriptor* type =
        pool_.BuildFile(file)->FindMessageTypeByName("Level0");
    skeleton_path_ = FieldsOf(type, path);
    skeleton_.reset(factory_.GetPrototype(type)->New());
  }

  const std::string& name() const { return name_; }
  const FieldPath& path() const { return whole_path_; }
  int keys() const { return keys_; }

  // The empty string if all agree, or who says what.
  std::string Compare(const std::string& bytes, Coverage* coverage) {
    const absl::StatusOr<Key> key = reader_.Read(bytes);
    const bool undecodable =
        absl::StartsWith(key.status().message(), "cannot decode ");
    if (undecodable) coverage->Saw(kGaveUndecodable);
    const bool skeleton_parsed = skeleton_->ParsePartialFromString(bytes);
    const bool whole_parsed = whole_->ParsePartialFromString(bytes);
    if (undecodable == skeleton_parsed) {
      return absl::StrCat("the skeleton ",
                          skeleton_parsed ? "parsed" : "did not parse");
    }
    if (undecodable && whole_parsed) return "the whole message parsed";
    if (skeleton_parsed) {
      const Expected expected = KeyByReflection(*skeleton_, skeleton_path_);
      if (!Agree(key, expected)) return "the skeleton holds another key";
      Count(expected, coverage);
    }
    if (whole_parsed) {
      coverage->Saw(kParsedWhole);
      if (!Agree(key, KeyByReflection(*whole_, whole_path_))) {
        return "the whole message holds another key";
      }
    }
    return "";
  }

  std::string ReadForMessage(const std::string& bytes) const {
    const absl::StatusOr<Key> key = reader_.Read(bytes);
    return key.ok() ? key->ToString() : key.status().ToString();
  }

 private:
  static bool Agree(const absl::StatusOr<Key>& key, const Expected& expected) {
    if (expected.is_bytes && expected.bytes.empty()) {
      return absl::StrContains(key.status().message(), "empty or absent");
    }
    if (expected.bytes.size() > kMaxKeyBytes) {
      return absl::StrContains(
          key.status().message(),
          absl::StrCat("holds ", expected.bytes.size(), " bytes"));
    }
    return key.ok() && key->bytes() == expected.bytes;
  }

  void Count(const Expected& expected, Coverage* coverage) {
    if (!expected.is_bytes) {
      coverage->Saw(expected.is_default ? kGaveDefault : kGaveInteger);
      if (!expected.is_default) ++keys_;
    } else if (expected.bytes.empty()) {
      coverage->Saw(kGaveEmpty);
    } else if (expected.bytes.size() > kMaxKeyBytes) {
      coverage->Saw(kGaveTooLong);
    } else {
      coverage->Saw(kGaveBytes);
      ++keys_;
    }
  }

  const std::string name_;
  const KeyReader reader_;
  const FieldPath whole_path_;
  FieldPath skeleton_path_;
  int keys_ = 0;  // How many messages gave a key that was not the default.

  DescriptorPool pool_;
  DynamicMessageFactory factory_;
  std::unique_ptr<Message> whole_;
  std::unique_ptr<Message> skeleton_;
};

std::vector<std::unique_ptr<Subject>> Subjects() {
  std::vector<std::unique_ptr<Subject>> subjects;
  for (const char* path : {"name",
                           "blob",
                           "an_int32",
                           "an_int64",
                           "a_uint32",
                           "a_uint64",
                           "a_sint32",
                           "a_sint64",
                           "a_fixed32",
                           "a_fixed64",
                           "a_sfixed32",
                           "a_sfixed64",
                           "flag",
                           "color",
                           "maybe_name",
                           "maybe_int32",
                           "far_name",
                           "farthest",
                           "account.id",
                           "account.number",
                           "far_account.owner.name",
                           "account.owner.color",
                           "node.name",
                           "node.child.name",
                           "node.child.child.number"}) {
    subjects.push_back(
        std::make_unique<Subject>(test::Request::default_instance(), path));
  }
  for (const char* path :
       {"name", "blob", "an_int32", "an_int64", "a_uint32", "a_uint64", "flag",
        "size", "small", "color", "part.name", "part.size", "account.id",
        "account.owner.color"}) {
    subjects.push_back(
        std::make_unique<Subject>(test::OldRequest::default_instance(), path));
  }
  return subjects;
}

TEST(KeyReaderReflectionTest, ReadsTheKeyThatProtobufDecodes) {
  const Seed seed;
  google::protobuf::LogSilencer no_line_for_each_bad_string;
  const std::vector<std::unique_ptr<Subject>> subjects = Subjects();
  Random random(seed.value());
  Coverage coverage(kRules);
  for (int i = 0; i < kMessages; ++i) {
    Subject& subject = *subjects[static_cast<size_t>(i) % subjects.size()];
    const std::string bytes =
        Generator(&subject.path(), &random, &coverage).Draw();
    const std::string disagreement = subject.Compare(bytes, &coverage);
    ASSERT_EQ(disagreement, "")
        << subject.name() << ", message " << i
        << " of PINION_SEED=" << seed.value() << ": "
        << absl::BytesToHexString(bytes) << "\nRead() says "
        << subject.ReadForMessage(bytes);
    coverage.EndMessage();
  }
  coverage.PrintAndCheck();
  for (const auto& subject : subjects) {
    // Of the rarest, one in a thousand have a key; how many is chance.
    EXPECT_GE(subject->keys(), kMessages / 4000) << subject->name();
  }
}

}  // namespace
}  // namespace pinion
