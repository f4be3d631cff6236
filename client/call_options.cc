// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/call_options.h"

#include <grpc/grpc.h>
#include <grpc/slice.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace pinion::client_internal {
namespace {

// gRPC aborts the program for metadata that HTTP/2 cannot carry.
absl::Status CheckMetadata(const Metadata& metadata) {
  for (const auto& [name, value] : metadata) {
    const grpc_slice name_slice =
        grpc_slice_from_static_buffer(name.data(), name.size());
    const grpc_slice value_slice =
        grpc_slice_from_static_buffer(value.data(), value.size());
    if (!grpc_header_key_is_legal(name_slice)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "metadata cannot be named \"", absl::CHexEscape(name),
          "\"; valid are lower case letters, digits, '-', '_' and '.'"));
    }
    if (!grpc_is_binary_header(name_slice) &&
        !grpc_header_nonbin_value_is_legal(value_slice)) {
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

}  // namespace pinion::client_internal
