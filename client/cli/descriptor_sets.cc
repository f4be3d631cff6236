// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/descriptor_sets.h"

#include <google/protobuf/descriptor.pb.h>

#include <deque>
#include <fstream>
#include <map>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "pinion/client/cli/first_error.h"

namespace pinion::cli {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;

class DescriptorSets {
 public:
  explicit DescriptorSets(DescriptorPool& pool) : pool_(pool) {}

  absl::Status Read(absl::string_view path) {
    std::ifstream stream(std::string(path), std::ios::binary);
    if (!stream) return NoSet(path, " cannot be read");
    FileDescriptorSet set;
    if (!set.ParseFromIstream(&stream)) {
      return NoSet(path, absl::EndsWith(path, ".proto")
                             ? " is the .proto, not its descriptor set"
                             : " is not a descriptor set");
    }
    for (FileDescriptorProto& file : *set.mutable_file()) {
      files_.emplace_back().Swap(&file);
      waiting_.emplace(files_.back().name(), &files_.back());
    }
    return absl::OkStatus();
  }

  absl::Status BuildAll() {
    while (!waiting_.empty()) {
      absl::Status built = Build(*waiting_.begin()->second);
      if (!built.ok()) return built;
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status NoSet(absl::string_view path, absl::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, why, " (", kHowToMakeDescriptorSets, ")"));
  }

  // Builds a file that waits, after its imports.
  absl::Status Build(const FileDescriptorProto& file) {
    waiting_.erase(file.name());
    if (pool_.FindFileByName(file.name()) != nullptr) return absl::OkStatus();
    for (const std::string& import : file.dependency()) {
      const auto found = waiting_.find(import);
      if (found != waiting_.end()) {
        absl::Status built = Build(*found->second);
        if (!built.ok()) return built;
      } else if (pool_.FindFileByName(import) == nullptr) {
        return absl::InvalidArgumentError(absl::StrCat(
            "it has ", file.name(), " but not ", import,
            ", which that imports; make it by protoc --include_imports, or "
            "give several sets with commas between them"));
      }
    }
    FirstError error;
    if (pool_.BuildFileCollectingErrors(file, &error) != nullptr) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        absl::StrCat("it has a ", file.name(),
                     " that does not fit the rest: ", error.text()));
  }

  DescriptorPool& pool_;
  std::deque<FileDescriptorProto> files_;
  std::map<std::string, const FileDescriptorProto*> waiting_;  // To be built.
};

}  // namespace

absl::Status AddDescriptorSets(absl::string_view paths, DescriptorPool& pool) {
  DescriptorSets sets(pool);
  for (const absl::string_view path : absl::StrSplit(paths, ',')) {
    absl::Status read = sets.Read(path);
    if (!read.ok()) return read;
  }
  return sets.BuildAll();
}

}  // namespace pinion::cli
