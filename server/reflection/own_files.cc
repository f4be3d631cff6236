// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/reflection/own_files.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/text_format.h>

#include "pinion/core/base/check.h"

namespace pinion {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptorProto;

constexpr char kHealth[] = R"pb(
  name: "grpc/health/v1/health.proto"
  package: "grpc.health.v1"
  syntax: "proto3"
  message_type {
    name: "HealthCheckRequest"
    field { name: "service" number: 1 type: TYPE_STRING }
  }
  message_type {
    name: "HealthCheckResponse"
    field { name: "status" number: 1 type_name: "ServingStatus" }
    enum_type {
      name: "ServingStatus"
      value { name: "UNKNOWN" number: 0 }
      value { name: "SERVING" number: 1 }
      value { name: "NOT_SERVING" number: 2 }
      value { name: "SERVICE_UNKNOWN" number: 3 }
    }
  }
  service {
    name: "Health"
    method {
      name: "Check"
      input_type: "HealthCheckRequest"
      output_type: "HealthCheckResponse"
    }
    method {
      name: "Watch"
      input_type: "HealthCheckRequest"
      output_type: "HealthCheckResponse"
      server_streaming: true
    }
  }
)pb";

constexpr char kReflection[] = R"pb(
  name: "grpc/reflection/v1alpha/reflection.proto"
  package: "grpc.reflection.v1alpha"
  syntax: "proto3"
  message_type {
    name: "ServerReflectionRequest"
    oneof_decl { name: "message_request" }
    field { name: "host" number: 1 type: TYPE_STRING }
    field {
      name: "file_by_filename"
      number: 3
      type: TYPE_STRING
      oneof_index: 0
    }
    field {
      name: "file_containing_symbol"
      number: 4
      type: TYPE_STRING
      oneof_index: 0
    }
    field {
      name: "file_containing_extension"
      number: 5
      type_name: "ExtensionRequest"
      oneof_index: 0
    }
    field {
      name: "all_extension_numbers_of_type"
      number: 6
      type: TYPE_STRING
      oneof_index: 0
    }
    field { name: "list_services" number: 7 type: TYPE_STRING oneof_index: 0 }
  }
  message_type {
    name: "ExtensionRequest"
    field { name: "containing_type" number: 1 type: TYPE_STRING }
    field { name: "extension_number" number: 2 type: TYPE_INT32 }
  }
  message_type {
    name: "ServerReflectionResponse"
    oneof_decl { name: "message_response" }
    field { name: "valid_host" number: 1 type: TYPE_STRING }
    field {
      name: "original_request"
      number: 2
      type_name: "ServerReflectionRequest"
    }
    field {
      name: "file_descriptor_response"
      number: 4
      type_name: "FileDescriptorResponse"
      oneof_index: 0
    }
    field {
      name: "all_extension_numbers_response"
      number: 5
      type_name: "ExtensionNumberResponse"
      oneof_index: 0
    }
    field {
      name: "list_services_response"
      number: 6
      type_name: "ListServiceResponse"
      oneof_index: 0
    }
    field {
      name: "error_response"
      number: 7
      type_name: "ErrorResponse"
      oneof_index: 0
    }
  }
  message_type {
    name: "FileDescriptorResponse"
    field {
      name: "file_descriptor_proto"
      number: 1
      label: LABEL_REPEATED
      type: TYPE_BYTES
    }
  }
  message_type {
    name: "ExtensionNumberResponse"
    field { name: "base_type_name" number: 1 type: TYPE_STRING }
    field {
      name: "extension_number"
      number: 2
      label: LABEL_REPEATED
      type: TYPE_INT32
    }
  }
  message_type {
    name: "ListServiceResponse"
    field {
      name: "service"
      number: 1
      label: LABEL_REPEATED
      type_name: "ServiceResponse"
    }
  }
  message_type {
    name: "ServiceResponse"
    field { name: "name" number: 1 type: TYPE_STRING }
  }
  message_type {
    name: "ErrorResponse"
    field { name: "error_code" number: 1 type: TYPE_INT32 }
    field { name: "error_message" number: 2 type: TYPE_STRING }
  }
  service {
    name: "ServerReflection"
    method {
      name: "ServerReflectionInfo"
      input_type: "ServerReflectionRequest"
      output_type: "ServerReflectionResponse"
      client_streaming: true
      server_streaming: true
    }
  }
)pb";

const DescriptorPool* MakePool() {
  auto* const pool = new DescriptorPool;
  for (const char* text : {kHealth, kReflection}) {
    FileDescriptorProto file;
    PINION_CHECK(google::protobuf::TextFormat::ParseFromString(text, &file) &&
                     pool->BuildFile(file) != nullptr,
                 "a file of ours is wrong: ", text);
  }
  return pool;
}

}  // namespace

const DescriptorPool& OwnFiles() {
  static const DescriptorPool* const pool = MakePool();  // Never destroyed.
  return *pool;
}

}  // namespace pinion
