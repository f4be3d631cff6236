// SPDX-License-Identifier: Apache-2.0
//
// One value of a configuration: what a text says, as a field's value, and back.
//
// Threads: plain functions; any thread.
// Errors:  one line that has the text. OUT_OF_RANGE: it was understood, or is a
//          word, and the line says what is valid. Otherwise INVALID_ARGUMENT.
// Example: absl::Status set = SetValue(&lanes, *field, "16MiB");
//
// The field's type, and its Setting (proto/pinion/config/v1/setting.proto), say
// how the text is read:
//
//   string, bytes    as it is
//   bool             true or false, and nothing else
//   integer          a whole number; with UNIT_BYTES a size, as 64MiB
//   float, double    a number
//   enum             the value's name in small letters, without what all names
//                    have in common: CPU_POLICY_PIN is pin; the one that ends
//                    with _UNSPECIFIED cannot be written
//   google.protobuf.Duration   250ms, 1h30m; inf is the longest Duration
#ifndef PINION_SERVER_CONFIG_SETTING_VALUE_H_
#define PINION_SERVER_CONFIG_SETTING_VALUE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace pinion {

// Whether the field's values are written as one text each; otherwise they are
// sections.
bool IsWrittenAsText(const google::protobuf::FieldDescriptor& field);

// Sets the field, or adds to it if it is repeated. Leaves it if the text is not
// understood, or if the value is outside of what the Setting says is valid.
// The field must be written as a text.
absl::Status SetValue(google::protobuf::Message* message,
                      const google::protobuf::FieldDescriptor& field,
                      absl::string_view text);

// The text of the field's value, or of entry `index` if it is repeated.
// SetValue() reads the same value from it.
std::string ValueText(const google::protobuf::Message& message,
                      const google::protobuf::FieldDescriptor& field,
                      int index = -1);

// How the values of an enum are written, in their order.
std::vector<std::string> EnumWords(
    const google::protobuf::EnumDescriptor& type);

// Whether ValueText() may have any characters.
bool IsFreeText(const google::protobuf::FieldDescriptor& field);

// The duration of a google.protobuf.Duration, of which the longest is infinite,
// and a duration for it, in whole nanoseconds.
absl::Duration DurationOf(const google::protobuf::Message& message);
void SetDuration(absl::Duration duration, google::protobuf::Message* message);

}  // namespace pinion

#endif  // PINION_SERVER_CONFIG_SETTING_VALUE_H_
