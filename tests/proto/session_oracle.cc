// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/proto/session_oracle.h"

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/stubs/logging.h"
#include "pinion/proto/wire/session_answer.h"
#include "pinion/proto/wire/session_call.h"
#include "pinion/proto/wire/session_protocol.h"
#include "pinion/proto/wire/session_request.h"
#include "pinion/proto/wire/session_response.h"
#include "pinion/v1/session.pb.h"
#include "tests/proto/session_shape.pb.h"

namespace pinion::testing {
namespace {

std::string Str(absl::string_view view) { return std::string(view); }

template <typename AddMetadata>
void CopyMetadata(MetadataReader reader, const AddMetadata& add) {
  MetadataView view;
  while (reader.Next(&view)) {
    auto* const metadata = add();
    metadata->set_name(Str(view.name));
    metadata->set_value(Str(view.value));
  }
}

void CopyCall(const CallView& view, test::shape::SessionCall* call) {
  call->set_id(view.id);
  call->set_method(Str(view.method));
  call->set_payload(Str(view.payload));
  call->set_timeout_us(view.timeout_us);
  call->set_priority(view.priority);
  call->set_want_timing(view.want_timing);
  if (view.worker.has_value()) call->set_worker(*view.worker);
  call->set_method_index(view.method_index);
  CopyMetadata(view.metadata(), [&] { return call->add_metadata(); });
}

// In a block of just their size, so that AddressSanitizer sees the first byte
// that is read beyond them.
std::vector<char> InBlock(const std::string& bytes) {
  return {bytes.begin(), bytes.end()};
}

// What SessionRequest reads; nothing if it finds a fault.
std::optional<test::shape::OpenRequest> ReadRequest(const std::string& bytes) {
  const std::vector<char> block = InBlock(bytes);
  test::shape::OpenRequest read;
  SessionRequest request({block.data(), block.size()});
  const auto add_cancel = [&](uint64_t id) { read.add_cancel(id); };
  const auto add_name = [&](const MethodNameView& view) {
    test::shape::MethodName* const name = read.add_methods();
    name->set_index(view.index);
    name->set_name(Str(view.name));
  };
  // In the smallest portions.
  while (!request.Scan(1, add_name, add_cancel)) {
    if (!request.ok()) return std::nullopt;
  }
  if (request.hello().has_value()) {
    read.mutable_hello()->set_revision(request.hello()->revision);
    read.mutable_hello()->set_name(Str(request.hello()->name));
  }
  read.set_token(Str(request.token()));
  CallView call;
  while (request.NextCall(&call)) CopyCall(call, read.add_calls());
  if (!request.ok()) return std::nullopt;
  if (request.calls() != static_cast<size_t>(read.calls_size())) {
    return test::shape::OpenRequest();  // Which is what no one expects.
  }
  return read;
}

void CopyAnswer(const AnswerView& view, test::shape::SessionAnswer* answer) {
  answer->set_id(view.id);
  answer->set_payload(Str(view.payload));
  answer->set_code(view.code);
  answer->set_message(Str(view.message));
  if (view.has_failure) *answer->mutable_failure() = view.failure();
  if (view.has_timing) *answer->mutable_timing() = view.timing();
  answer->DiscardUnknownFields();
  answer->set_status_details(Str(view.status_details));
  CopyMetadata(view.trailing(), [&] { return answer->add_trailing(); });
}

void CopyHello(const ServerHelloView& view, test::shape::ServerHello* hello) {
  hello->set_instance_id(Str(view.instance_id));
  hello->set_revision(view.revision);
  hello->set_max_open_calls(view.max_open_calls);
  hello->set_max_open_bytes(view.max_open_bytes);
  hello->set_max_message_bytes(view.max_message_bytes);
}

// What SessionResponse reads; nothing if it finds a fault.
std::optional<test::shape::OpenResponse> ReadResponse(const std::string& bytes,
                                                      bool plain_first) {
  const std::vector<char> block = InBlock(bytes);
  test::shape::OpenResponse read;
  SessionResponse response({block.data(), block.size()});
  if (!response.Scan()) return std::nullopt;
  if (response.hello().has_value()) {
    CopyHello(*response.hello(), read.mutable_hello());
  }
  if (response.drain().has_value()) {
    read.mutable_drain()->set_grace_us(response.drain()->grace_us);
    read.mutable_drain()->set_reason(response.drain()->reason);
  }
  AnswerView answer;
  PlainAnswer plain;
  while (true) {
    if (plain_first && response.NextPlain(&plain)) {
      answer = AnswerView();
      answer.id = plain.id;
      answer.payload = plain.payload;
    } else if (!response.NextAnswer(&answer)) {
      break;
    }
    CopyAnswer(answer, read.add_answers());
  }
  if (!response.ok()) return std::nullopt;
  if (response.answers() != static_cast<size_t>(read.answers_size())) {
    return test::shape::OpenResponse();  // Which is what no one expects.
  }
  return read;
}

template <typename Repeated>
std::vector<MetadataView> ViewsOf(const Repeated& metadata) {
  std::vector<MetadataView> views;
  for (const auto& each : metadata)
    views.push_back({each.name(), each.value()});
  return views;
}

// Appends what `write(at)` writes, which must be `size` bytes.
template <typename Write>
void Append(size_t size, const Write& write, std::string* out) {
  std::string piece(size + 1, '\xee');  // A byte more, to be left alone.
  uint8_t* const begin = reinterpret_cast<uint8_t*>(piece.data());
  const uint8_t* const end = write(begin);
  if (end != begin + size || piece.back() != '\xee') {
    absl::StrAppend(out, "[wrote ", end - begin, " bytes, not ", size, "]");
  }
  piece.resize(size);
  out->append(piece);
}

void AppendCall(const v1::SessionCall& call, std::string* out) {
  OutgoingCall outgoing = {.id = call.id(),
                           .method = call.method(),
                           .payload = call.payload(),
                           .timeout_us = call.timeout_us(),
                           .priority = call.priority(),
                           .want_timing = call.want_timing(),
                           .method_index = call.method_index()};
  if (call.has_worker()) outgoing.worker = call.worker();
  const std::vector<MetadataView> metadata = ViewsOf(call.metadata());
  outgoing.metadata = metadata;
  Append(
      CallSize(outgoing), [&](uint8_t* at) { return WriteCall(outgoing, at); },
      out);
}

// The same for its plain part, in both ways.
void AppendPlainPart(const v1::SessionCall& call, std::string* plain,
                     std::string* general) {
  v1::SessionCall part;
  part.set_id(call.id());
  part.set_payload(call.payload());
  part.set_timeout_us(call.timeout_us());
  part.set_method_index(call.method_index() %
                        (session_protocol::kMaxMethodIndex + 1));
  AppendCall(part, general);
  std::string piece(call.payload().size() + kPlainCallBytes, '\xee');
  uint8_t* const begin = reinterpret_cast<uint8_t*>(piece.data());
  const PlainCallEnd end(call.timeout_us(), part.method_index());
  piece.resize(WritePlainCall(call.id(), call.payload(), end, begin) - begin);
  plain->append(piece);
}

bool PlainPartsAgree(const v1::OpenRequest& request) {
  std::string plain;
  std::string general;
  for (const v1::SessionCall& call : request.calls()) {
    AppendPlainPart(call, &plain, &general);
  }
  return plain == general;
}
bool PlainPartsAgree(const v1::OpenResponse&) { return true; }

std::string Rewritten(const v1::OpenRequest& request) {
  std::string out;
  for (const v1::SessionCall& call : request.calls()) AppendCall(call, &out);
  const std::vector<uint64_t> ids(request.cancel().begin(),
                                  request.cancel().end());
  Append(
      CancelsSize(ids), [&](uint8_t* at) { return WriteCancels(ids, at); },
      &out);
  if (request.has_hello()) out += EncodeClientHello(request.hello());
  for (const v1::MethodName& name : request.methods()) {
    out += EncodeMethodName(name.index(), name.name());
  }
  if (!request.token().empty()) out += EncodeSessionToken(request.token());
  return out;
}

void AppendAnswer(const v1::SessionAnswer& answer, std::string* out) {
  const std::vector<MetadataView> trailing = ViewsOf(answer.trailing());
  const OutgoingAnswer outgoing = {
      .id = answer.id(),
      .payload = answer.payload(),
      .code = answer.code(),
      .message = answer.message(),
      .failure = answer.has_failure() ? &answer.failure() : nullptr,
      .timing = answer.has_timing() ? &answer.timing() : nullptr,
      .status_details = answer.status_details(),
      .trailing = trailing};
  Append(
      AnswerSize(outgoing),
      [&](uint8_t* at) { return WriteAnswer(outgoing, at); }, out);
}

std::string Rewritten(const v1::OpenResponse& response) {
  std::string out;
  for (const v1::SessionAnswer& answer : response.answers()) {
    AppendAnswer(answer, &out);
  }
  if (response.has_hello()) out += EncodeServerHello(response.hello());
  if (response.has_drain()) {
    out += EncodeDrain(response.drain().grace_us(), response.drain().reason());
  }
  return out;
}

template <typename Whole, typename Shape>
std::string Disagreement(const std::string& bytes,
                         const std::optional<Shape>& read) {
  google::protobuf::LogSilencer no_line_for_each_bad_string;
  Shape shape;
  Whole whole;
  const bool shape_parsed = shape.ParseFromString(bytes);
  const bool whole_parsed = whole.ParseFromString(bytes);
  if (read.has_value() != shape_parsed) {
    return absl::StrCat("the shape ",
                        shape_parsed ? "parsed" : "did not parse");
  }
  if (whole_parsed && !shape_parsed) return "only the whole message parsed";
  if (!shape_parsed) return "";
  const std::string ours = read->SerializeAsString();
  shape.DiscardUnknownFields();
  if (shape.SerializeAsString() != ours) return "the shape holds other fields";
  if (!whole_parsed) return "";
  whole.DiscardUnknownFields();
  if (whole.SerializeAsString() != ours) {
    return "the whole message holds other fields";
  }
  if (!PlainPartsAgree(whole)) return "a plain call is written otherwise";
  return Rewritten(whole) == ours ? "" : "it is written otherwise";
}

}  // namespace

std::string RequestDisagreement(const std::string& bytes) {
  return Disagreement<v1::OpenRequest>(bytes, ReadRequest(bytes));
}

std::string ResponseDisagreement(const std::string& bytes) {
  std::string disagreement =
      Disagreement<v1::OpenResponse>(bytes, ReadResponse(bytes, false));
  if (!disagreement.empty()) return disagreement;
  return Disagreement<v1::OpenResponse>(bytes, ReadResponse(bytes, true));
}

}  // namespace pinion::testing
