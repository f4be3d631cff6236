// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/handler_answer.h"

#include <utility>

#include "pinion/server/call/refusals.h"

namespace pinion {

std::optional<Answer> ParseRequest(absl::string_view bytes,
                                   google::protobuf::Message& request) {
  if (request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return std::nullopt;
  }
  return refusals::CannotDecode(bytes.size(),
                                request.GetDescriptor()->full_name());
}

Answer HandlerAnswer(absl::Status status,
                     const google::protobuf::Message& response, bool threw) {
  Answer answer;
  if (!status.ok()) {
    answer = refusals::HandlerFailed(std::move(status));
    if (threw) answer.extras->fault = AnswerExtras::Fault::kThrew;
    return answer;
  }
  answer.payload = Payload(response.ByteSizeLong());
  response.SerializeWithCachedSizesToArray(answer.payload.data());
  return answer;
}

}  // namespace pinion
