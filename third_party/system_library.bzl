# SPDX-License-Identifier: Apache-2.0
"""Repositories made of what the system has installed, found by pkg-config.

A library that is missing stops the build with the Debian package that has it.
Headers lie on the compiler's own path, so a target is only its link options;
nothing here knows an architecture's library folder.
"""

_MISSING = "{what} is not installed; on Debian: apt-get install {package}"

def _link_options(ctx, module, package):
    result = ctx.execute(["pkg-config", "--libs", module])
    if result.return_code != 0:
        fail(_MISSING.format(what = "the library '%s'" % module, package = package))
    options = []
    for option in result.stdout.strip().split(" "):
        if option and option not in options:
            options.append(option)
    return options

def _program(ctx, name, package):
    path = ctx.which(name)
    if path == None:
        fail(_MISSING.format(what = "the program '%s'" % name, package = package))
    ctx.symlink(path, name)

_TARGET = """
cc_library(
    name = "{name}",
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
)
"""

def _system_library(ctx):
    builds = {}
    for target, module in ctx.attr.targets.items():
        folder, name = target.split(":")
        module = ctx.attr.renamed.get(module, module)
        options = _link_options(ctx, module, ctx.attr.debian_package)
        builds.setdefault(folder, []).append(_TARGET.format(name = name, linkopts = options))
    for program in ctx.attr.programs:
        _program(ctx, program, ctx.attr.debian_package)
        builds.setdefault("", []).append("exports_files(['%s'])\n" % program)
    for folder, texts in builds.items():
        ctx.file((folder + "/" if folder else "") + "BUILD.bazel", "".join(texts))

system_library = repository_rule(
    implementation = _system_library,
    attrs = {
        "targets": attr.string_dict(
            doc = "package:target -> the pkg-config module it stands for",
            mandatory = True,
        ),
        "renamed": attr.string_dict(doc = "module -> its name on this system"),
        "programs": attr.string_list(doc = "programs of the same package"),
        "debian_package": attr.string(mandatory = True),
    },
    local = True,
    environ = ["PATH", "PKG_CONFIG_PATH"],
)

# Of the library's own protos, those that ours import.
_PROTOS = [
    "any",
    "descriptor",
]

_PROTOBUF = """
load("@rules_proto//proto:defs.bzl", "proto_library")

package(default_visibility = ["//visibility:public"])

exports_files(["protoc"])

cc_library(
    name = "protobuf",
    linkopts = {linkopts},
)

[
    proto_library(
        name = name + "_proto",
        srcs = ["include/google/protobuf/" + name + ".proto"],
        strip_import_prefix = "include",
    )
    for name in {protos}
]

proto_lang_toolchain(
    name = "cc_toolchain",
    # The library has the code of its own protos already.
    blacklisted_protos = [":" + name + "_proto" for name in {protos}],
    command_line = "--cpp_out=$(OUT)",
    runtime = ":protobuf",
)
"""

def _system_protobuf(ctx):
    package = "libprotobuf-dev and protobuf-compiler"
    options = _link_options(ctx, "protobuf", package)
    _program(ctx, "protoc", package)
    found = ctx.execute(["pkg-config", "--variable=includedir", "protobuf"])
    for name in _PROTOS:
        proto = "google/protobuf/%s.proto" % name
        ctx.symlink(found.stdout.strip() + "/" + proto, "include/" + proto)
    ctx.file("BUILD.bazel", _PROTOBUF.format(linkopts = options, protos = _PROTOS))

system_protobuf = repository_rule(
    implementation = _system_protobuf,
    local = True,
    environ = ["PATH", "PKG_CONFIG_PATH"],
)

def _bazel_repository(ctx):
    root = ctx.path(ctx.attr.label).dirname if ctx.attr.label else ctx.path(ctx.attr.path)
    if not root.exists:
        fail(_MISSING.format(what = str(root), package = ctx.attr.debian_package))
    for entry in root.readdir():
        ctx.symlink(entry, entry.basename)

bazel_repository = repository_rule(
    implementation = _bazel_repository,
    doc = "A rule set or stub of Bazel's that lies in a local folder.",
    attrs = {
        "path": attr.string(),
        "label": attr.label(),
        "debian_package": attr.string(),
    },
    local = True,
)
