// SPDX-License-Identifier: Apache-2.0
//
// RequestMaker: makes the requests of a load from a JSON template, each with a
//               key of its own.
//
//   {key}     the key's number with leading zeros, so that all keys are equally
//             long: in quotes, for a key that is text: "user-{key}"
//   {number}  the number without them, for a key that is one: {"id":{number}}
//
// Threads: one thread makes it; then any thread may use it, each with its own
//          Random and buffer.
// Cost:    no JSON and no memory for a call: the digits of {key} are put into
//          the serialized request, where they belong. If that is impossible
//          (for {number}, or bytes in base64), all requests are made
//          beforehand.
// Example: auto maker = RequestMaker::Make(encode, R"({"key":"{key}"})", keys);
//          maker->Next(random, buffer);
#ifndef PINION_CLIENT_CLI_REQUEST_MAKER_H_
#define PINION_CLIENT_CLI_REQUEST_MAKER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/client/cli/key_distribution.h"
#include "pinion/client/cli/random.h"

namespace pinion::cli {

class RequestMaker {
 public:
  // Converts JSON to a serialized request.
  using Encode =
      absl::FunctionRef<absl::StatusOr<std::string>(const std::string& json)>;

  // The most requests, and the most bytes of them, made beforehand.
  static constexpr uint64_t kMaxMade = 1'000'000;
  static constexpr size_t kMaxBytes = size_t{1} << 30;

  // INVALID_ARGUMENT if the template is not such a request, if it has keys and
  // `keys` does not or the other way around, or if too many requests would have
  // to be made.
  static absl::StatusOr<RequestMaker> Make(Encode encode,
                                           const std::string& json_template,
                                           std::optional<KeyDistribution> keys);

  // The next request; valid until `buffer` is used again. Start with an empty
  // buffer, and use it with this maker only.
  absl::string_view Next(Random& random, std::string& buffer) const {
    if (!keys_.has_value()) return fixed_;
    return Request(keys_->Draw(random), buffer);
  }

  // The request with the key `key`, which must be less than the number of keys.
  absl::string_view Request(uint64_t key, std::string& buffer) const;

 private:
  RequestMaker() = default;

  absl::Status FindDigits(Encode encode, const std::string& json_template);
  absl::Status MakeAll(Encode encode, const std::string& json_template,
                       bool padded);
  std::string Text(uint64_t key, bool padded) const;

  std::optional<KeyDistribution> keys_;
  size_t digits_ = 1;  // Of the largest key.
  // The request without a key, or the one into which the digits are put.
  std::string fixed_;
  // Their positions; empty: all are made beforehand.
  std::vector<size_t> digits_at_;
  // The made requests: request n ends at end n, where n+1 begins.
  std::string made_;
  std::vector<size_t> made_ends_;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_REQUEST_MAKER_H_
