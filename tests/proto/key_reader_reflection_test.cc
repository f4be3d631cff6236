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
#include <array>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/message.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/wire_format.h"
#include "gtest/gtest.h"
#include "proto/wire/key_reader.h"
#include "tests/proto/key_reader_proto2_test.pb.h"
#include "tests/proto/key_reader_test.pb.h"

namespace pinion {
namespace {

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

// Deterministic and cheap: a few draws for each byte of a message.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Bits() {  // splitmix64
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  int Below(int bound) {
    return static_cast<int>(Bits() % static_cast<uint64_t>(bound));
  }
  int Between(int low, int high) { return low + Below(high - low + 1); }
  bool OneIn(int n) { return Below(n) == 0; }

 private:
  uint64_t state_;
};

// What a message had in it or came to, and in how many of 1000 messages that
// must be, lest the test pass without having tested it.
enum Case {
  kHadRepeatedKey,
  kHadRepeatedParent,
  kHadOtherField,
  kHadUnknownField,
  kHadGroup,
  kHadDeepGroup,
  kHadWrongWireType,
  kHadOverlongVarint,
  kHadTooLongVarint,
  kHadUndeclaredEnum,
  kWasTruncated,
  kWasFlipped,
  kWasStuffed,
  kGaveBytes,
  kGaveInteger,
  kGaveDefault,
  kGaveEmpty,
  kGaveTooLong,
  kGaveUndecodable,
  kParsedWhole,
  kCases
};

struct CaseRule {
  const char* name;
  int min_per_mille;
};

constexpr std::array<CaseRule, kCases> kRules = {{
    {"key twice or more", 50},
    {"parent twice or more", 20},
    {"other field of the type", 50},
    {"unknown field", 50},
    {"group", 50},
    {"group about 100 levels deep", 5},
    {"path field of a wrong wire type", 50},
    {"overlong varint", 50},
    {"varint too long for protobuf", 5},
    {"number that a closed enum lacks", 5},
    {"truncated", 50},
    {"bytes flipped", 50},
    {"bytes put in", 20},
    {"result: a bytes key", 100},
    {"result: an integer key that is not the default", 100},
    {"result: the default", 50},
    {"result: absent or empty", 50},
    {"result: too long", 1},
    {"result: undecodable", 50},
    {"the whole message parsed", 200},
}};

class Coverage {
 public:
  void Saw(Case what) { seen_ |= 1u << what; }
  void EndMessage() {
    ++messages_;
    for (int i = 0; i < kCases; ++i) counts_[i] += (seen_ >> i) & 1;
    seen_ = 0;
  }
  void PrintAndCheck() const {
    for (int i = 0; i < kCases; ++i) {
      const int64_t per_mille = counts_[i] * 1000 / messages_;
      std::cout << "  " << per_mille << " per mille: " << kRules[i].name
                << "\n";
      EXPECT_GE(per_mille, kRules[i].min_per_mille) << kRules[i].name;
    }
  }

 private:
  static_assert(kCases <= 32);
  uint32_t seen_ = 0;
  int64_t messages_ = 0;
  std::array<int64_t, kCases> counts_ = {};
};

// Draws messages whose fields lie mostly on `path`.
class Generator {
 public:
  Generator(const FieldPath* path, Random* random, Coverage* coverage)
      : path_(*path), random_(*random), coverage_(*coverage) {}

