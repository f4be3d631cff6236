// SPDX-License-Identifier: Apache-2.0
//
// What LeakSanitizer is told of the libraries that are not built for it: a
// program may end while a thread of gRPC's resolves a name, and what that
// thread has just allocated is then known to its registers only.
//
// .bazelrc links it into each program, where --config=asan is given.

extern "C" const char* __lsan_default_suppressions() {
  return "leak:libcares.so\n";
}

// Without a word of what it left out: tests look at what programs print.
extern "C" const char* __lsan_default_options() {
  return "print_suppressions=0";
}
