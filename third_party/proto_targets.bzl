# SPDX-License-Identifier: Apache-2.0
"""pinion_proto: the targets of one .proto file below //proto."""

load("@rules_proto//proto:defs.bzl", "proto_library")

def pinion_proto(name, deps = []):
    """NAME.proto as NAME_proto, and its C++ messages as NAME_cc_proto."""
    proto_library(
        name = name + "_proto",
        srcs = [name + ".proto"],
        strip_import_prefix = "/proto",
        deps = deps,
    )
    native.exports_files([name + ".proto"])  # For those who read it as it is.
    native.cc_proto_library(
        name = name + "_cc_proto",
        deps = [":" + name + "_proto"],
    )
