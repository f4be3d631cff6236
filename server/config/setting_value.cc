// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config/setting_value.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "pinion/config/v1/setting.pb.h"
#include "pinion/core/base/check.h"
#include "pinion/proto/wire/nearest_first.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/config/setting_text.h"

namespace pinion {
namespace {

using ::google::protobuf::EnumDescriptor;
using ::google::protobuf::EnumValueDescriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

// Of a text, in an error.
constexpr size_t kMostShown = 40;

// As google/protobuf/duration.proto bounds it.
constexpr int64_t kMostSeconds = 315'576'000'000;

const config::v1::Setting& SettingOf(const FieldDescriptor& field) {
  return field.options().GetExtension(config::v1::setting);
}

bool IsDuration(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field.message_type()->full_name() == "google.protobuf.Duration";
}

bool IsBytes(const FieldDescriptor& field) {
  return SettingOf(field).unit() == config::v1::UNIT_BYTES;
}

// `why` says what is valid.
absl::Status OutOfRange(absl::string_view text, absl::string_view why) {
  return absl::OutOfRangeError(
      absl::StrCat(Quoted(text, kMostShown), " ", why));
}

// ---- Ranges -----------------------------------------------------------------

template <typename Number>
struct Range {
  Number least;
  Number most;
  std::string text;  // Of an error: "valid are 1 to 64".
};

// `of_type` with the bounds of the setting, which `read` reads. A schema whose
// bounds cannot be read is a mistake in the program.
template <typename Number, typename Read>
Range<Number> RangeOf(const FieldDescriptor& field, Range<Number> of_type,
                      Read read) {
  const config::v1::Setting& setting = SettingOf(field);
  const auto bound = [&](const std::string& text, Number otherwise) {
    if (text.empty()) return otherwise;
    const absl::StatusOr<Number> number = read(text);
    PINION_CHECK(number.ok(), field.full_name(), ": ",
                 number.status().message());
    return *number;
  };
  of_type.least = bound(setting.least(), of_type.least);
  of_type.most = bound(setting.most(), of_type.most);
  if (!setting.least().empty() && !setting.most().empty()) {
    of_type.text =
        absl::StrCat("valid are ", setting.least(), " to ", setting.most());
  } else if (!setting.least().empty()) {
    of_type.text = absl::StrCat("the least is ", setting.least());
  } else if (!setting.most().empty()) {
    of_type.text = absl::StrCat("the most is ", setting.most());
  }
  return of_type;
}

// The value of `text`, if it is in range.
template <typename Number, typename Read>
absl::StatusOr<Number> ReadInRange(const FieldDescriptor& field,
                                   Range<Number> of_type,
                                   absl::string_view text, Read read) {
  const absl::StatusOr<Number> number = read(text);
  if (!number.ok()) return number;
  const Range<Number> range = RangeOf(field, std::move(of_type), read);
  if (*number >= range.least && *number <= range.most) return number;
  return OutOfRange(text, absl::StrCat("is out of range; ", range.text));
}

template <typename Number>
Range<absl::int128> RangeOfType() {
  using Limits = std::numeric_limits<Number>;
  return {Limits::min(), Limits::max(),
          absl::StrCat("valid are ", Limits::min(), " to ", Limits::max())};
}

template <typename Number>
absl::StatusOr<Number> ReadInteger(const FieldDescriptor& field,
                                   absl::string_view text) {
  const absl::StatusOr<absl::int128> number =
      ReadInRange(field, RangeOfType<Number>(), text,
                  IsBytes(field) ? ReadBytes : ReadWhole);
  if (!number.ok()) return number.status();
  return static_cast<Number>(*number);
}

template <typename Number>
absl::StatusOr<Number> ReadFloating(const FieldDescriptor& field,
                                    absl::string_view text) {
  using Limits = std::numeric_limits<Number>;
  const Range<double> of_type = {
      Limits::lowest(), Limits::max(),
      absl::StrCat("valid are ", Limits::lowest(), " to ", Limits::max())};
  const absl::StatusOr<double> number =
      ReadInRange(field, of_type, text, ReadDouble);
  if (!number.ok()) return number.status();
  return static_cast<Number>(*number);
}

// ---- Words ------------------------------------------------------------------

absl::StatusOr<bool> ReadBool(absl::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return OutOfRange(text, "is neither true nor false");
}

// Whether the value stands for "not set".
bool IsUnspecified(const EnumValueDescriptor& value) {
  return value.number() == 0 && absl::EndsWith(value.name(), "_UNSPECIFIED");
}

// How a value is written; empty if it cannot be.
std::string WordOf(const EnumValueDescriptor& value) {
  if (IsUnspecified(value)) return "";
  absl::string_view name = value.name();
  const EnumValueDescriptor* const zero = value.type()->FindValueByNumber(0);
  if (zero != nullptr && IsUnspecified(*zero)) {
    absl::ConsumePrefix(&name, absl::StripSuffix(zero->name(), "UNSPECIFIED"));
  }
  std::string word = absl::AsciiStrToLower(name);
  // TLS_VERSION_1_2 is 1.2.
  for (size_t i = 1; i + 1 < word.size(); ++i) {
    if (word[i] == '_' && absl::ascii_isdigit(word[i - 1]) &&
        absl::ascii_isdigit(word[i + 1])) {
      word[i] = '.';
    }
  }
  return word;
}

absl::StatusOr<int> ReadEnum(const FieldDescriptor& field,
                             absl::string_view text) {
  const EnumDescriptor& type = *field.enum_type();
  for (int i = 0; i < type.value_count(); ++i) {
    const std::string word = WordOf(*type.value(i));
    if (!word.empty() && word == text) return type.value(i)->number();
  }
  std::vector<std::string> words = EnumWords(type);
  // Otherwise they stay as the schema has them, "debug" before "info".
  if (!LikelyMeant(text, words).empty()) words = NearestFirst(text, words);
  return OutOfRange(
      text, absl::StrCat("is unknown; valid are ", absl::StrJoin(words, ", ")));
}

// ---- Durations --------------------------------------------------------------

absl::StatusOr<absl::Duration> ReadDurationOf(const FieldDescriptor& field,
                                              absl::string_view text) {
  const Range<absl::Duration> any = {-absl::InfiniteDuration(),
                                     absl::InfiniteDuration(), ""};
  return ReadInRange(field, any, text, ReadDuration);
}

// ---- Reflection -------------------------------------------------------------

// Calls Set() or Add() of the field's type.
template <typename Value, typename Method>
absl::Status Put(Message* message, const FieldDescriptor& field,
                 const absl::StatusOr<Value>& value, Method set, Method add) {
  if (!value.ok()) return value.status();
  const Method method = field.is_repeated() ? add : set;
  (message->GetReflection()->*method)(message, &field, *value);
  return absl::OkStatus();
}

absl::Status PutString(Message* message, const FieldDescriptor& field,
                       absl::string_view text) {
  const Reflection& reflection = *message->GetReflection();
  if (field.is_repeated()) {
    reflection.AddString(message, &field, std::string(text));
  } else {
    reflection.SetString(message, &field, std::string(text));
  }
  return absl::OkStatus();
}

absl::Status PutDuration(Message* message, const FieldDescriptor& field,
                         const absl::StatusOr<absl::Duration>& duration) {
  if (!duration.ok()) return duration.status();
  const Reflection& reflection = *message->GetReflection();
  SetDuration(*duration, field.is_repeated()
                             ? reflection.AddMessage(message, &field)
                             : reflection.MutableMessage(message, &field));
  return absl::OkStatus();
}

// Get(), or the GetRepeated() of the entry.
template <typename Value>
Value Read(const Message& message, const FieldDescriptor& field, int index,
           Value (Reflection::*get)(const Message&, const FieldDescriptor*)
               const,
           Value (Reflection::*get_entry)(const Message&,
                                          const FieldDescriptor*, int) const) {
  const Reflection& reflection = *message.GetReflection();
  return index < 0 ? (reflection.*get)(message, &field)
                   : (reflection.*get_entry)(message, &field, index);
}

std::string IntegerText(const FieldDescriptor& field, int64_t number) {
  return IsBytes(field) ? WrittenBytes(number) : absl::StrCat(number);
}

}  // namespace

bool IsWrittenAsText(const FieldDescriptor& field) {
  return field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
         IsDuration(field);
}

std::vector<std::string> EnumWords(const EnumDescriptor& type) {
  std::vector<std::string> words;
  for (int i = 0; i < type.value_count(); ++i) {
    std::string word = WordOf(*type.value(i));
    if (!word.empty()) words.push_back(std::move(word));
  }
  return words;
}

bool IsFreeText(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
}

absl::Duration DurationOf(const Message& message) {
  const Reflection& reflection = *message.GetReflection();
  const auto& type = *message.GetDescriptor();
  const int64_t seconds =
      reflection.GetInt64(message, type.FindFieldByNumber(1));
  if (seconds >= kMostSeconds) return absl::InfiniteDuration();
  if (seconds <= -kMostSeconds) return -absl::InfiniteDuration();
  return absl::Seconds(seconds) + absl::Nanoseconds(reflection.GetInt32(
                                      message, type.FindFieldByNumber(2)));
}

void SetDuration(absl::Duration duration, Message* message) {
  const absl::Duration longest = absl::Seconds(kMostSeconds);
  duration = std::clamp(duration, -longest, longest);
  absl::Duration rest;
  const int64_t seconds = absl::IDivDuration(duration, absl::Seconds(1), &rest);
  const Reflection& reflection = *message->GetReflection();
  const auto& type = *message->GetDescriptor();
  reflection.SetInt64(message, type.FindFieldByNumber(1), seconds);
  reflection.SetInt32(message, type.FindFieldByNumber(2),
                      static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

absl::Status SetValue(Message* message, const FieldDescriptor& field,
                      absl::string_view text) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return Put(message, field, ReadInteger<int32_t>(field, text),
                 &Reflection::SetInt32, &Reflection::AddInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return Put(message, field, ReadInteger<int64_t>(field, text),
                 &Reflection::SetInt64, &Reflection::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return Put(message, field, ReadInteger<uint32_t>(field, text),
                 &Reflection::SetUInt32, &Reflection::AddUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return Put(message, field, ReadInteger<uint64_t>(field, text),
                 &Reflection::SetUInt64, &Reflection::AddUInt64);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Put(message, field, ReadFloating<double>(field, text),
                 &Reflection::SetDouble, &Reflection::AddDouble);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return Put(message, field, ReadFloating<float>(field, text),
                 &Reflection::SetFloat, &Reflection::AddFloat);
    case FieldDescriptor::CPPTYPE_BOOL:
      return Put(message, field, ReadBool(text), &Reflection::SetBool,
                 &Reflection::AddBool);
    case FieldDescriptor::CPPTYPE_ENUM:
      return Put(message, field, ReadEnum(field, text),
                 &Reflection::SetEnumValue, &Reflection::AddEnumValue);
    case FieldDescriptor::CPPTYPE_STRING:
      return PutString(message, field, text);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  PINION_CHECK(IsDuration(field), field.full_name());
  return PutDuration(message, field, ReadDurationOf(field, text));
}

std::string ValueText(const Message& message, const FieldDescriptor& field,
                      int index) {
  const auto read = [&](auto get, auto get_entry) {
    return Read(message, field, index, get, get_entry);
  };
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return IntegerText(
          field, read(&Reflection::GetInt32, &Reflection::GetRepeatedInt32));
    case FieldDescriptor::CPPTYPE_INT64:
      return IntegerText(
          field, read(&Reflection::GetInt64, &Reflection::GetRepeatedInt64));
    case FieldDescriptor::CPPTYPE_UINT32:
      return IntegerText(
          field, read(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(
          read(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return WrittenDouble(
          read(&Reflection::GetDouble, &Reflection::GetRepeatedDouble));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return WrittenDouble(
          read(&Reflection::GetFloat, &Reflection::GetRepeatedFloat));
    case FieldDescriptor::CPPTYPE_BOOL:
      return read(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? "true"
                                                                      : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return WordOf(*read(&Reflection::GetEnum, &Reflection::GetRepeatedEnum));
    case FieldDescriptor::CPPTYPE_STRING:
      return read(&Reflection::GetString, &Reflection::GetRepeatedString);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  PINION_CHECK(IsDuration(field), field.full_name());
  return WrittenDuration(DurationOf(
      index < 0 ? reflection.GetMessage(message, &field)
                : reflection.GetRepeatedMessage(message, &field, index)));
}

}  // namespace pinion
