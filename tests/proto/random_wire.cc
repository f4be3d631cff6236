// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/proto/random_wire.h"

#include <iostream>

#include "gtest/gtest.h"

namespace pinion::testing {

using google::protobuf::Descriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::internal::WireFormatLite;

void Coverage::EndMessage() {
  ++messages_;
  for (int i = 0; i < kMaxCases; ++i) {
    counts_[static_cast<size_t>(i)] += (seen_ >> i) & 1;
  }
  seen_ = 0;
}

void Coverage::PrintAndCheck() const {
  for (const CaseRule& rule : rules_) {
    const int64_t per_mille =
        counts_[static_cast<size_t>(rule.which)] * 1000 / messages_;
    std::cout << "  " << per_mille << " per mille: " << rule.name << "\n";
    EXPECT_GE(per_mille, rule.min_per_mille) << rule.name;
  }
}

std::string RandomWire::Message(const Descriptor& type, int depth) {
  std::string out;
  if (type.field_count() == 0) return out;
  for (int fields = random_.Below(6); fields > 0; --fields) {
    switch (random_.Below(16)) {
      case 0:
        WrongWireType(*type.field(random_.Below(type.field_count())), &out);
        break;
      case 1:
        UnknownField(&out);
        break;
      case 2:
        Group(&out);
        break;
      default:
        DeclaredField(type, depth, &out);
        break;
    }
  }
  return out;
}

void RandomWire::Field(const FieldDescriptor& field, int depth,
                       std::string* out) {
  const auto wire_type = WireFormatLite::WireTypeForFieldType(
      static_cast<WireFormatLite::FieldType>(field.type()));
  if (field.is_packable() && random_.OneIn(2)) {
    Packed(field, out);
    return;
  }
  Tag(field.number(), wire_type, out);
  switch (field.type()) {
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
      Sized(Text(), out);
      break;
    case FieldDescriptor::TYPE_GROUP:
      if (depth < 3) out->append(Message(*field.message_type(), depth + 1));
      Tag(field.number(), WireFormatLite::WIRETYPE_END_GROUP, out);
      break;
    case FieldDescriptor::TYPE_MESSAGE:
      Sized(depth < 3 ? Message(*field.message_type(), depth + 1) : "", out);
      break;
    case FieldDescriptor::TYPE_ENUM:
      Enum(field, out);
      break;
    default:
      Value(wire_type, out);
      break;
  }
}

void RandomWire::DeclaredField(const Descriptor& type, int depth,
                               std::string* out) {
  if (type.field_count() == 0) return;
  coverage_.Saw(kHadOtherField);
  Field(*type.field(random_.Below(type.field_count())), depth, out);
}

void RandomWire::WrongWireType(const FieldDescriptor& field, std::string* out) {
  coverage_.Saw(kHadWrongWireType);
  const int right = WireFormatLite::WireTypeForFieldType(
      static_cast<WireFormatLite::FieldType>(field.type()));
  static constexpr int kTypes[] = {0, 1, 2, 5};
  int wrong;
  do {
    wrong = kTypes[random_.Below(4)];
  } while (wrong == right);
  AnyValue(field.number(), wrong, out);
}

void RandomWire::UnknownField(std::string* out) {
  coverage_.Saw(kHadUnknownField);
  AnyValue(AnyNumber(), random_.Below(2) * 5, out);
}

void RandomWire::Group(std::string* out) {
  coverage_.Saw(kHadGroup);
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

void RandomWire::Tag(int number, WireType type, std::string* out) {
  Varint(WireFormatLite::MakeTag(number, type), 5, out);
}

void RandomWire::Sized(const std::string& bytes, std::string* out) {
  Varint(bytes.size(), 5, out);
  out->append(bytes);
}

std::string RandomWire::Broken(std::string bytes) {
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

void RandomWire::AnyValue(int number, int wire_type, std::string* out) {
  const auto type = static_cast<WireType>(wire_type);
  Tag(number, type, out);
  Value(type, out);
}

void RandomWire::Value(WireType type, std::string* out) {
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

void RandomWire::Enum(const FieldDescriptor& field, std::string* out) {
  const int number = random_.Between(-4, 10);
  if (field.file()->syntax() == FileDescriptor::SYNTAX_PROTO2 &&
      field.enum_type()->FindValueByNumber(number) == nullptr) {
    coverage_.Saw(kHadUndeclaredEnum);
  }
  Varint(static_cast<uint64_t>(number), 10, out);
}

void RandomWire::Packed(const FieldDescriptor& field, std::string* out) {
  coverage_.Saw(kHadPacked);
  std::string values;
  for (int i = random_.Below(5); i > 0; --i) {
    Value(WireFormatLite::WireTypeForFieldType(
              static_cast<WireFormatLite::FieldType>(field.type())),
          &values);
  }
  Tag(field.number(), WireFormatLite::WIRETYPE_LENGTH_DELIMITED, out);
  Sized(values, out);
}

void RandomWire::Varint(uint64_t value, int max_bytes, std::string* out) {
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

void RandomWire::Fixed(uint64_t value, int size, std::string* out) {
  for (int i = 0; i < size; ++i) {
    out->push_back(static_cast<char>(value >> (8 * i)));
  }
}

int RandomWire::AnyNumber() {
  switch (random_.Below(3)) {
    case 0:
      return random_.Between(1, 40);
    case 1:
      return random_.Between(1, 3000);
    default:
      return random_.Between(1, (1 << 29) - 1);
  }
}

uint64_t RandomWire::Integer() {
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

std::string RandomWire::Text() {
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

int RandomWire::Place(const std::string& bytes) {
  return random_.Below(static_cast<int>(bytes.size()));
}

}  // namespace pinion::testing
