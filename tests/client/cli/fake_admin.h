// SPDX-License-Identifier: Apache-2.0
//
// FakeAdmin: gRPC's own server on a Unix socket, with the methods of the admin
// service that the test gives it.
//
// Threads: the test's; the methods run on threads of gRPC's, one at a time.
// Example: FakeAdmin server(folder.Path("1.admin"));
//          server.On(admin::kSet, [](const admin::v1::SetRequest& request) {
//            return absl::StatusOr<admin::v1::SetResponse>(...);
//          });
#ifndef PINION_TESTS_CLIENT_CLI_FAKE_ADMIN_H_
#define PINION_TESTS_CLIENT_CLI_FAKE_ADMIN_H_

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/client/method.h"

namespace pinion::testing {

class FakeAdmin {
 public:
  explicit FakeAdmin(const std::string& path) : service_(*this) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("unix:", path),
                             grpc::InsecureServerCredentials());
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
    EXPECT_NE(server_, nullptr);
  }
  ~FakeAdmin() { server_->Shutdown(); }

  // From now on the method answers so; one that is not given is UNIMPLEMENTED.
  template <typename Request, typename Response>
  void On(const Method<Request, Response>& method,
          std::function<absl::StatusOr<Response>(const Request&)> answer) {
    const std::lock_guard lock(mutex_);
    answers_[std::string(method.name())] =
        [answer = std::move(answer)](
            const std::string& bytes) -> absl::StatusOr<std::string> {
      Request request;
      EXPECT_TRUE(request.ParseFromString(bytes));
      const absl::StatusOr<Response> response = answer(request);
      if (!response.ok()) return response.status();
      return response->SerializeAsString();
    };
  }
  template <typename Request, typename Response>
  void Answer(const Method<Request, Response>& method, Response response) {
    On<Request, Response>(method,
                          [response = std::move(response)](const Request&) {
                            return absl::StatusOr<Response>(response);
                          });
  }

 private:
  using Bytes = std::function<absl::StatusOr<std::string>(const std::string&)>;

  // A unary call.
  class Call final : public grpc::ServerGenericBidiReactor {
   public:
    Call(FakeAdmin& owner, std::string method)
        : owner_(owner), method_(std::move(method)) {
      StartRead(&incoming_);
    }

   private:
    void OnReadDone(bool ok) override {
      if (!ok) return Finish({grpc::StatusCode::INTERNAL, "no request"});
      grpc::Slice slice;
      EXPECT_TRUE(incoming_.DumpToSingleSlice(&slice).ok());
      const absl::StatusOr<std::string> answer = owner_.AnswerTo(
          method_, std::string(reinterpret_cast<const char*>(slice.begin()),
                               slice.size()));
      if (!answer.ok()) {
        return Finish({static_cast<grpc::StatusCode>(answer.status().code()),
                       std::string(answer.status().message())});
      }
      const grpc::Slice bytes(*answer);
      outgoing_ = grpc::ByteBuffer(&bytes, 1);
      StartWriteAndFinish(&outgoing_, {}, grpc::Status::OK);
    }
    void OnDone() override { delete this; }

    FakeAdmin& owner_;
    const std::string method_;
    grpc::ByteBuffer incoming_;
    grpc::ByteBuffer outgoing_;
  };

  class Service final : public grpc::CallbackGenericService {
   public:
    explicit Service(FakeAdmin& owner) : owner_(owner) {}

   private:
    grpc::ServerGenericBidiReactor* CreateReactor(
        grpc::GenericCallbackServerContext* context) override {
      return new Call(owner_, context->method());
    }

    FakeAdmin& owner_;
  };

  absl::StatusOr<std::string> AnswerTo(const std::string& method,
                                       const std::string& request) {
    const std::lock_guard lock(mutex_);
    const auto found = answers_.find(method);
    if (found == answers_.end()) {
      return absl::UnimplementedError(absl::StrCat("no method ", method));
    }
    return found->second(request);
  }

  std::mutex mutex_;
  std::map<std::string, Bytes> answers_;
  Service service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_CLIENT_CLI_FAKE_ADMIN_H_
