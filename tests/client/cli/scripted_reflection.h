// SPDX-License-Identifier: Apache-2.0
//
// ScriptedReflection: a gRPC server with no method but reflection, which
// answers what the test says.
//
// Threads: the test's; the script runs on threads of gRPC's, one at a time.
// Example: ScriptedReflection server([](const auto&) {
//            return ScriptedReflection::Error(5, "none");
//          });
//          ServerServices services(server.target());
#ifndef PINION_TESTS_CLIENT_CLI_SCRIPTED_REFLECTION_H_
#define PINION_TESTS_CLIENT_CLI_SCRIPTED_REFLECTION_H_

#include <google/protobuf/descriptor.pb.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "pinion/proto/wire/reflection_message.h"
#include "tests/support/reflection.pb.h"

namespace pinion::testing {

class ScriptedReflection {
 public:
  using Question = test::reflection::ServerReflectionRequest;
  using Answer = test::reflection::ServerReflectionResponse;
  // The bytes of the answer.
  using Script = std::function<std::string(const Question& question)>;

  // Has no other version than that of `path`.
  explicit ScriptedReflection(Script script,
                              std::string path = reflection_protocol::kPath)
      : script_(std::move(script)), path_(std::move(path)), service_(*this) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
    EXPECT_NE(server_, nullptr);
    target_ = "127.0.0.1:" + std::to_string(port);
  }
  ~ScriptedReflection() { server_->Shutdown(); }

  const std::string& target() const { return target_; }

  // How many questions it was asked.
  int questions() {
    const std::lock_guard lock(mutex_);
    return questions_;
  }

  static std::string Error(int code, const std::string& message) {
    Answer answer;
    answer.mutable_error_response()->set_error_code(code);
    answer.mutable_error_response()->set_error_message(message);
    return answer.SerializeAsString();
  }
  static std::string Services(const std::vector<std::string>& names) {
    Answer answer;
    auto& services = *answer.mutable_list_services_response();
    for (const std::string& name : names)
      services.add_service()->set_name(name);
    return answer.SerializeAsString();
  }
  static std::string Files(
      const std::vector<google::protobuf::FileDescriptorProto>& files) {
    Answer answer;
    for (const auto& file : files) {
      answer.mutable_file_descriptor_response()->add_file_descriptor_proto(
          file.SerializeAsString());
    }
    return answer.SerializeAsString();
  }

 private:
  class Stream final : public grpc::ServerGenericBidiReactor {
   public:
    explicit Stream(ScriptedReflection& owner) : owner_(owner) {
      StartRead(&incoming_);
    }

   private:
    void OnReadDone(bool ok) override {
      if (!ok) return Finish(grpc::Status::OK);
      grpc::Slice slice;
      Question question;
      EXPECT_TRUE(incoming_.DumpToSingleSlice(&slice).ok());
      EXPECT_TRUE(question.ParseFromArray(slice.begin(),
                                          static_cast<int>(slice.size())));
      const grpc::Slice answer(owner_.AnswerTo(question));
      outgoing_ = grpc::ByteBuffer(&answer, 1);
      StartWrite(&outgoing_);
    }
    void OnWriteDone(bool ok) override {
      if (ok) return StartRead(&incoming_);
      Finish(grpc::Status::CANCELLED);
    }
    void OnDone() override { delete this; }

    ScriptedReflection& owner_;
    grpc::ByteBuffer incoming_;
    grpc::ByteBuffer outgoing_;
  };

  class NoSuchMethod final : public grpc::ServerGenericBidiReactor {
   public:
    NoSuchMethod() { Finish({grpc::StatusCode::UNIMPLEMENTED, "no method"}); }

   private:
    void OnDone() override { delete this; }
  };

  class Service final : public grpc::CallbackGenericService {
   public:
    explicit Service(ScriptedReflection& owner) : owner_(owner) {}

   private:
    grpc::ServerGenericBidiReactor* CreateReactor(
        grpc::GenericCallbackServerContext* context) override {
      if (context->method() != owner_.path_) return new NoSuchMethod;
      return new Stream(owner_);
    }

    ScriptedReflection& owner_;
  };

  std::string AnswerTo(const Question& question) {
    const std::lock_guard lock(mutex_);
    ++questions_;
    return script_(question);
  }

  std::mutex mutex_;
  int questions_ = 0;
  const Script script_;
  const std::string path_;
  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::string target_;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_CLIENT_CLI_SCRIPTED_REFLECTION_H_
