// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/server_descriptors.h"

#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion::cli {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::ServiceDescriptor;

constexpr size_t kQuotedBytes = 256;

// Whether one of `elements` is `name` or has it.
template <typename Elements>
bool HasName(const Elements& elements, absl::string_view name) {
  return std::any_of(elements.begin(), elements.end(),
                     [&](const auto& element) {
                       absl::string_view rest = name;
                       return absl::ConsumePrefix(&rest, element.name()) &&
                              (rest.empty() || rest[0] == '.');
                     });
}

bool Declares(const FileDescriptorProto& file, absl::string_view symbol) {
  if (!file.package().empty() &&
      !(absl::ConsumePrefix(&symbol, file.package()) &&
        absl::ConsumePrefix(&symbol, "."))) {
    return false;
  }
  return HasName(file.service(), symbol) ||
         HasName(file.message_type(), symbol) ||
         HasName(file.enum_type(), symbol) || HasName(file.extension(), symbol);
}

}  // namespace

absl::StatusOr<const ServiceDescriptor*> ServerDescriptors::FindService(
    const std::string& name) {
  const ServiceDescriptor* const service = pool_.FindServiceByName(name);
  if (service == nullptr) return WhyNone(name);
  return service;
}

absl::StatusOr<std::string> ServerDescriptors::FindText(
    const std::string& symbol) {
  if (const auto* const service = pool_.FindServiceByName(symbol)) {
    return service->DebugString();
  }
  if (const auto* const message = pool_.FindMessageTypeByName(symbol)) {
    return message->DebugString();
  }
  if (const auto* const type = pool_.FindEnumTypeByName(symbol)) {
    return type->DebugString();
  }
  if (const auto* const method = pool_.FindMethodByName(symbol)) {
    return absl::StrCat(method->DebugString(), "\n",
                        method->input_type()->DebugString(), "\n",
                        method->output_type()->DebugString());
  }
  return WhyNone(symbol);
}

absl::Status ServerDescriptors::WhyNone(const std::string& name) const {
  if (!status_.ok() && !absl::IsNotFound(status_)) return status_;
  if (!error_.text().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the files that the server tells of do not fit together: ",
                     error_.text()));
  }
  return absl::NotFoundError(
      absl::StrCat("the server tells of no ", Quoted(name, kQuotedBytes)));
}

bool ServerDescriptors::FindFileByName(const std::string& name,
                                       FileDescriptorProto* file) {
  if (files_.count(name) == 0) Ask(Kind::kFileByName, name);
  const auto found = files_.find(name);
  if (found != files_.end()) {
    *file = found->second;
    return true;
  }
  // Some servers leave out Protobuf's own.
  const FileDescriptor* const linked =
      DescriptorPool::generated_pool()->FindFileByName(name);
  if (linked != nullptr && absl::StartsWith(name, "google/protobuf/")) {
    linked->CopyTo(file);
    return true;
  }
  Note(absl::FailedPreconditionError(
      absl::StrCat("the server does not tell of the file ",
                   Quoted(name, kQuotedBytes), ", which another one imports")));
  return false;
}

void ServerDescriptors::Note(absl::Status status) {
  if (status_.ok() || absl::IsNotFound(status_)) status_ = std::move(status);
}

bool ServerDescriptors::FindFileContainingSymbol(const std::string& symbol,
                                                 FileDescriptorProto* file) {
  for (const std::string& name : Ask(Kind::kFileOfSymbol, symbol)) {
    const FileDescriptorProto& asked_for = files_.at(name);
    if (!Declares(asked_for, symbol)) continue;
    *file = asked_for;
    return true;
  }
  return false;
}

std::vector<std::string> ServerDescriptors::Ask(Kind kind,
                                                const std::string& name) {
  absl::StatusOr<std::vector<std::string>> names =
      absl::FailedPreconditionError(
          absl::StrCat("after ", kMaxFiles,
                       " questions, the server has not yet told of all files"));
  if (questions_ < kMaxFiles) {
    ++questions_;
    const absl::StatusOr<ReflectionAnswer> answer =
        reflection_.Ask({.kind = kind, .name = name});
    names = answer.ok() ? Keep(*answer) : answer.status();
  }
  if (names.ok()) return *std::move(names);
  Note(names.status());
  return {};
}

absl::StatusOr<std::vector<std::string>> ServerDescriptors::Keep(
    const ReflectionAnswer& answer) {
  // What is wrong is said once, by us.
  const google::protobuf::LogSilencer silencer;
  std::vector<std::string> names;
  for (const std::string& bytes : answer.files) {
    FileDescriptorProto file;
    if (!file.ParseFromString(bytes)) {
      return absl::FailedPreconditionError(
          "a file that the server tells of is no FileDescriptorProto");
    }
    bytes_ += bytes.size();
    names.push_back(file.name());
    files_.emplace(names.back(), std::move(file));
    if (files_.size() > kMaxFiles || bytes_ > kMaxBytes) {
      return absl::FailedPreconditionError(
          absl::StrCat("the server tells of more than ", kMaxFiles,
                       " files or ", kMaxBytes, " bytes for one service"));
    }
  }
  return names;
}

}  // namespace pinion::cli
