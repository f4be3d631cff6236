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
        options = _link_options(ctx, module, ctx.attr.debian_package) if module else []
        builds.setdefault(folder, []).append(_TARGET.format(name = name, linkopts = options))
    for folder, texts in builds.items():
        ctx.file((folder + "/" if folder else "") + "BUILD.bazel", "".join(texts))

system_library = repository_rule(
    implementation = _system_library,
    attrs = {
        "targets": attr.string_dict(
            doc = "package:target -> its pkg-config module; none where headers are all",
            mandatory = True,
        ),
        "debian_package": attr.string(mandatory = True),
    },
    local = True,
    environ = ["PATH", "PKG_CONFIG_PATH"],
)

def _lines(ctx, what, package, script):
    """What a shell script prints, as a list of lines; it may use libs."""
    result = ctx.execute(["sh", "-ceu", _LIBS + script])
    if result.return_code != 0:
        fail(_MISSING.format(what = what, package = package) + "\n" + result.stderr)
    return result.stdout.strip().split("\n")

# libs MODULE...: one line "MODULE LINK_OPTIONS" for each; one process for all,
# since Abseil has more than a hundred.
_LIBS = """
libs() {
  for module; do
    options=$(pkg-config --libs "$module")
    echo "$module $options"
  done
}
"""

def _options_of_modules(lines):
    """The libs lines as a dictionary, each option once."""
    found = {}
    for line in lines:
        words = line.split(" ")
        options = []
        for option in words[1:]:
            if option and option not in options:
                options.append(option)
        found[words[0]] = options
    return found

# Abseil's own Bazel labels that are named after neither a header nor a folder.
_ABSEIL_BY_NAME = {
    "base:core_headers": "absl_core_headers",
    "container:btree": "absl_btree",
    "flags:flag": "absl_flags",
}

def _abseil_targets(modules, headers):
    """"FOLDER:NAME" -> the module, for each public target of what is installed.

    A target of Abseil's has the name of its header or of its folder, and its
    module that of the target, which may follow the folder's.
    """
    targets = {}
    for label, module in _ABSEIL_BY_NAME.items():
        if module in modules:
            targets[label] = module
    for header in headers:
        folder, name = header[:-len(".h")].split("/")[1:]
        for label, module in [
            (folder + ":" + folder, "absl_" + folder),
            (folder + ":" + name, "absl_" + folder + "_" + name),
            (folder + ":" + name, "absl_" + name),
        ]:
            if module in modules and label not in targets:
                targets[label] = module
    return targets

def _system_abseil(ctx):
    what, package = "Abseil", "libabsl-dev"
    modules = _options_of_modules(_lines(ctx, what, package, """
        libs $(pkg-config --list-all | sed -n 's/^\\(absl_[^ ]*\\) .*/\\1/p' | sort)
    """))
    headers = _lines(ctx, what, package, """
        cd "$(pkg-config --variable=includedir absl_base)"
        ls absl/*/*.h
    """)
    builds = {}
    for label, module in _abseil_targets(modules, headers).items():
        folder, name = label.split(":")
        builds.setdefault(folder, []).append(_TARGET.format(name = name, linkopts = modules[module]))
    for folder, texts in builds.items():
        ctx.file("absl/" + folder + "/BUILD.bazel", "".join(texts))

system_abseil = repository_rule(
    implementation = _system_abseil,
    doc = "Abseil, with a target for each public one of what is installed.",
    local = True,
    environ = ["PATH", "PKG_CONFIG_PATH"],
)

