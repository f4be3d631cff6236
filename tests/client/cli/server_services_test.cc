// SPDX-License-Identifier: Apache-2.0
//
// What a server tells of its services: a pinion::Server, others, and one that
// means no good.
#include "pinion/client/cli/server_services.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/cli/json_codec.h"
#include "pinion/client/cli/methods.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/tests/client/cli/scripted_reflection.h"
#include "pinion/tests/support/test_server.h"

namespace pinion::cli {
namespace {

using ::google::protobuf::DescriptorPool;
using ::google::protobuf::FieldDescriptorProto;
using ::google::protobuf::FileDescriptorProto;
using ::pinion::testing::ScriptedReflection;
using ::pinion::testing::TestServer;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Question = ScriptedReflection::Question;

constexpr char kKv[] = "pinion.kv.v1.KvService";
constexpr int kNotFound = 5;

// A file "NAME.proto" with a message NAME, and with a service NAMEService whose
// only method takes and returns it, and an Any.
FileDescriptorProto File(const std::string& name,
                         const std::vector<std::string>& imports = {}) {
  FileDescriptorProto file;
  file.set_name(name + ".proto");
  file.set_package("test");
  file.set_syntax("proto3");
  for (const std::string& import : imports) {
    file.add_dependency(import + ".proto");
  }
  auto& message = *file.add_message_type();
  message.set_name(name);
  FieldDescriptorProto& field = *message.add_field();
  field.set_name("text");
  field.set_number(1);
  field.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
  field.set_type(FieldDescriptorProto::TYPE_STRING);
  auto& service = *file.add_service();
  service.set_name(name + "Service");
  auto& method = *service.add_method();
  method.set_name("Do");
  method.set_input_type(".test." + name);
  method.set_output_type(".test." + name);
  return file;
}

// Adds a field of the type google.protobuf.Any.
FileDescriptorProto WithAny(FileDescriptorProto file) {
  file.add_dependency("google/protobuf/any.proto");
  FieldDescriptorProto& field = *file.mutable_message_type(0)->add_field();
  field.set_name("any");
  field.set_number(2);
  field.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
  field.set_type(FieldDescriptorProto::TYPE_MESSAGE);
  field.set_type_name(".google.protobuf.Any");
  return file;
}

// What a server answers that has the files and sends only what it is asked for.
std::string AnswerFrom(const std::vector<FileDescriptorProto>& files,
                       const Question& question) {
  for (const FileDescriptorProto& file : files) {
    const std::string name = file.message_type(0).name();
    const bool asked = question.has_file_by_filename()
                           ? question.file_by_filename() == file.name()
                           : question.file_containing_symbol() ==
                                     absl::StrCat("test.", name) ||
                                 question.file_containing_symbol() ==
                                     absl::StrCat("test.", name, "Service");
    if (asked) return ScriptedReflection::Files({file});
  }
  if (question.has_list_services()) {
    return ScriptedReflection::Services({"test.AService"});
  }
  return ScriptedReflection::Error(kNotFound, "none");
}

TEST(ServerServicesTest, APinionServerTellsOfItsServices) {
  TestServer test;
  kv::HostKv(test.server());
  test.Start();
  ServerServices services(test.server().address());
  const auto names = services.List();
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_THAT(*names, ElementsAre("grpc.health.v1.Health",
                                  "grpc.reflection.v1alpha.ServerReflection",
                                  kKv, "pinion.v1.SessionService"));
  for (const std::string& name : *names) {
    const auto service = services.Find(name);
    ASSERT_TRUE(service.ok()) << service.status();
    EXPECT_EQ((*service)->full_name(), name);
    // It is the server's, not the one that is linked in here.
    EXPECT_NE((*service)->file()->pool(), DescriptorPool::generated_pool());
    EXPECT_EQ(services.Find(name).value(), *service);
  }
  EXPECT_THAT(services.Text("pinion.kv.v1.PutRequest").value(),
              HasSubstr("message PutRequest {"));
  EXPECT_THAT(services.Text("pinion.kv.v1.KvService.Put").value(),
              AllOf(HasSubstr("rpc Put(.pinion.kv.v1.PutRequest)"),
                    HasSubstr("message PutResponse {")));
  EXPECT_THAT(services.Text(kKv).value(),
              HasSubstr("(.pinion.v1.service_route)"));
}

TEST(ServerServicesTest, WhatTheServerDoesNotHaveIsSaidWithWhatItHas) {
  TestServer test;
  kv::HostKv(test.server());
  test.Start();
  ServerServices services(test.server().address());
  for (const auto& status :
       {services.Find("pinion.kv.v1.KvServise").status(),
        services.Find("pinion.kv.v1.KvServise").status(),
        services.Text("pinion.kv.v1.KvServise").status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(test.server().address()),
                      HasSubstr("has no \"pinion.kv.v1.KvServise\"; its "
                                "services are pinion.kv.v1.KvService, ")));
  }
}

TEST(ServerServicesTest, AServerWithoutReflectionIsSaidToHaveNone) {
  TestServer test({.reflection = false});
  kv::HostKv(test.server());
  test.Start();
  ServerServices services(test.server().address());
  for (const auto& status :
       {services.Find(kKv).status(), services.List().status(),
        services.Text(kKv).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("has no reflection"),
                      HasSubstr("--descriptor_set=FILE")));
  }
}