  std::string Draw() { return Broken(Fields(0)); }

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
          coverage_.Saw(kHadWrongWireType);
          WrongWireType(*path_[level], &out);
          break;
        case 6:
          coverage_.Saw(kHadUnknownField);
          AnyValue(AnyNumber(), random_.Below(2) * 5, &out);
          break;
        case 7:
          coverage_.Saw(kHadGroup);
          Group(&out);
          break;
        default:
          coverage_.Saw(kHadOtherField);
          DeclaredField(*path_[level]->containing_type(), 0, &out);
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
      Field(*path_[level], 0, out);
    } else {
      Tag(path_[level]->number(), WireFormatLite::WIRETYPE_LENGTH_DELIMITED,
          out);
      Sized(Fields(level + 1), out);
    }
  }

  // Some field of `type`, as its declaration says.
  void DeclaredField(const Descriptor& type, int depth, std::string* out) {
    if (type.field_count() == 0) return;
    Field(*type.field(random_.Below(type.field_count())), depth, out);
  }

  void Field(const FieldDescriptor& field, int depth, std::string* out) {
    const auto wire_type = WireFormatLite::WireTypeForFieldType(
        static_cast<WireFormatLite::FieldType>(field.type()));
    Tag(field.number(), wire_type, out);
    switch (field.type()) {
      case FieldDescriptor::TYPE_STRING:
      case FieldDescriptor::TYPE_BYTES:
        Sized(Text(), out);
        break;
      case FieldDescriptor::TYPE_GROUP:
      case FieldDescriptor::TYPE_MESSAGE: {
        std::string inner;
        if (depth < 3) DeclaredField(*field.message_type(), depth + 1, &inner);
        if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
          Sized(inner, out);
        } else {
          out->append(inner);
          Tag(field.number(), WireFormatLite::WIRETYPE_END_GROUP, out);
        }
        break;
      }
      case FieldDescriptor::TYPE_ENUM: {
        const int number = random_.Between(-4, 10);
        if (field.file()->syntax() == FileDescriptor::SYNTAX_PROTO2 &&
            field.enum_type()->FindValueByNumber(number) == nullptr) {
          coverage_.Saw(kHadUndeclaredEnum);
        }
        Varint(static_cast<uint64_t>(number), 10, out);
        break;
      }
      default:
        Value(wire_type, out);
        break;
    }
  }

  void WrongWireType(const FieldDescriptor& field, std::string* out) {
    const int right = WireFormatLite::WireTypeForFieldType(
        static_cast<WireFormatLite::FieldType>(field.type()));
    static constexpr int kTypes[] = {0, 1, 2, 5};
    int wrong;
    do {
      wrong = kTypes[random_.Below(4)];
    } while (wrong == right);
    AnyValue(field.number(), wrong, out);
  }

  void AnyValue(int number, int wire_type, std::string* out) {
    const auto type = static_cast<WireFormatLite::WireType>(wire_type);
    Tag(number, type, out);
    Value(type, out);
  }

  void Value(WireFormatLite::WireType type, std::string* out) {
    switch (type) {
      case WireFormatLite::WIRETYPE_VARINT:
        Varint(Integer(), 10, out);
        break;
      case WireFormatLite::WIRETYPE_FIXED64:
        Fixed(Integer(), 8, out);
        break;
      case WireFormatLite::WIRETYPE_FIXED32:
        Fixed(Integer(), 4, out);
        break;
      default:
        Sized(Text(), out);
        break;
    }
  }

  // Nested groups of unknown fields; some just beyond what protobuf takes.
  void Group(std::string* out) {
    int depth = random_.Between(1, 3);
    if (random_.OneIn(8)) {
      coverage_.Saw(kHadDeepGroup);
      depth = random_.Between(94, 102);
    }
    std::vector<int> numbers;
    for (int i = 0; i < depth; ++i) {
      numbers.push_back(random_.Between(1000, 3000));
      Tag(numbers.back(), WireFormatLite::WIRETYPE_START_GROUP, out);
      if (depth < 10 && random_.OneIn(2)) {
        AnyValue(AnyNumber(), random_.Below(3), out);
      }
    }
    if (random_.OneIn(20)) numbers[0] += random_.Between(0, 1);
    for (; !numbers.empty(); numbers.pop_back()) {
      Tag(numbers.back(), WireFormatLite::WIRETYPE_END_GROUP, out);
    }
  }

  int AnyNumber() {
    switch (random_.Below(3)) {
      case 0:
        return random_.Between(1, 40);
      case 1:
        return random_.Between(1, 3000);
      default:
        return random_.Between(1, (1 << 29) - 1);
    }
  }

  uint64_t Integer() {
    switch (random_.Below(4)) {
      case 0:
        return static_cast<uint64_t>(random_.Below(3));
      case 1:  // Around the ends of the 31, 32 and 64 bit ranges.
        return (uint64_t{1} << random_.Between(31, 63)) +
               static_cast<uint64_t>(random_.Between(-1, 1));
      case 2:
        return ~static_cast<uint64_t>(random_.Below(300));
      default:
        return random_.Bits() >> random_.Below(64);
    }
  }

  std::string Text() {
    int size = random_.Below(8);
    if (random_.OneIn(30)) size = random_.Between(120, 136);
    if (random_.OneIn(20)) size = random_.Between(1022, 1027);
    std::string text(static_cast<size_t>(size), 'a');
    const bool is_ascii = !random_.OneIn(20);
    for (int i = 0; i < size && i < 16; ++i) {
      text[static_cast<size_t>(i)] =
          is_ascii ? static_cast<char>(random_.Between(' ', '~'))
                   : static_cast<char>(random_.Bits());
    }
    return text;
  }

  void Tag(int number, WireFormatLite::WireType type, std::string* out) {
    Varint(WireFormatLite::MakeTag(number, type), 5, out);
  }

  void Sized(const std::string& bytes, std::string* out) {
    Varint(bytes.size(), 5, out);
    out->append(bytes);
  }

  // Sometimes longer than need be, seldom longer than `max_bytes`.
  void Varint(uint64_t value, int max_bytes, std::string* out) {
    int size = 1;
    for (uint64_t rest = value >> 7; rest != 0; rest >>= 7) ++size;
    if (random_.OneIn(40)) {
      int padded = random_.Between(size, max_bytes);
      if (random_.OneIn(20)) {
        padded = max_bytes + 1;
        coverage_.Saw(kHadTooLongVarint);
      }
      if (padded > size) coverage_.Saw(kHadOverlongVarint);
      size = padded;
    }
    for (int i = 0; i < size; ++i) {
      const uint64_t more = i + 1 < size ? 0x80 : 0;
      const uint64_t bits = i < 10 ? (value >> (7 * i)) & 0x7f : 0;
      out->push_back(static_cast<char>(bits | more));
    }
  }

  void Fixed(uint64_t value, int size, std::string* out) {
    for (int i = 0; i < size; ++i) {
      out->push_back(static_cast<char>(value >> (8 * i)));
    }
  }

  std::string Broken(std::string bytes) {
    const int how = random_.Below(20);
    if (how < 2 && !bytes.empty()) {
      coverage_.Saw(kWasTruncated);
      bytes.resize(static_cast<size_t>(Place(bytes)));
    } else if (how < 4 && !bytes.empty()) {
      coverage_.Saw(kWasFlipped);
      for (int i = random_.Between(1, 3); i > 0; --i) {
        bytes[static_cast<size_t>(Place(bytes))] ^=
            static_cast<char>(1 << random_.Below(8));
      }
    } else if (how < 5) {
      coverage_.Saw(kWasStuffed);
      for (int i = random_.Between(1, 3); i > 0; --i) {
        bytes.insert(static_cast<size_t>(
                         random_.Below(static_cast<int>(bytes.size()) + 1)),
                     1, static_cast<char>(random_.Bits()));
      }
    }
    return bytes;
  }

  int Place(const std::string& bytes) {
    return random_.Below(static_cast<int>(bytes.size()));
  }

  const FieldPath& path_;
  Random& random_;
  Coverage& coverage_;
};

