// SPDX-License-Identifier: Apache-2.0
//
// Stops a compiler that does not compile C++20, with what to do about it.
//
// Every header that uses what C++20 brought includes this one, or one that
// does, so that its words come before the compiler's own.

#ifndef PINION_THIRD_PARTY_CPP20_H_
#define PINION_THIRD_PARTY_CPP20_H_

#if !defined(__cplusplus) || __cplusplus < 202002L
#error "Pinion needs C++20: add -std=c++20 (with Bazel: --cxxopt=-std=c++20)"
#endif

#endif  // PINION_THIRD_PARTY_CPP20_H_
