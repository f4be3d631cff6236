// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/io/grpc_status.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/proto/wire/status_details.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

// What most clients of gRPC take of trailers unless told otherwise. Of one that
// gets more, the call fails with RESOURCE_EXHAUSTED and no Failure.
constexpr size_t kMaxTrailerBytes = 8192;

// What is left for the fields that gRPC, Pinion and a proxy add, some 600
// bytes.
constexpr size_t kOtherBytes = 1024;

// What HTTP/2 counts for a field beside its name and value.
constexpr size_t kFieldBytes = 32;

// The payloads are left out if they leave less than this for the text.
constexpr size_t kLeastText = 512;

// The tag and length of the text in the details.
constexpr size_t kTextHeadBytes = 4;

constexpr absl::string_view kCut = "...";

// Bytes as they leave in a field whose name ends in "-bin".
size_t Base64Size(size_t bytes) { return (bytes + 2) / 3 * 4; }

// A byte as it leaves in grpc-message.
size_t PercentSize(char c) {
  const bool plain = c != '%' && absl::ascii_isprint(static_cast<uint8_t>(c));
  return plain ? 1 : 3;
}

size_t FieldSize(absl::string_view name, absl::string_view value) {
  return kFieldBytes + name.size() +
         (absl::EndsWith(name, "-bin") ? Base64Size(value.size())
                                       : value.size());
}

// How much of `text` fits into `room`, in grpc-message and once more in
// grpc-status-details-bin, which has `details` bytes without it.
size_t MostOf(absl::string_view text, size_t details, size_t room) {
  size_t percent = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    percent += PercentSize(text[i]);
    if (percent + Base64Size(details + kTextHeadBytes + i + 1) > room) return i;
  }
  return text.size();
}

}  // namespace

void AppendPayloads(const absl::Status& status, std::string* details) {
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& message) {
    AppendStatusDetail(url, std::string(message), details);
  });
}

grpc::Status ToGrpcStatus(
    const absl::Status& status, const v1::Failure& failure,
    absl::Span<const std::pair<std::string, std::string>> trailing) {
  size_t room = kMaxTrailerBytes - kOtherBytes;
  for (const auto& [name, value] : trailing) {
    room -= std::min(room, FieldSize(name, value));
  }
  const int code = static_cast<int>(status.code());
  std::string text = ValidUtf8(status.message());
  size_t beside = EncodeStatusDetails(code, "", failure).size();
  std::string payloads;
  AppendPayloads(status, &payloads);
  const size_t with_payloads = MostOf(text, beside + payloads.size(), room);
  if (with_payloads < std::min(text.size(), kLeastText) ||
      Base64Size(beside + payloads.size()) > room) {
    payloads.clear();
  }
  beside += payloads.size();
  const size_t most = MostOf(text, beside, room);
  if (most < text.size()) {
    const size_t less = std::min(most, kCut.size());
    text = absl::StrCat(BeginningOf(text, most - less), kCut);
  }
  // The failure comes first: clients take the first one, and a payload may be
  // one from another server.
  return grpc::Status(static_cast<grpc::StatusCode>(code), text,
                      EncodeStatusDetails(code, text, failure) + payloads);
}

void AddFailureTrailers(const v1::Failure& failure,
                        grpc::ServerContextBase& context) {
  const char* executed = failure.executed() == v1::EXECUTED_NO    ? "NO"
                         : failure.executed() == v1::EXECUTED_YES ? "YES"
                                                                  : "MAYBE";
  context.AddTrailingMetadata("pinion-executed", executed);
  if (failure.retry_after_us() > 0) {
    const uint64_t millis = (failure.retry_after_us() + 999) / 1000;
    context.AddTrailingMetadata("grpc-retry-pushback-ms", absl::StrCat(millis));
  }
}

}  // namespace pinion
