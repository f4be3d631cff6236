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
    "system_abseil",
    "system_grpc",
    "system_library",
    "system_protobuf",
)

def pinion_dependencies():
    """Declares each repository of Pinion's that does not exist yet."""
    _once(system_abseil, name = "com_google_absl")
    _once(system_grpc, name = "com_github_grpc_grpc")
    _once(system_protobuf, name = "com_google_protobuf")
    _once(
        system_library,
        name = "com_google_googletest",
        targets = {":gtest": "gmock", ":gtest_main": "gmock_main", ":gtest_prod": ""},
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
        name = "yaml",
        targets = {":yaml": "yaml-0.1"},
        debian_package = "libyaml-dev",
    )
    _once(
        system_library,
        name = "cjose",
        targets = {":cjose": "cjose"},
        debian_package = "libcjose-dev libjansson-dev",
    )
    _once(
        system_library,
        name = "jansson",
        targets = {":jansson": "jansson"},
        debian_package = "libjansson-dev",
    )
    _once(
        system_library,
        name = "libmicrohttpd",
        targets = {":libmicrohttpd": "libmicrohttpd"},
        debian_package = "libmicrohttpd-dev",
    )
    _once(
        system_library,
        name = "nghttp2",
        targets = {":nghttp2": "libnghttp2"},
        debian_package = "libnghttp2-dev",
    )
    _once(
        system_library,
        name = "prometheus",
        targets = {":prometheus": "prometheus-cpp-core"},
        debian_package = "prometheus-cpp-dev",
    )
    _once(
        system_library,
        name = "openssl",
        targets = {
            ":crypto": "libcrypto",
            ":ssl": "libssl",
        },
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
