// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/request_maker.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace pinion::cli {
namespace {

constexpr absl::string_view kKey = "{key}";
constexpr absl::string_view kNumber = "{number}";

std::string With(const std::string& json_template, absl::string_view key) {
  return absl::StrReplaceAll(json_template, {{kKey, key}, {kNumber, key}});
}

void PutDigits(uint64_t key, size_t digits, char* at) {
  for (char* digit = at + digits; digit != at; key /= 10) {
    *--digit = static_cast<char>('0' + key % 10);
  }
}

}  // namespace

absl::StatusOr<RequestMaker> RequestMaker::Make(
    Encode encode, const std::string& json_template,
    std::optional<KeyDistribution> keys) {
  const bool has_key = absl::StrContains(json_template, kKey);
  const bool has_number = absl::StrContains(json_template, kNumber);
  if (has_key && has_number) {
    return absl::InvalidArgumentError(
        "the request has both {key} and {number}; write one of them");
  }
  if ((has_key || has_number) != keys.has_value()) {
    return absl::InvalidArgumentError(
        keys.has_value() ? "there are keys, but the request has no {key}"
                         : "the request has a {key}; say of how many by "
                           "--keys=N");
  }
  RequestMaker maker;
  maker.keys_ = keys;
  if (!keys.has_value()) {
    auto fixed = encode(json_template);
    if (!fixed.ok()) return fixed.status();
    maker.fixed_ = *std::move(fixed);
    return maker;
  }
  maker.digits_ = absl::StrCat(keys->keys() - 1).size();
  if (has_key) {
    absl::Status status = maker.FindDigits(encode, json_template);
    if (!status.ok()) return status;
    if (!maker.digits_at_.empty()) return maker;
  }
  absl::Status status = maker.MakeAll(encode, json_template, has_key);
  if (!status.ok()) return status;
  return maker;
}

absl::string_view RequestMaker::Request(uint64_t key,
                                        std::string& buffer) const {
  if (digits_at_.empty()) {
    const size_t from = key == 0 ? 0 : made_ends_[key - 1];
    return absl::string_view(made_).substr(from, made_ends_[key] - from);
  }
  if (buffer.empty()) buffer = fixed_;
  for (size_t at : digits_at_) PutDigits(key, digits_, &buffer[at]);
  return buffer;
}

// Two requests whose keys differ in each digit differ where the digits stand.
absl::Status RequestMaker::FindDigits(Encode encode,
                                      const std::string& json_template) {
  auto zeros = encode(With(json_template, std::string(digits_, '0')));
  if (!zeros.ok()) return zeros.status();
  const auto ones = encode(With(json_template, std::string(digits_, '1')));
  if (!ones.ok()) return ones.status();
  if (zeros->size() != ones->size()) return absl::OkStatus();
  for (size_t at = 0; at < zeros->size(); ++at) {
    if ((*zeros)[at] == (*ones)[at]) continue;
    digits_at_.push_back(at);
    at += digits_ - 1;
  }
  fixed_ = *std::move(zeros);
  // Whether that holds, a few keys tell: some fields hold no digits.
  Random random(/*seed=*/1);
  bool holds =
      !digits_at_.empty() && digits_at_.back() + digits_ <= fixed_.size();
  for (int i = 0; i < 16 && holds; ++i) {
    const uint64_t key =
        i == 0 ? keys_->keys() - 1 : random.Below(keys_->keys());
    std::string buffer;
    const auto expected = encode(With(json_template, Text(key, true)));
    if (!expected.ok()) return expected.status();
    holds = Request(key, buffer) == *expected;
  }
  if (!holds) digits_at_.clear();
  return absl::OkStatus();
}

absl::Status RequestMaker::MakeAll(Encode encode,
                                   const std::string& json_template,
                                   bool padded) {
  const auto too_much = [](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the key stands where all requests must be made beforehand; that can "
        "be ",
        what, " at most, so take fewer keys, or a key that is text"));
  };
  if (keys_->keys() > kMaxMade) {
    return too_much(absl::StrCat(kMaxMade, " requests"));
  }
  for (uint64_t key = 0; key < keys_->keys(); ++key) {
    const auto request = encode(With(json_template, Text(key, padded)));
    if (!request.ok()) return request.status();
    made_ += *request;
    made_ends_.push_back(made_.size());
    if (made_.size() > kMaxBytes) {
      return too_much(absl::StrCat(kMaxBytes, " bytes"));
    }
  }
  return absl::OkStatus();
}

std::string RequestMaker::Text(uint64_t key, bool padded) const {
  if (!padded) return absl::StrCat(key);
  std::string text(digits_, '0');
  PutDigits(key, digits_, text.data());
  return text;
}

}  // namespace pinion::cli
