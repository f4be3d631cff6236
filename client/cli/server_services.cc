// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/server_services.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "pinion/client/cli/descriptor_sets.h"
#include "pinion/proto/wire/nearest_first.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion::cli {
namespace {

// How many names an error has, of those that are most like the wanted one.
constexpr size_t kNamesInError = 10;

constexpr size_t kQuotedBytes = 256;

}  // namespace

absl::StatusOr<const google::protobuf::ServiceDescriptor*> ServerServices::Find(
    const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto known = found_.find(name);
  if (known != found_.end()) return known->second;
  auto descriptors = std::make_unique<ServerDescriptors>(reflection_);
  Found found = descriptors->FindService(name);
  if (found.ok()) {
    descriptors_.push_back(std::move(descriptors));
  } else {
    found = Explain(found.status(), name);
    // Another error may pass.
    if (!absl::IsInvalidArgument(found.status())) return found;
  }
  return found_.emplace(name, std::move(found)).first->second;
}

absl::StatusOr<std::vector<std::string>> ServerServices::List() {
  const std::lock_guard lock(mutex_);
  auto names = AskForNames();
  if (!names.ok()) return Explain(names.status(), "");
  std::sort(names->begin(), names->end());
  return names;
}

absl::StatusOr<std::string> ServerServices::Text(const std::string& symbol) {
  const std::lock_guard lock(mutex_);
  ServerDescriptors descriptors(reflection_);
  auto text = descriptors.FindText(symbol);
  if (!text.ok()) return Explain(text.status(), symbol);
  return text;
}

absl::StatusOr<std::vector<std::string>> ServerServices::AskForNames() {
  const auto answer =
      reflection_.Ask({.kind = ReflectionQuestion::Kind::kListServices});
  if (!answer.ok()) return answer.status();
  return answer->services;
}

absl::Status ServerServices::Explain(const absl::Status& status,
                                     const std::string& wanted) {
  if (absl::IsUnimplemented(status)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the server at ", reflection_.target(),
        " has no reflection, by which it would tell of its services; give "
        "their descriptor set by --descriptor_set=FILE (",
        kHowToMakeDescriptorSets, ")"));
  }
  if (absl::IsNotFound(status) && !wanted.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the server at ", reflection_.target(), " has no ",
                     Quoted(wanted, kQuotedBytes), WhatThereIs(wanted)));
  }
  return absl::Status(
      status.code(),
      absl::StrCat("the server at ", reflection_.target(),
                   " cannot be asked for its services: ", status.message()));
}

std::string ServerServices::WhatThereIs(const std::string& wanted) {
  const auto names = AskForNames();
  if (!names.ok() || names->empty()) return "";
  std::vector<std::string> nearest = NearestFirst(wanted, *names);
  const size_t left_out =
      nearest.size() - std::min(nearest.size(), kNamesInError);
  nearest.resize(nearest.size() - left_out);
  for (std::string& name : nearest) name = Escaped(name);
  return absl::StrCat(
      "; its services are ", absl::StrJoin(nearest, ", "),
      left_out == 0 ? "" : absl::StrCat(" and ", left_out, " more"));
}

}  // namespace pinion::cli
