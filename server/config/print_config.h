// SPDX-License-Identifier: Apache-2.0
//
// PrintConfig: a configuration as YAML, as a person would write it.
//
// Threads: plain function; any thread.
// Promise: ReadConfig() reads an equal configuration from the text, with the
//          same services. What no file can say does not come back: an
//          unspecified enum value, a value out of its field's range, and bytes
//          that are not UTF-8.
// Example: std::cout << PrintConfig(config, {{"carts", &carts}});
#ifndef PINION_SERVER_CONFIG_PRINT_CONFIG_H_
#define PINION_SERVER_CONFIG_PRINT_CONFIG_H_

#include <functional>
#include <string>

#include "absl/types/span.h"
#include "google/protobuf/message.h"
#include "pinion/server/config/read_config.h"

namespace pinion {

// The fields that are set, in the order of the schema; those of `services`
// last. Texts are in double quotes; sizes and durations have units. With
// `comment`, each value has behind it what that returns for its path, as
// "lanes.lane_calls".
std::string PrintConfig(
    const google::protobuf::Message& config,
    absl::Span<const ConfigSection> services = {},
    const std::function<std::string(const std::string& path)>& comment = {});

}  // namespace pinion

#endif  // PINION_SERVER_CONFIG_PRINT_CONFIG_H_
