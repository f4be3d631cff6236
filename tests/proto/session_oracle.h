// SPDX-License-Identifier: Apache-2.0
//
// What the hand-written code of the session's messages makes of some bytes,
// against what protobuf's generated code makes of them.
//
// Threads: plain functions; any thread.
// Example: EXPECT_EQ(RequestDisagreement(bytes), "");
#ifndef PINION_TESTS_PROTO_SESSION_ORACLE_H_
#define PINION_TESTS_PROTO_SESSION_ORACLE_H_

#include <string>

namespace pinion::testing {

// The bytes are read by SessionRequest, by the generated code, and by that of
// the *shape*, which does not look whether strings are UTF-8. SessionRequest
// must fail exactly when the shape fails, and read what each of them holds if
// it parsed. What it read is then written again by session_call.h and must
// have the bytes that protobuf writes. Empty if all is so, or what is not.
std::string RequestDisagreement(const std::string& bytes);

// The same for SessionResponse and session_answer.h; with NextPlain() where it
// can, and without.
std::string ResponseDisagreement(const std::string& bytes);

}  // namespace pinion::testing

#endif  // PINION_TESTS_PROTO_SESSION_ORACLE_H_
