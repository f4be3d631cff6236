// SPDX-License-Identifier: Apache-2.0
//
// RawService: a gRPC service that is named at run time, and whose calls arrive
//             as bytes.
//
// Threads: made before the gRPC server starts; any thread may await its calls.
// Example: RawService raw; int i = raw.AddMethod("/shop.v1.Counter/Add");
//          builder.RegisterService(&raw); ...
//          raw.AwaitCall(i, &context, &request, &writer, queue, tag);
//
// It does what generated code for asynchronous raw methods does, and is the
// only file that touches gRPC's internal namespace.
#ifndef PINION_SERVER_IO_RAW_SERVICE_H_
#define PINION_SERVER_IO_RAW_SERVICE_H_

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

  // The same for a method with one request and a stream of responses.
  int AddStreamingMethod(const std::string& path);

  // The same for a method with a stream of requests and a stream of responses.
  int AddBidiMethod(const std::string& path);

  // Asks for one call of the unary method. `tag` comes out of `queue` when a
  // call has arrived, with its request in `request`, or, with false, when the
  // server shuts down. The arguments must live until then.
  void AwaitCall(int method, grpc::ServerContext* context,
                 grpc::ByteBuffer* request, RawWriter* writer,
                 grpc::ServerCompletionQueue* queue, void* tag);

  // The same for a streaming method.
  void AwaitStream(int method, grpc::ServerContext* context,
                   grpc::ByteBuffer* request, RawStreamWriter* writer,
                   grpc::ServerCompletionQueue* queue, void* tag);

  // The same for a method with two streams; `stream` reads its requests.
  void AwaitBidi(int method, grpc::ServerContext* context,
                 RawBidiStream* stream, grpc::ServerCompletionQueue* queue,
                 void* tag);

 private:
  int Add(const std::string& path, grpc::internal::RpcMethod::RpcType type);

  std::deque<std::string> paths_;
};

}  // namespace pinion

#endif  // PINION_SERVER_IO_RAW_SERVICE_H_
