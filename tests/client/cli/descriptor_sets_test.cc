// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/descriptor_sets.h"

#include <google/protobuf/descriptor.pb.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pinion::cli {
namespace {

using ::google::protobuf::DescriptorPool;
using ::google::protobuf::FieldDescriptorProto;
using ::google::protobuf::FileDescriptorProto;
using ::google::protobuf::FileDescriptorSet;
using ::testing::AllOf;
using ::testing::HasSubstr;

// NAME.proto has a message NAME, with a field for that of each import.
FileDescriptorProto File(const std::string& name,
                         const std::vector<std::string>& imports) {
  FileDescriptorProto file;
  file.set_name(name + ".proto");
  file.set_syntax("proto3");
  auto& message = *file.add_message_type();
  message.set_name(name);
  for (const std::string& import : imports) {
    file.add_dependency(import + ".proto");
    FieldDescriptorProto& field = *message.add_field();
    field.set_name(absl::StrCat("of_", import));
    field.set_number(message.field_size());
    field.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
    field.set_type(FieldDescriptorProto::TYPE_MESSAGE);
    field.set_type_name("." + import);
  }
  return file;
}

class DescriptorSetsTest : public ::testing::Test {
 protected:
  // Writes a set with these files, and returns its path.
  std::string Set(const std::vector<FileDescriptorProto>& files) {
    FileDescriptorSet set;
    for (const FileDescriptorProto& file : files) *set.add_file() = file;
    return Write(set.SerializeAsString());
  }
  std::string Write(const std::string& bytes) {
    const std::string path =
        absl::StrCat(::testing::TempDir(), "/set", ++written_);
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  absl::Status Add(const std::vector<std::string>& paths) {
    return AddDescriptorSets(absl::StrJoin(paths, ","), pool_);
  }
  std::string Mistake(const std::vector<std::string>& paths) {
    const absl::Status status = Add(paths);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(absl::StrContains(status.message(), "\n")) << status;
    return std::string(status.message());
  }

  DescriptorPool pool_{DescriptorPool::generated_pool()};

 private:
  int written_ = 0;
};

TEST_F(DescriptorSetsTest, FilesMayBeInAnyOrder) {
  const absl::Status added =
      Add({Set({File("top", {"left", "right"}), File("right", {"base"}),
                File("base", {}), File("left", {"base"})})});
  ASSERT_TRUE(added.ok()) << added;
  for (const char* name : {"top", "left", "right", "base"}) {
    EXPECT_NE(pool_.FindMessageTypeByName(name), nullptr) << name;
  }
}

TEST_F(DescriptorSetsTest, SetsMayImportEachOther) {
  const absl::Status added = Add({Set({File("c", {"b"})}), Set({File("a", {})}),
                                  Set({File("b", {"a"}), File("a", {})})});
  ASSERT_TRUE(added.ok()) << added;
  EXPECT_NE(pool_.FindMessageTypeByName("c"), nullptr);
}

TEST_F(DescriptorSetsTest, WhatThePoolHasIsSkipped) {
  ASSERT_TRUE(Add({Set({File("a", {})})}).ok());
  EXPECT_TRUE(Add({Set({File("b", {"a"}), File("a", {})})}).ok());
}

TEST_F(DescriptorSetsTest, AMissingImportIsNamedAndTheOptionThatAddsIt) {
  EXPECT_THAT(Mistake({Set({File("b", {"a"})})}),
              AllOf(HasSubstr("b.proto"), HasSubstr("not a.proto"),
                    HasSubstr("--include_imports")));
}

TEST_F(DescriptorSetsTest, FilesThatImportEachOtherAreToldAndEnd) {
  EXPECT_THAT(Mistake({Set({File("a", {"b"}), File("b", {"a"})})}),
              HasSubstr(".proto"));
}

TEST_F(DescriptorSetsTest, WhatDoesNotFitIsToldWithTheReason) {
  FileDescriptorProto twice = File("a", {});
  *twice.add_message_type() = twice.message_type(0);
  EXPECT_THAT(Mistake({Set({twice})}),
              AllOf(HasSubstr("a.proto"), HasSubstr("already defined")));
}

TEST_F(DescriptorSetsTest, WhatIsNoSetIsToldWithItsPathAndWhoMakesOne) {
  const std::string text = Write("syntax = \"proto3\";\npackage a;\n");
  const std::string proto = text + ".proto";
  ASSERT_EQ(std::rename(text.c_str(), proto.c_str()), 0);
  const std::string other = Write("not at all");
  for (const auto& [path, why] :
       {std::pair(proto, " is the .proto, not its descriptor set ("),
        {other, " is not a descriptor set ("},
        {std::string("/none"), " cannot be read ("}}) {
    EXPECT_THAT(
        Mistake({Set({}), path}),
        AllOf(HasSubstr(path + why), HasSubstr("bazel build //PACKAGE:NAME"),
              HasSubstr("-descriptor-set.proto.bin"),
              HasSubstr("--descriptor_set_out")));
  }
}

}  // namespace
}  // namespace pinion::cli
