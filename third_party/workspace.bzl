# SPDX-License-Identifier: Apache-2.0
"""Declares the repositories Pinion builds with, unless they exist already.

    load("@pinion//third_party:workspace.bzl", "pinion_dependencies")
    pinion_dependencies()

A repository of the same name that was declared earlier wins, so a larger
workspace can put its own gRPC, Protobuf, Abseil or GoogleTest in their place.
"""

load(
    "//third_party:system_library.bzl",
    "bazel_repository",
    "system_library",
    "system_protobuf",
)

_ABSEIL = [
    "base:core_headers",
    "cleanup:cleanup",
    "container:flat_hash_map",
    "container:flat_hash_set",
    "flags:commandlineflag",
    "flags:flag",
    "flags:parse",
    "flags:reflection",
    "flags:usage",
    "functional:any_invocable",
    "functional:function_ref",
    "hash:hash",
    "random:random",
    "status:status",
    "status:statusor",
    "strings:cord",
    "strings:strings",
    "strings:str_format",
    "synchronization:synchronization",
    "time:time",
    "types:span",
]

def pinion_dependencies():
    """Declares each repository of Pinion's that does not exist yet."""
    _once(
        system_library,
        name = "com_google_absl",
        targets = {"absl/" + target: "absl_" + target.split(":")[1] for target in _ABSEIL},
        # Where a label and its pkg-config module differ.
        renamed = {
            "absl_commandlineflag": "absl_flags_commandlineflag",
            "absl_flag": "absl_flags",
            "absl_parse": "absl_flags_parse",
            "absl_random": "absl_random_random",
            "absl_reflection": "absl_flags_reflection",
            "absl_usage": "absl_flags_usage",
        },
        debian_package = "libabsl-dev",
    )
    _once(
        system_library,
        name = "com_github_grpc_grpc",
        targets = {":grpc++": "grpc++"},
        programs = [
            "grpc_cpp_plugin",
            "grpc_python_plugin",
        ],
        debian_package = "libgrpc++-dev and protobuf-compiler-grpc",
    )
    _once(system_protobuf, name = "com_google_protobuf")
    _once(
        system_library,
        name = "com_google_googletest",
        targets = {":gtest": "gmock", ":gtest_main": "gmock_main"},
        debian_package = "libgmock-dev",
    )
    _once(
        system_library,
        name = "xxhash",
        targets = {":xxhash": "libxxhash"},
        debian_package = "libxxhash-dev",
    )
    _once(
        system_library,
        name = "hwloc",
        targets = {":hwloc": "hwloc"},
        debian_package = "libhwloc-dev",
    )
    _once(
        system_library,
        name = "jemalloc",
        targets = {":jemalloc": "jemalloc"},
        debian_package = "libjemalloc-dev",
    )
    _once(
        system_library,
        name = "openssl",
        targets = {":crypto": "libcrypto"},
        debian_package = "libssl-dev",
    )
    _once(
        system_library,
        name = "tbb",
        targets = {":tbb": "tbb"},
        debian_package = "libtbb-dev",
    )

    # What Bazel itself asks for.
    _once(bazel_repository, name = "platforms", path = "/usr/share/bazel/platforms", debian_package = "bazel-platforms")
    _once(bazel_repository, name = "bazel_skylib", path = "/usr/share/bazel/tools/skylib", debian_package = "bazel-skylib")
    _once(bazel_repository, name = "rules_java", path = "/usr/share/bazel/rules/java", debian_package = "bazel-rules-java")
    _once(bazel_repository, name = "rules_proto", path = "/usr/share/bazel/rules/proto", debian_package = "bazel-rules-proto")
    _once(bazel_repository, name = "rules_cc", label = "@pinion//third_party/rules_cc:WORKSPACE")
    _once(bazel_repository, name = "remote_coverage_tools", label = "@pinion//third_party/remote_coverage_tools:WORKSPACE")

def _once(rule, name, **kwargs):
    # bazel_tools declares some of these names itself, after this; what is
    # declared here first counts.
    if name not in native.existing_rules():
        rule(name = name, **kwargs)
