// SPDX-License-Identifier: Apache-2.0
//
// OwnFiles: the .proto files of the services that Pinion serves without
//           generated code: grpc.health.v1.Health and
//           grpc.reflection.v1alpha.ServerReflection.
//
// Threads: any thread.
// Why:     a pool of their own, because the generated code of these files may
//          be linked into the program too, and a pool has each name once.
// Example: OwnFiles().FindServiceByName("grpc.health.v1.Health");
#ifndef PINION_SERVER_REFLECTION_OWN_FILES_H_
#define PINION_SERVER_REFLECTION_OWN_FILES_H_

#include <google/protobuf/descriptor.h>

namespace pinion {

const google::protobuf::DescriptorPool& OwnFiles();

}  // namespace pinion

#endif  // PINION_SERVER_REFLECTION_OWN_FILES_H_
