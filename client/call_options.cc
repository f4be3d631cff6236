// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/call_options.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/metadata_rules.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion::client_internal {
namespace {

// How much of a name an error repeats.
constexpr size_t kQuotedBytes = 64;

// gRPC aborts the program for metadata that HTTP/2 cannot carry.
absl::Status CheckMetadata(const Metadata& metadata) {
  for (const auto& [name, value] : metadata) {
    if (!IsMetadataName(name)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "metadata cannot be named ", Quoted(name, kQuotedBytes),
          "; valid are lower case letters, digits, '-', '_' and '.'"));
    }
    if (!IsMetadataValue(name, value)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the metadata ", name,
                       " has a value that is not printable ASCII; name it ",
                       name, "-bin to send bytes"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckCallOptions(const CallOptions& options) {
  if (options.worker.has_value() && *options.worker < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the worker is ", *options.worker, "; valid are 0 and up"));
  }
  if (options.priority != v1::PRIORITY_UNSPECIFIED &&
      !v1::Priority_IsValid(options.priority)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the priority is ", static_cast<int>(options.priority),
                     ", which is none of pinion.v1.Priority"));
  }
  if (options.metadata.empty()) return absl::OkStatus();
  return CheckMetadata(options.metadata);
}

absl::Status CheckMethod(absl::string_view method) {
  if (method.size() <= kMaxMethodBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "the method's name has ", method.size(), " bytes, of at most ",
      kMaxMethodBytes, ": ", Quoted(method, kQuotedBytes)));
}

}  // namespace pinion::client_internal
