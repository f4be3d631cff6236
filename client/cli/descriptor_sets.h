// SPDX-License-Identifier: Apache-2.0
//
// AddDescriptorSets: adds the contents of descriptor set files to a pool.
// kHowToMakeDescriptorSets: for the error of someone who has none.
//
// Threads: one at a time for each pool.
// Example: absl::Status added = AddDescriptorSets("a.bin,b.bin", pool);
#ifndef PINION_CLIENT_CLI_DESCRIPTOR_SETS_H_
#define PINION_CLIENT_CLI_DESCRIPTOR_SETS_H_

#include <google/protobuf/descriptor.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace pinion::cli {

inline constexpr char kHowToMakeDescriptorSets[] =
    "bazel build //PACKAGE:NAME, a proto_library, makes one as "
    "bazel-bin/PACKAGE/NAME-descriptor-set.proto.bin; protoc makes one by "
    "--include_imports --descriptor_set_out=FILE";

// `paths` are files with a google.protobuf.FileDescriptorSet, with commas
// between them. The .proto files in them may be in any order and import each
// other across sets; those that the pool has are skipped. INVALID_ARGUMENT, in
// one line, for a file that cannot be read or is no set, for an import that no
// set has, and for a .proto that does not fit the rest.
absl::Status AddDescriptorSets(absl::string_view paths,
                               google::protobuf::DescriptorPool& pool);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_DESCRIPTOR_SETS_H_
