// SPDX-License-Identifier: Apache-2.0
#include "server/handler_answer.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace pinion {

std::optional<Answer> ParseRequest(absl::string_view bytes,
                                   google::protobuf::Message& request) {
  if (request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return std::nullopt;
  }
  return Failed(absl::InvalidArgumentError(absl::StrCat(
                    "cannot decode the ", bytes.size(), " bytes as ",
                    request.GetDescriptor()->full_name())),
                v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
}

Answer HandlerAnswer(absl::Status status,
                     const google::protobuf::Message& response) {
  if (!status.ok()) {
    return Failed(std::move(status), v1::REASON_HANDLER, v1::EXECUTED_YES);
  }
  Answer answer;
  answer.payload = Payload(response.ByteSizeLong());
  response.SerializeWithCachedSizesToArray(answer.payload.data());
  return answer;
}

}  // namespace pinion
