// SPDX-License-Identifier: Apache-2.0
//
// AdminClient: calls the admin socket as any client of gRPC does, by gRPC's C++
//              library, with a channel of its own.
//
// Threads: one.
// Example: AdminClient client(path);
//          GetInfoResponse info;
//          grpc::Status status = client.Call(
//              "/pinion.admin.v1.AdminService/GetInfo", GetInfoRequest(),
//              &info);
#ifndef PINION_TESTS_SERVER_ADMIN_ADMIN_CLIENT_H_
#define PINION_TESTS_SERVER_ADMIN_ADMIN_CLIENT_H_

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/channel_arguments.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace pinion::testing {

class AdminClient {
 public:
  explicit AdminClient(const std::string& path)
      : stub_(grpc::CreateCustomChannel(absl::StrCat("unix:", path),
                                        grpc::InsecureChannelCredentials(),
                                        OwnConnection())) {}

  // Bytes to bytes.
  grpc::Status CallRaw(const std::string& method, const std::string& request,
                       std::string* response) {
    const grpc::Slice slice(request);
    const grpc::ByteBuffer sent(&slice, 1);
    grpc::ByteBuffer received;
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const auto call = stub_.PrepareUnaryCall(&context, method, sent, &queue);
    call->StartCall();
    grpc::Status status;
    call->Finish(&received, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    if (status.ok()) {
      grpc::Slice bytes;
      EXPECT_TRUE(received.DumpToSingleSlice(&bytes).ok());
      response->assign(reinterpret_cast<const char*>(bytes.begin()),
                       bytes.size());
    }
    return status;
  }

  template <typename Request, typename Response>
  grpc::Status Call(const std::string& method, const Request& request,
                    Response* response) {
    std::string bytes;
    const grpc::Status status =
        CallRaw(method, request.SerializeAsString(), &bytes);
    if (!status.ok()) return status;
    EXPECT_TRUE(response->ParseFromString(bytes));
    return status;
  }

 private:
  // Channels to one address share a connection otherwise.
  static grpc::ChannelArguments OwnConnection() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return arguments;
  }

  grpc::GenericStub stub_;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SERVER_ADMIN_ADMIN_CLIENT_H_