TEST(ServerServicesTest, AServerThatIsNotThereIsNamed) {
  std::string address;
  {
    TestServer test;
    kv::HostKv(test.server());
    test.Start();
    address = test.server().address();
  }
  ServerServices services(address);
  const absl::Status status = services.Find(kKv).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(address));
}

TEST(ServerServicesTest, AnErrorThatMayPassIsNotKept) {
  int questions = 0;
  ScriptedReflection server([&](const Question& question) {
    if (++questions == 1) return ScriptedReflection::Error(14, "not yet");
    return AnswerFrom({File("A")}, question);
  });
  ServerServices services(server.target());
  EXPECT_EQ(services.Find("test.AService").status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_TRUE(services.Find("test.AService").ok());
  // Also over another connection.
  services.Disconnect();
  EXPECT_FALSE(services.Find("test.BService").ok());
}

TEST(ServerServicesTest, AsksTheLaterVersionIfThereIsNoOther) {
  ScriptedReflection server(
      [](const Question& question) {
        return AnswerFrom({File("A")}, question);
      },
      reflection_protocol::kPathOfV1);
  ServerServices services(server.target());
  EXPECT_THAT(services.List().value(), ElementsAre("test.AService"));
  EXPECT_TRUE(services.Find("test.AService").ok());
}

TEST(ServerServicesTest, AsksForTheImportsThatDidNotComeWithTheFile) {
  const std::vector<FileDescriptorProto> files = {
      File("A", {"B"}), File("B", {"C", "D"}), File("C", {"D"}), File("D")};
  ScriptedReflection server(
      [&](const Question& question) { return AnswerFrom(files, question); });
  ServerServices services(server.target());
  EXPECT_TRUE(services.Find("test.AService").ok());
  EXPECT_EQ(server.questions(), 4);
  // And not for those that did.
  ScriptedReflection generous([&](const Question&) {
    return ScriptedReflection::Files({files[2], files[0], files[3], files[1]});
  });
  ServerServices others(generous.target());
  EXPECT_TRUE(others.Find("test.AService").ok());
  EXPECT_EQ(generous.questions(), 1);
}

TEST(ServerServicesTest, AMethodIsCalledByWhatTheServerTells) {
  ScriptedReflection server([](const Question& question) {
    return AnswerFrom({WithAny(File("A")), File("B")}, question);
  });
  ServerServices services(server.target());
  const Methods methods(*DescriptorPool::generated_pool(), &services);
  JsonCodec codec(methods);
  const auto bytes = codec.Encode("/test.AService/Do", R"({"text":"hi"})");
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ(*bytes, "\x0a\x02hi");
  // Also what an Any has, for which the server is asked when it is met.
  const std::string json =
      R"({"text":"","any":{"@type":"type.googleapis.com/test.B",)"
      R"("text":"within"}})";
  const auto with_any = codec.Encode("/test.AService/Do", json);
  ASSERT_TRUE(with_any.ok()) << with_any.status();
  EXPECT_EQ(codec.Decode("/test.AService/Do", *with_any).value(), json);
}

TEST(ServerServicesTest, WhatIsKnownHereIsNotAskedFor) {
  ScriptedReflection server([](const Question& question) {
    return AnswerFrom({File("A")}, question);
  });
  ServerServices services(server.target());
  const Methods methods(*DescriptorPool::generated_pool(), &services);
  EXPECT_TRUE(methods.Find("/pinion.kv.v1.KvService/Get").ok());
  EXPECT_FALSE(methods.Find("Get").ok());
  EXPECT_EQ(server.questions(), 0);
  // A method that this version of the service does not have is.
  const absl::Status status =
      methods.Find("/pinion.kv.v1.KvService/Got").status();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("no method Got; it has"));
  EXPECT_GT(server.questions(), 0);
  EXPECT_TRUE(methods.Find("/test.AService/Do").ok());
  EXPECT_THAT(std::string(methods.Find("/test.AService/Dp").status().message()),
              HasSubstr("no method Dp; it has Do"));
}

