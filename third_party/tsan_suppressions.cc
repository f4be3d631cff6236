// SPDX-License-Identifier: Apache-2.0
//
// What ThreadSanitizer is told of the libraries that are not built for it: it
// sees what they do to memory, but not their locks, and takes the one without
// the other for a race. Each library is named, and of Pinion's what only calls
// one.
//
// .bazelrc links it into each program, where --config=tsan is given.

extern "C" const char* __tsan_default_suppressions() {
  return "race:libabsl_\n"
         "race:libcrypto.so\n"
         "race:libgpr.so\n"
         "race:libgrpc.so\n"
         "race:libgrpc++.so\n"
         "race:libprotobuf.so\n"
         "race:libssl.so\n"
         "race:libupb.so\n"
         // gRPC's, but from a header; the count that guards its bytes is not.
         "race:grpc::Slice::~Slice\n"
         // It only copies a message out of gRPC's bytes. A client in the same
         // process wrote them before it gave them to gRPC, which hands them
         // over by atomics; over TCP they are copied.
         "race:pinion::SessionBytes::SessionBytes\n"
         // From a header too: one operation of a call begins on a thread, the
         // library ends it on another, and only then the next one begins.
         "race:ClientCallback*Impl\n"
         "race:CallOpSet\n"
         // Some that it makes it does not join.
         "thread:libgpr.so\n"
         "thread:libgrpc.so\n"
         "mutex:libabsl_\n"
         // What these call ends with a jump to the unlock. So they seem to
         // unlock what libprotobuf has locked.
         "mutex:FindExtending\n"
         "mutex:google::protobuf::internal::MapField\n"
         "deadlock:libabsl_\n"
         "called_from_lib:libgrpc.so\n"
         "called_from_lib:libgrpc++.so\n"
         "called_from_lib:libgpr.so\n"
         "called_from_lib:libprotobuf.so\n";
}
