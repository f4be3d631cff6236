// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/session/session_outgoing.h"

#include <algorithm>
#include <string>

#include "absl/base/optimization.h"
#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/status_details.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/io/grpc_status.h"

namespace pinion {
namespace {

// What a waiting answer counts beside its payload; and an error beside its
// text, for the status and the failure.
constexpr int64_t kAnswerBytes = 64;
constexpr int64_t kErrorBytes = 256;

size_t MessageSize(uint64_t id, const Answer& answer) {
  std::vector<MetadataView> trailing;
  return AnswerSize(OutgoingOf(id, answer, trailing));
}

// What the handler said beside the error's text.
void EncodeDetails(Answer& answer) {
  std::string payloads;
  AppendPayloads(answer.status, &payloads);
  if (payloads.empty()) return;
  answer.extras->status_details =
      absl::StrCat(EncodeStatus(static_cast<int>(answer.status.code()),
                                answer.status.message()),
                   payloads);
}

}  // namespace

OutgoingAnswer OutgoingOf(uint64_t id, const Answer& answer,
                          std::vector<MetadataView>& trailing) {
  OutgoingAnswer outgoing;
  outgoing.id = id;
  outgoing.timing = answer.timing();
  if (answer.status.ok()) {
    outgoing.payload = answer.payload.view();
  } else {
    outgoing.code = static_cast<int>(answer.status.code());
    outgoing.message = answer.status.message();
    outgoing.failure = answer.failure();
  }
  if (ABSL_PREDICT_FALSE(answer.extras != nullptr)) {
    trailing.clear();
    for (const auto& [name, value] : answer.extras->trailing) {
      trailing.push_back({.name = name, .value = value});
    }
    outgoing.trailing = trailing;
    outgoing.status_details = answer.extras->status_details;
  }
  return outgoing;
}

void FitIntoMessage(uint64_t id, size_t most, Answer& answer) {
  EncodeDetails(answer);
  size_t size = MessageSize(id, answer);
  if (size <= most) return;
  answer.extras->status_details.clear();
  size = MessageSize(id, answer);
  if (size <= most) return;
  answer.extras->trailing.clear();
  size = MessageSize(id, answer);
  if (size <= most) return;
  constexpr absl::string_view kCut = "...";
  const absl::string_view text = answer.status.message();
  const size_t less = std::min(text.size(), size - most + kCut.size());
  answer.status =
      absl::Status(answer.status.code(),
                   absl::StrCat(BeginningOf(text, text.size() - less), kCut));
}

int64_t HeldBytesOf(const Answer& answer) {
  int64_t bytes = kAnswerBytes + static_cast<int64_t>(answer.payload.size());
  if (answer.extras == nullptr) return bytes;
  bytes +=
      kErrorBytes + static_cast<int64_t>(answer.status.message().size() +
                                         answer.extras->status_details.size());
  for (const auto& [name, value] : answer.extras->trailing) {
    bytes += static_cast<int64_t>(name.size() + value.size());
  }
  return bytes;
}

int64_t HeldBytesOf(size_t count, size_t bytes) {
  return static_cast<int64_t>(count) * kAnswerBytes +
         static_cast<int64_t>(bytes);
}

}  // namespace pinion