// Servers that are wrong, or mean no good: each gets an error.
class WrongServerTest : public ::testing::Test {
 protected:
  static absl::Status StatusOf(ScriptedReflection::Script script) {
    ScriptedReflection server(std::move(script));
    ServerServices services(server.target());
    return services.Find("test.AService").status();
  }
  static void ExpectError(ScriptedReflection::Script script,
                          absl::StatusCode code, const std::string& text) {
    const absl::Status status = StatusOf(std::move(script));
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  }
};

TEST_F(WrongServerTest, BytesThatAreNoAnswer) {
  ExpectError([](const Question&) { return "\x22\x05"; },
              absl::StatusCode::kInternal, "no ServerReflectionResponse");
}

TEST_F(WrongServerTest, AFileThatIsNone) {
  ExpectError(
      [](const Question&) {
        ScriptedReflection::Answer answer;
        answer.mutable_file_descriptor_response()->add_file_descriptor_proto(
            "\xff");
        return answer.SerializeAsString();
      },
      absl::StatusCode::kFailedPrecondition, "no FileDescriptorProto");
}

TEST_F(WrongServerTest, FilesThatDoNotHaveWhatWasAskedFor) {
  ExpectError(
      [](const Question&) { return ScriptedReflection::Files({File("B")}); },
      absl::StatusCode::kInvalidArgument, "has no \"test.AService\"");
  ExpectError([](const Question&) { return std::string(); },
              absl::StatusCode::kInvalidArgument, "has no \"test.AService\"");
}

TEST_F(WrongServerTest, AnImportThatItDoesNotHave) {
  ExpectError(
      [](const Question& question) {
        return AnswerFrom({File("A", {"B"})}, question);
      },
      absl::StatusCode::kFailedPrecondition, "does not tell of the file");
}

TEST_F(WrongServerTest, ImportsInACircle) {
  const std::vector<FileDescriptorProto> files = {File("A", {"B"}),
                                                  File("B", {"A"})};
  ExpectError(
      [&](const Question& question) { return AnswerFrom(files, question); },
      absl::StatusCode::kFailedPrecondition, "do not fit together");
}

TEST_F(WrongServerTest, AFileThatUsesWhatItDoesNotImport) {
  FileDescriptorProto file = File("A");
  file.mutable_service(0)->mutable_method(0)->set_input_type(".test.B");
  ExpectError(
      [&](const Question& question) { return AnswerFrom({file}, question); },
      absl::StatusCode::kFailedPrecondition, "do not fit together");
}

TEST_F(WrongServerTest, ImportsWithoutEnd) {
  ExpectError(
      [](const Question& question) {
        int number = 0;
        if (question.has_file_by_filename()) {
          number = std::stoi(question.file_by_filename().substr(1));
        }
        FileDescriptorProto file =
            File(absl::StrCat("F", number), {absl::StrCat("F", number + 1)});
        if (number == 0) file.mutable_service(0)->set_name("AService");
        return ScriptedReflection::Files({file});
      },
      absl::StatusCode::kFailedPrecondition, "not yet told of all files");
}

TEST_F(WrongServerTest, TooManyFilesAtOnce) {
  ExpectError(
      [](const Question&) {
        std::vector<FileDescriptorProto> files = {File("A")};
        for (size_t i = 0; i < ServerDescriptors::kMaxFiles; ++i) {
          files.push_back(File(absl::StrCat("F", i)));
        }
        return ScriptedReflection::Files(files);
      },
      absl::StatusCode::kFailedPrecondition, "more than 2000 files");
}

TEST_F(WrongServerTest, AnErrorOfItsOwn) {
  ExpectError(
      [](const Question&) { return ScriptedReflection::Error(7, "go away"); },
      absl::StatusCode::kPermissionDenied, "go away");
}

}  // namespace
}  // namespace pinion::cli