// What a parsed message says about the key.
struct Expected {
  bool is_bytes = false;
  bool is_default = false;
  std::string bytes;
  uint64_t integer = 0;
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
      key.integer =
          static_cast<uint64_t>(int64_t{reflection.GetInt32(*message, field)});
      key.is_default =
          reflection.GetInt32(*message, field) == field->default_value_int32();
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      key.integer = static_cast<uint64_t>(reflection.GetInt64(*message, field));
      key.is_default =
          reflection.GetInt64(*message, field) == field->default_value_int64();
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      key.integer = reflection.GetUInt32(*message, field);
      key.is_default = key.integer == field->default_value_uint32();
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      key.integer = reflection.GetUInt64(*message, field);
      key.is_default = key.integer == field->default_value_uint64();
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      key.integer = reflection.GetBool(*message, field) ? 1 : 0;
      key.is_default =
          reflection.GetBool(*message, field) == field->default_value_bool();
      break;
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int number = reflection.GetEnumValue(*message, field);
      key.integer = static_cast<uint64_t>(int64_t{number});
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
    return key.ok() && key->is_bytes() == expected.is_bytes &&
           key->bytes() == expected.bytes && key->integer() == expected.integer;
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

uint64_t Seed() {
  uint64_t seed;
  const char* text = std::getenv("PINION_SEED");
  if (text != nullptr && absl::SimpleAtoi(text, &seed)) return seed;
  return std::random_device()();
}

TEST(KeyReaderReflectionTest, ReadsTheKeyThatProtobufDecodes) {
  const uint64_t seed = Seed();
  std::cout << "PINION_SEED=" << seed << std::endl;
  google::protobuf::LogSilencer no_line_for_each_bad_string;
  const std::vector<std::unique_ptr<Subject>> subjects = Subjects();
  Random random(seed);
  Coverage coverage;
  for (int i = 0; i < kMessages; ++i) {
    Subject& subject = *subjects[static_cast<size_t>(i) % subjects.size()];
    const std::string bytes =
        Generator(&subject.path(), &random, &coverage).Draw();
    const std::string disagreement = subject.Compare(bytes, &coverage);
    ASSERT_EQ(disagreement, "")
        << subject.name() << ", message " << i << " of PINION_SEED=" << seed
        << ": " << absl::BytesToHexString(bytes) << "\nRead() says "
        << subject.ReadForMessage(bytes);
    coverage.EndMessage();
  }
  coverage.PrintAndCheck();
  for (const auto& subject : subjects) {
    EXPECT_GE(subject->keys(), kMessages / 1000) << subject->name();
  }
}

}  // namespace
}  // namespace pinion
