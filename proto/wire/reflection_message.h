// SPDX-License-Identifier: Apache-2.0
//
// The messages of grpc.reflection.v1alpha.ServerReflection as bytes: questions
// and answers. grpc.reflection.v1 has the same ones.
//
// Threads: plain functions; any thread.
// Example: std::optional<ReflectionQuestion> question =
//              ReadReflectionQuestion(request);
//          std::string response =
//              EncodeReflectionError(AskedIn(request, *question), 5, "none");
//
// Written by hand: generated code of reflection.proto would collide with the
// same code in a program that links Pinion and gRPC's reflection.
#ifndef PINION_PROTO_WIRE_REFLECTION_MESSAGE_H_
#define PINION_PROTO_WIRE_REFLECTION_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace pinion {

namespace reflection_protocol {

inline constexpr char kService[] = "grpc.reflection.v1alpha.ServerReflection";
inline constexpr char kPath[] =
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
// Of the later version.
inline constexpr char kPathOfV1[] =
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

}  // namespace reflection_protocol

// A ServerReflectionRequest.
struct ReflectionQuestion {
  enum class Kind {
    kNone,              // It asks nothing that is known here.
    kFileByName,        // `name`: "shop/v1/counter.proto"
    kFileOfSymbol,      // `name`: "shop.v1.CounterService"
    kFileOfExtension,   // `name`: the extended type; `number`: the field's.
    kExtensionsOfType,  // `name`: the type.
    kListServices,
  };

  std::string host = {};
  Kind kind = Kind::kNone;
  std::string name = {};
  int32_t number = 0;
};

// The question that the bytes are; none if they are no ServerReflectionRequest.
std::optional<ReflectionQuestion> ReadReflectionQuestion(
    absl::string_view serialized);

// A serialized ServerReflectionRequest.
std::string EncodeReflectionQuestion(const ReflectionQuestion& question);

// What each answer repeats of its question.
struct ReflectionAsked {
  absl::string_view host;
  absl::string_view request;  // Serialized.
};

// Serialized ServerReflectionResponses.

// `code` is a gRPC status code.
std::string EncodeReflectionError(const ReflectionAsked& asked, int code,
                                  absl::string_view message);
std::string EncodeReflectionServices(const ReflectionAsked& asked,
                                     absl::Span<const std::string> names);
std::string EncodeReflectionExtensions(const ReflectionAsked& asked,
                                       absl::string_view type,
                                       absl::Span<const int32_t> numbers);

// The one with files comes in pieces, so that their bytes need not be copied:
// this, and then each file as EncodeReflectionFile() returns it, which are
// `bytes_of_files` bytes together.
std::string BeginReflectionFiles(const ReflectionAsked& asked,
                                 size_t bytes_of_files);
// `file` is a serialized google.protobuf.FileDescriptorProto.
std::string EncodeReflectionFile(absl::string_view file);

// A ServerReflectionResponse, without what it repeats.
struct ReflectionAnswer {
  std::vector<std::string> files;     // Serialized FileDescriptorProtos.
  std::vector<std::string> services;  // Their names.
  int error_code = 0;                 // Of gRPC; 0: it is no error.
  std::string error_message;
};

// The answer that the bytes are; none if they are no ServerReflectionResponse.
// Numbers of extensions are left out.
std::optional<ReflectionAnswer> ReadReflectionAnswer(
    absl::string_view serialized);

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_REFLECTION_MESSAGE_H_
