// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/reflection/reflection_answers.h"

#include <grpcpp/support/slice.h>
#include <grpcpp/support/status.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

using Kind = ReflectionQuestion::Kind;

// How much of a name an error repeats.
constexpr size_t kQuotedBytes = 256;

grpc::ByteBuffer InOnePiece(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

grpc::ByteBuffer ErrorAnswer(const ReflectionAsked& asked,
                             grpc::StatusCode code, absl::string_view message) {
  return InOnePiece(EncodeReflectionError(asked, code, message));
}

// What was asked for and is not there.
std::string Describe(const ReflectionQuestion& question) {
  const std::string name = Quoted(question.name, kQuotedBytes);
  switch (question.kind) {
    case Kind::kFileByName:
      return absl::StrCat("file ", name);
    case Kind::kFileOfExtension:
      return absl::StrCat("extension of ", name, " with the number ",
                          question.number);
    case Kind::kExtensionsOfType:
      return absl::StrCat("message ", name);
    default:
      return absl::StrCat("symbol ", name);
  }
}

grpc::ByteBuffer NotFound(const ReflectionQuestion& question,
                          const ReflectionAsked& asked) {
  return ErrorAnswer(
      asked, grpc::StatusCode::NOT_FOUND,
      absl::StrCat("no service of this server has a ", Describe(question)));
}

}  // namespace

std::optional<grpc::ByteBuffer> ReflectionAnswers::Answer(
    absl::string_view request) {
  const std::optional<ReflectionQuestion> question =
      ReadReflectionQuestion(request);
  if (!question.has_value()) return std::nullopt;
  return AnswerTo(*question, {.host = question->host, .request = request});
}

grpc::ByteBuffer ReflectionAnswers::AnswerTo(const ReflectionQuestion& question,
                                             const ReflectionAsked& asked) {
  switch (question.kind) {
    case Kind::kNone:
      break;
    case Kind::kListServices:
      return InOnePiece(
          EncodeReflectionServices(asked, files_.Services(sees_)));
    case Kind::kFileByName:
      return FileAnswer(files_.FileByName(question.name, sees_), question,
                        asked);
    case Kind::kFileOfSymbol:
      return FileAnswer(files_.FileOfSymbol(question.name, sees_), question,
                        asked);
    case Kind::kFileOfExtension:
      return FileAnswer(
          files_.FileOfExtension(question.name, question.number, sees_),
          question, asked);
    case Kind::kExtensionsOfType: {
      const auto numbers = files_.ExtensionsOf(question.name, sees_);
      if (!numbers.has_value()) return NotFound(question, asked);
      return InOnePiece(
          EncodeReflectionExtensions(asked, question.name, *numbers));
    }
  }
  return ErrorAnswer(asked, grpc::StatusCode::INVALID_ARGUMENT,
                     "the request asks nothing that grpc.reflection.v1alpha "
                     "has");
}

grpc::ByteBuffer ReflectionAnswers::FileAnswer(
    const File* file, const ReflectionQuestion& question,
    const ReflectionAsked& asked) {
  if (file == nullptr) return NotFound(question, asked);
  std::vector<grpc::Slice> slices(1);
  size_t bytes = 0;
  for (const File* to_send : FilesToSend(*file)) {
    bytes += to_send->encoded.size();
    slices.push_back(to_send->encoded);
  }
  slices[0] = grpc::Slice(BeginReflectionFiles(asked, bytes));
  return grpc::ByteBuffer(slices.data(), slices.size());
}

std::vector<const ServiceFiles::File*> ReflectionAnswers::FilesToSend(
    const File& asked_for) {
  std::vector<const File*> to_send = {&asked_for};
  sent_[asked_for.index] = true;
  size_t bytes = asked_for.encoded.size();
  std::vector<const File*> reached = {&asked_for};
  std::vector<bool> is_reached(files_.size());
  is_reached[asked_for.index] = true;
  for (size_t i = 0; i < reached.size(); ++i) {
    for (const File* import : reached[i]->imports) {
      if (is_reached[import->index]) continue;
      is_reached[import->index] = true;
      reached.push_back(import);
      if (sent_[import->index]) continue;
      if (bytes + import->encoded.size() > max_file_bytes_) return to_send;
      bytes += import->encoded.size();
      sent_[import->index] = true;
      to_send.push_back(import);
    }
  }
  return to_send;
}

}  // namespace pinion
