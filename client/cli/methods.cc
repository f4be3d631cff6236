// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/methods.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "pinion/client/cli/descriptor_sets.h"
#include "pinion/proto/wire/nearest_first.h"

namespace pinion::cli {
namespace {

using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

// `service`: where it is looked for; null if nothing here has it.
absl::Status NoSuchMethod(const ServiceDescriptor* service,
                          const std::string& service_name,
                          const std::string& name) {
  if (service == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("no service ", service_name,
                     " is known here; give its descriptor set by "
                     "--descriptor_set=FILE (",
                     kHowToMakeDescriptorSets, ")"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the service ", service_name, " has no method ", name,
                   "; it has ", MethodsNearestFirst(name, *service)));
}

}  // namespace

absl::StatusOr<const MethodDescriptor*> Methods::Find(
    absl::string_view method) const {
  const std::vector<std::string> parts = absl::StrSplit(method, '/');
  if (parts.size() != 3 || !parts[0].empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", method, "\" is not a method; write /package.Service/Method"));
  }
  const std::string& service_name = parts[1];
  const std::string& name = parts[2];
  const ServiceDescriptor* service = pool_.FindServiceByName(service_name);
  const MethodDescriptor* found =
      service == nullptr ? nullptr : service->FindMethodByName(name);
  if (found == nullptr && server_ != nullptr) {
    // It may have a later version of a service that is known here.
    const auto asked = server_->Find(service_name);
    if (asked.ok()) {
      service = *asked;
      found = service->FindMethodByName(name);
    } else if (service == nullptr) {
      return asked.status();
    }
  }
  if (found == nullptr) return NoSuchMethod(service, service_name, name);
  if (found->client_streaming()) {
    return absl::InvalidArgumentError(
        absl::StrCat(method,
                     " takes a stream of requests; only unary and "
                     "server-streaming methods can be called"));
  }
  return found;
}

}  // namespace pinion::cli
