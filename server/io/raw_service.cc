// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/io/raw_service.h"

#include <grpcpp/impl/codegen/rpc_service_method.h>

namespace pinion {

using grpc::internal::RpcMethod;

int RawService::AddMethod(const std::string& path) {
  return Add(path, RpcMethod::NORMAL_RPC);
}

int RawService::AddStreamingMethod(const std::string& path) {
  return Add(path, RpcMethod::SERVER_STREAMING);
}

int RawService::AddBidiMethod(const std::string& path) {
  return Add(path, RpcMethod::BIDI_STREAMING);
}

int RawService::Add(const std::string& path, RpcMethod::RpcType type) {
  paths_.push_back(path);  // The method keeps a pointer to it.
  const int index = static_cast<int>(paths_.size()) - 1;
  grpc::Service::AddMethod(new grpc::internal::RpcServiceMethod(
      paths_.back().c_str(), type, nullptr));
  MarkMethodRaw(index);
  return index;
}

void RawService::AwaitCall(int method, grpc::ServerContext* context,
                           grpc::ByteBuffer* request, RawWriter* writer,
                           grpc::ServerCompletionQueue* queue, void* tag) {
  RequestAsyncUnary(method, context, request, writer, queue, queue, tag);
}

void RawService::AwaitStream(int method, grpc::ServerContext* context,
                             grpc::ByteBuffer* request, RawStreamWriter* writer,
                             grpc::ServerCompletionQueue* queue, void* tag) {
  RequestAsyncServerStreaming(method, context, request, writer, queue, queue,
                              tag);
}

void RawService::AwaitBidi(int method, grpc::ServerContext* context,
                           RawBidiStream* stream,
                           grpc::ServerCompletionQueue* queue, void* tag) {
  RequestAsyncBidiStreaming(method, context, stream, queue, queue, tag);
}

}  // namespace pinion
