// SPDX-License-Identifier: Apache-2.0
//
// How jemalloc works in the programs that have it (see BUILD.bazel); the
// environment's MALLOC_CONF goes before.
//
// What is not used goes back to the kernel within some five seconds, bit by
// bit, by threads of jemalloc's own: no call waits for it, and a load that
// comes each second finds its memory still there.
extern "C" const char* malloc_conf;
const char* malloc_conf =
    "background_thread:true,dirty_decay_ms:5000,muzzy_decay_ms:0";
