// SPDX-License-Identifier: Apache-2.0
//
// JsonCodec: converts a method's messages from and to JSON, through its
//            descriptors.
//
// Threads: any thread; as of Methods::Find().
// Example: JsonCodec codec(methods);
//          auto request = codec.Encode("/pinion.kv.v1.KvService/Get",
//                                      R"({"key":"a"})");
//          auto reply = client.CallRaw(method, *request, options);
#ifndef PINION_CLIENT_CLI_JSON_CODEC_H_
#define PINION_CLIENT_CLI_JSON_CODEC_H_

#include <google/protobuf/dynamic_message.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/client/cli/methods.h"

namespace pinion {

class JsonCodec {
 public:
  // Knows the messages of `methods`, which must outlive it.
  explicit JsonCodec(const cli::Methods& methods) : methods_(methods) {}

  // Whether the method is known, and is a server-streaming one.
  bool IsServerStreaming(absl::string_view method) const;

  // The serialized request of "/package.Service/Method". The errors of
  // Methods::Find(), and INVALID_ARGUMENT if `json` is not its request.
  absl::StatusOr<std::string> Encode(absl::string_view method,
                                     const std::string& json);

  // The method's serialized response, or a message of its stream, as JSON,
  // including fields with their default values. INTERNAL if the bytes are not
  // its response.
  absl::StatusOr<std::string> Decode(absl::string_view method,
                                     const std::string& response);

 private:
  const cli::Methods& methods_;
  google::protobuf::DynamicMessageFactory messages_;
};

}  // namespace pinion

#endif  // PINION_CLIENT_CLI_JSON_CODEC_H_
