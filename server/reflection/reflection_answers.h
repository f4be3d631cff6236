// SPDX-License-Identifier: Apache-2.0
//
// ReflectionAnswers: answers the questions of one reflection stream.
//
// Threads: one at a time.
// Order:   an answer with files has the one that was asked for, and then those
//          that it imports, from near to far, but none of them twice in one
//          stream. Imports that would make it too large are left out; the
//          client asks for them by name.
// Cost:    the bytes of files are shared with all other answers.
// Example: ReflectionAnswers answers(files, sees);
//          std::optional<grpc::ByteBuffer> response = answers.Answer(request);
#ifndef PINION_SERVER_REFLECTION_REFLECTION_ANSWERS_H_
#define PINION_SERVER_REFLECTION_REFLECTION_ANSWERS_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "pinion/proto/wire/reflection_message.h"
#include "pinion/server/reflection/service_files.h"

namespace pinion {

class ReflectionAnswers {
 public:
  // A quarter of what gRPC's clients take as one message, unless they are told
  // otherwise.
  static constexpr size_t kMaxFileBytes = 1 << 20;

  // `files` must outlive it. An answer has at most `max_file_bytes` of files,
  // or one file.
  ReflectionAnswers(const ServiceFiles& files, ServiceFiles::Sees sees,
                    size_t max_file_bytes = kMaxFileBytes)
      : files_(files),
        sees_(std::move(sees)),
        max_file_bytes_(max_file_bytes),
        sent_(files.size()) {}

  // The ServerReflectionResponse to a serialized ServerReflectionRequest; none
  // if `request` is no such message.
  std::optional<grpc::ByteBuffer> Answer(absl::string_view request);

 private:
  using File = ServiceFiles::File;

  grpc::ByteBuffer AnswerTo(const ReflectionQuestion& question,
                            const ReflectionAsked& asked);
  // `file`: null if there is none.
  grpc::ByteBuffer FileAnswer(const File* file,
                              const ReflectionQuestion& question,
                              const ReflectionAsked& asked);
  std::vector<const File*> FilesToSend(const File& asked_for);

  const ServiceFiles& files_;
  const ServiceFiles::Sees sees_;
  const size_t max_file_bytes_;
  std::vector<bool> sent_;  // By index.
};

}  // namespace pinion

#endif  // PINION_SERVER_REFLECTION_REFLECTION_ANSWERS_H_
