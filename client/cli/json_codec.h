// SPDX-License-Identifier: Apache-2.0
//
// JsonCodec: converts a method's messages from and to JSON, through its
//            descriptors.
//
// Threads: any thread.
// Example: JsonCodec codec(descriptor_pool);
//          auto request = codec.Encode("/pinion.kv.v1.KvService/Get",
//                                      R"({"key":"a"})");
//          auto reply = client.CallRaw(method, *request, options);
#ifndef PINION_CLIENT_CLI_JSON_CODEC_H_
#define PINION_CLIENT_CLI_JSON_CODEC_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pinion {

class JsonCodec {
 public:
  // Knows the services of `pool`, which must outlive it.
  explicit JsonCodec(const google::protobuf::DescriptorPool& pool);

  // Whether the method is known, and is a server-streaming one.
  bool IsServerStreaming(absl::string_view method) const;

  // The serialized request of "/package.Service/Method". INVALID_ARGUMENT if
  // the name has another form, if the method is unknown or takes a stream of
  // requests, or if `json` is not its request.
  absl::StatusOr<std::string> Encode(absl::string_view method,
                                     const std::string& json);

  // The method's serialized response, or a message of its stream, as JSON,
  // including fields with their default values. INTERNAL if the bytes are not
  // its response.
  absl::StatusOr<std::string> Decode(absl::string_view method,
                                     const std::string& response);

 private:
  const google::protobuf::DescriptorPool& pool_;
  google::protobuf::DynamicMessageFactory messages_;
};

}  // namespace pinion

#endif  // PINION_CLIENT_CLI_JSON_CODEC_H_
