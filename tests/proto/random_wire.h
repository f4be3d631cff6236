// SPDX-License-Identifier: Apache-2.0
//
// RandomWire: draws serialized protobuf messages, good and broken, to compare a
// decoder of ours with protobuf's. Coverage: what the messages of a run had in
// them, lest a test pass without having tested it.
//
// Threads: one test's.
// Example: Coverage coverage(kRules);
//          RandomWire wire(&random, &coverage);
//          std::string bytes = wire.Broken(wire.Message(type, 0));
//          coverage.EndMessage();
#ifndef PINION_TESTS_PROTO_RANDOM_WIRE_H_
#define PINION_TESTS_PROTO_RANDOM_WIRE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/wire_format_lite.h"

namespace pinion::testing {

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

// What a message of RandomWire had in it. A test counts its own from
// kWireCases.
enum WireCase {
  kHadOtherField,
  kHadUnknownField,
  kHadGroup,
  kHadDeepGroup,
  kHadWrongWireType,
  kHadOverlongVarint,
  kHadTooLongVarint,
  kHadUndeclaredEnum,
  kHadPacked,
  kWasTruncated,
  kWasFlipped,
  kWasStuffed,
  kWireCases
};

// In how many of 1000 messages a case must be.
struct CaseRule {
  int which;
  const char* name;
  int min_per_mille;
};

class Coverage {
 public:
  explicit Coverage(std::vector<CaseRule> rules) : rules_(std::move(rules)) {}

  void Saw(int which) { seen_ |= 1u << which; }
  void EndMessage();
  // Fails the test if a rule is not kept.
  void PrintAndCheck() const;

 private:
  static constexpr int kMaxCases = 32;

  const std::vector<CaseRule> rules_;
  uint32_t seen_ = 0;
  int64_t messages_ = 0;
  std::array<int64_t, kMaxCases> counts_ = {};
};

class RandomWire {
 public:
  using FieldDescriptor = google::protobuf::FieldDescriptor;
  using WireType = google::protobuf::internal::WireFormatLite::WireType;

  RandomWire(Random* random, Coverage* coverage)
      : random_(*random), coverage_(*coverage) {}

  // Mostly fields that `type` declares, in any order, and other things.
  std::string Message(const google::protobuf::Descriptor& type, int depth);

  // A field as its declaration says. Messages nest up to three levels.
  void Field(const FieldDescriptor& field, int depth, std::string* out);

  // Some field of `type`.
  void DeclaredField(const google::protobuf::Descriptor& type, int depth,
                     std::string* out);
  // A field of the number of `field`, and not of its wire type.
  void WrongWireType(const FieldDescriptor& field, std::string* out);
  void UnknownField(std::string* out);
  // Nested groups of unknown fields; some just beyond what protobuf takes.
  void Group(std::string* out);

  void Tag(int number, WireType type, std::string* out);
  void Sized(const std::string& bytes, std::string* out);

  // Now and then truncated, or with bits flipped, or with bytes put in.
  std::string Broken(std::string bytes);

 private:
  void AnyValue(int number, int wire_type, std::string* out);
  void Value(WireType type, std::string* out);
  void Enum(const FieldDescriptor& field, std::string* out);
  void Packed(const FieldDescriptor& field, std::string* out);
  // Sometimes longer than need be, seldom longer than `max_bytes`.
  void Varint(uint64_t value, int max_bytes, std::string* out);
  void Fixed(uint64_t value, int size, std::string* out);
  int AnyNumber();
  uint64_t Integer();
  std::string Text();
  int Place(const std::string& bytes);

  Random& random_;
  Coverage& coverage_;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_PROTO_RANDOM_WIRE_H_
