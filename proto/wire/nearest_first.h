// SPDX-License-Identifier: Apache-2.0
//
// NearestFirst: sorts names by how little they differ from a misspelt one, for
//               errors that say what there is.
//
// Threads: plain function; any thread.
// Example: absl::StrCat("no method ", name, "; there are ",
//                       absl::StrJoin(NearestFirst(name, names), ", "));
#ifndef PINION_PROTO_WIRE_NEAREST_FIRST_H_
#define PINION_PROTO_WIRE_NEAREST_FIRST_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace pinion {

// Counts the letters that must be inserted, removed, replaced or swapped with
// their neighbour. Names that are equally near keep their order.
std::vector<std::string> NearestFirst(absl::string_view wanted,
                                      std::vector<std::string> names);

// The name that was likely meant: the nearest one, if at most a third of the
// letters of `wanted` differ, but for small and capital ones. Empty: none.
std::string LikelyMeant(absl::string_view wanted,
                        const std::vector<std::string>& names);

// The names of the methods of `service`, in this order and joined by commas.
std::string MethodsNearestFirst(
    absl::string_view wanted,
    const google::protobuf::ServiceDescriptor& service);

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_NEAREST_FIRST_H_
