// SPDX-License-Identifier: Apache-2.0
#include "server/unary_call.h"

#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/grpc_status.h"

namespace pinion {

void UnaryCall::Await(const UnaryMethod& method, IoThread& io) {
  UnaryCall* call = new UnaryCall(method, io);  // Deletes itself.
  method.service->AwaitCall(method.index, &call->context_, &call->buffer_,
                            &call->writer_, io.queue(),
                            static_cast<IoEvent*>(call));
}

UnaryCall::UnaryCall(const UnaryMethod& method, IoThread& io)
    : served_(method), io_(io), writer_(&context_) {
  this->method = method.method;
}

void UnaryCall::OnEvent(bool ok) {
  switch (step_) {
    case Step::kAwaiting:
      if (ok) {
        Await(served_, io_);
        Arrive();
      } else {
        delete this;  // The server shuts down; no call will come.
      }
      break;
    case Step::kAnswering:  // The answer has left, or its client has.
      io_.CallClosed(*this);
      if (inside) served_.door->Leave();
      delete this;
      break;
    case Step::kOpen:
      PINION_CHECK(false, "an open call has no operation under way");
  }
}

void UnaryCall::Arrive() {
  step_ = Step::kOpen;
  io_.CallOpened(*this);
  if (!buffer_.TrySingleSlice(&bytes_).ok()) {
    buffer_.DumpToSingleSlice(&bytes_);
  }
  request = absl::string_view(reinterpret_cast<const char*>(bytes_.begin()),
                              bytes_.size());
  wants_timing = Metadata("pinion-timing") == "1";
  std::optional<Answer> refusal =
      served_.door->Enter(*served_.lanes, Metadata("pinion-worker"), this);
  if (!refusal.has_value()) return;  // The call is its worker's now.
  answer = *std::move(refusal);
  SendAnswer();
}

void UnaryCall::SendAnswer() {
  step_ = Step::kAnswering;
  // An answer may take long to leave; it need not keep its request.
  request = absl::string_view();
  bytes_ = grpc::Slice();
  buffer_.Clear();
  if (answer.timing != nullptr) {
    context_.AddTrailingMetadata("pinion-timing-bin",
                                 answer.timing->SerializeAsString());
  }
  if (answer.status.ok()) {
    const grpc::ByteBuffer response(&answer.payload, 1);
    answer.payload = grpc::Slice();  // gRPC has its own reference.
    writer_.Finish(response, grpc::Status::OK, static_cast<IoEvent*>(this));
    return;
  }
  AddFailureTrailers(*answer.failure, context_);
  writer_.FinishWithError(ToGrpcStatus(answer.status, *answer.failure),
                          static_cast<IoEvent*>(this));
}

std::optional<absl::string_view> UnaryCall::Metadata(const char* name) const {
  const auto [begin, end] = context_.client_metadata().equal_range(name);
  if (begin == end) return std::nullopt;
  // Of a name that was given twice, no value is right.
  if (std::next(begin) != end) return absl::string_view("given twice");
  return absl::string_view(begin->second.data(), begin->second.size());
}

}  // namespace pinion
