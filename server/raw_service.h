// SPDX-License-Identifier: Apache-2.0
//
// RawService: a gRPC service named at run time, whose calls arrive as bytes.
//
// Threads: made before the gRPC server starts; the calls are awaited from any
//          thread.
// Example: RawService raw; int i = raw.AddMethod("/shop.v1.Counter/Add");
//          builder.RegisterService(&raw); ...
//          raw.AwaitCall(i, &context, &request, &writer, queue, tag);
//
// This is what generated code for asynchronous raw methods does, and the only
// file that touches gRPC's internal namespace.
#ifndef PINION_SERVER_RAW_SERVICE_H_
#define PINION_SERVER_RAW_SERVICE_H_

#include <grpcpp/completion_queue.h>
#include <grpcpp/impl/codegen/async_stream.h>
#include <grpcpp/impl/codegen/async_unary_call.h>
#include <grpcpp/impl/codegen/rpc_method.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <deque>
#include <string>

namespace pinion {

using RawWriter = grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>;
using RawStreamWriter = grpc::ServerAsyncWriter<grpc::ByteBuffer>;
using RawBidiStream =
    grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

class RawService : public grpc::Service {
 public:
  // Adds the unary method "/package.Service/Method"; returns its index.
  int AddMethod(const std::string& path);

  // The same for a method that takes one message and answers with a stream.
  int AddStreamingMethod(const std::string& path);

  // The same for a method that takes a stream and answers with one.
  int AddBidiMethod(const std::string& path);

  // Asks for one call of the unary method. `tag` comes out of `queue` when one
  // has arrived (and its request is in `request`), or, with false, when the
  // server shuts down. The arguments must live until then.
  void AwaitCall(int method, grpc::ServerContext* context,
                 grpc::ByteBuffer* request, RawWriter* writer,
                 grpc::ServerCompletionQueue* queue, void* tag);

  // The same for a streaming method.
  void AwaitStream(int method, grpc::ServerContext* context,
                   grpc::ByteBuffer* request, RawStreamWriter* writer,
                   grpc::ServerCompletionQueue* queue, void* tag);

  // The same for a method of two streams; its requests are read by `stream`.
  void AwaitBidi(int method, grpc::ServerContext* context,
                 RawBidiStream* stream, grpc::ServerCompletionQueue* queue,
                 void* tag);

 private:
  int Add(const std::string& path, grpc::internal::RpcMethod::RpcType type);

  std::deque<std::string> paths_;
};

}  // namespace pinion

#endif  // PINION_SERVER_RAW_SERVICE_H_
