// SPDX-License-Identifier: Apache-2.0
//
// AddDescriptorSets: adds the contents of descriptor set files to a pool.
//
// Threads: one at a time for each pool.
// Example: absl::Status added = AddDescriptorSets("a.bin,b.bin", pool);
#ifndef PINION_CLIENT_CLI_DESCRIPTOR_SETS_H_
#define PINION_CLIENT_CLI_DESCRIPTOR_SETS_H_

#include <google/protobuf/descriptor.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace pinion::cli {

// `paths` are files with a google.protobuf.FileDescriptorSet, with commas
// between them. The .proto files in them may be in any order and import each
// other across sets; those that the pool has are skipped. INVALID_ARGUMENT, in
// one line, for a file that cannot be read, an import that no set has, and a
// .proto that does not fit the rest.
absl::Status AddDescriptorSets(absl::string_view paths,
                               google::protobuf::DescriptorPool& pool);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_DESCRIPTOR_SETS_H_