def _system_grpc(ctx):
    what, package = "gRPC", "libgrpc++-dev protobuf-compiler-grpc"
    build = []

    # Some libraries beside grpc++ have no module; they stand on it.
    options = _link_options(ctx, "grpc++", package)
    libraries = _lines(ctx, what, package, """
        cd "$(pkg-config --variable=pcfiledir grpc++)/.."
        ls libgpr.so libgrpc*.so
    """)
    libraries = [file[len("lib"):-len(".so")] for file in libraries]
    modules = _options_of_modules(_lines(ctx, what, package, """
        for module in %s; do
          if pkg-config --exists "$module"; then libs "$module"; fi
        done
    """ % " ".join(libraries)))
    for name in libraries:
        linkopts = modules.get(name, ["-l" + name] + options)
        build.append(_TARGET.format(name = name, linkopts = linkopts))

    programs = _lines(ctx, what, package, """
        cd "$(dirname "$(command -v grpc_cpp_plugin)")"
        ls grpc_*_plugin
    """)
    aliases = []
    for program in programs:
        _program(ctx, program, package)
        build.append("exports_files(['%s'])\n" % program)
        aliases.append(_ALIAS.format(name = program))
    ctx.file("BUILD.bazel", "".join(build))

    # Where gRPC's own repository has them.
    ctx.file("src/compiler/BUILD.bazel", "".join(aliases))

_ALIAS = """
alias(
    name = "{name}",
    actual = "//:{name}",
    visibility = ["//visibility:public"],
)
"""

system_grpc = repository_rule(
    implementation = _system_grpc,
    doc = "gRPC: each of its C and C++ libraries that is installed, and its code generators.",
    local = True,
    environ = ["PATH", "PKG_CONFIG_PATH"],
)

_PROTOBUF = """
load("@rules_proto//proto:defs.bzl", "proto_library")

package(default_visibility = ["//visibility:public"])

exports_files(["protoc"])

cc_library(
    name = "protobuf",
    linkopts = {linkopts},
)

cc_library(
    name = "protobuf_lite",
    linkopts = {lite_linkopts},
)

cc_library(name = "protobuf_headers")

cc_library(
    name = "cc_wkt_protos",
    deps = [":protobuf"],
)

_IMPORTS = {imports}

[
    proto_library(
        name = name + "_proto",
        srcs = ["include/google/protobuf/" + name + ".proto"],
        strip_import_prefix = "include",
        deps = [":" + imported + "_proto" for imported in imports],
    )
    for name, imports in _IMPORTS.items()
]

# The library has the code of its own protos already.
[
    cc_library(
        name = name + "_cc_proto",
        deps = [":protobuf"],
    )
    for name in _IMPORTS
]

proto_lang_toolchain(
    name = "cc_toolchain",
    blacklisted_protos = [":" + name + "_proto" for name in _IMPORTS],
    command_line = "--cpp_out=$(OUT)",
    runtime = ":protobuf",
)
"""

_PROTOS = "google/protobuf/"

def _imports_of(ctx, proto):
    """The protos of the same folder that the file imports, by their bare names."""
    imported = []
    for line in ctx.read(proto).split("\n"):
        if line.startswith("import ") and _PROTOS in line:
            imported.append(line.split(_PROTOS)[1].split(".proto")[0])
    return imported

def _system_protobuf(ctx):
    what, package = "Protobuf", "libprotobuf-dev protobuf-compiler"
    _program(ctx, "protoc", package)
    options = _link_options(ctx, "protobuf", package)
    lite_options = _link_options(ctx, "protobuf-lite", package)
    folder = _lines(ctx, what, package, "pkg-config --variable=includedir protobuf")[0]
    imports = {}
    for file in _lines(ctx, what, package, "cd '%s/%s' && ls *.proto" % (folder, _PROTOS)):
        name = file[:-len(".proto")]
        proto = _PROTOS + file
        imports[name] = _imports_of(ctx, folder + "/" + proto)
        ctx.symlink(folder + "/" + proto, "include/" + proto)
    ctx.file("BUILD.bazel", _PROTOBUF.format(
        linkopts = options,
        lite_linkopts = lite_options,
        imports = imports,
    ))

system_protobuf = repository_rule(
    implementation = _system_protobuf,
    doc = "Protobuf: its libraries, its compiler and each .proto that is installed with it.",
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
