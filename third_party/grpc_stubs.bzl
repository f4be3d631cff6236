# SPDX-License-Identifier: Apache-2.0
"""grpc_stubs: the C++ that gRPC's own compiler makes of a service.

For programs that call or serve gRPC the ordinary way, here and in other
workspaces. Pinion serves, and its client calls, without generated code.

  load("@pinion//third_party:grpc_stubs.bzl", "grpc_stubs")

  grpc_stubs(
      name = "purse_grpc",
      messages = ":purse_cc_proto",  # the cc_proto_library
      proto = ":purse_proto",        # the proto_library
  )
"""

def _grpc_sources(ctx):
    proto = ctx.attr.proto[ProtoInfo]
    root = proto.proto_source_root + "/"
    outputs = []
    names = []
    for source in proto.direct_sources:
        names.append(source.path.replace(root, "", 1))
        for suffix in [".grpc.pb.h", ".grpc.pb.cc"]:
            stem = names[-1][:-len(".proto")]
            outputs.append(ctx.actions.declare_file(ctx.attr.folder + "/" + stem + suffix))
    path = [ctx.bin_dir.path, ctx.label.workspace_root, ctx.label.package, ctx.attr.folder]
    folder = "/".join([part for part in path if part])
    sets = proto.transitive_descriptor_sets.to_list()
    ctx.actions.run(
        mnemonic = "GrpcStubs",
        executable = ctx.file._protoc,
        arguments = [
            "--descriptor_set_in=" + ":".join([set.path for set in sets]),
            "--plugin=protoc-gen-grpc=" + ctx.file._plugin.path,
            "--grpc_out=" + folder,
        ] + names,
        inputs = sets,
        tools = [ctx.file._plugin],
        outputs = outputs,
    )
    return [
        DefaultInfo(files = depset(outputs)),
        OutputGroupInfo(
            headers = depset([file for file in outputs if file.extension == "h"]),
            sources = depset([file for file in outputs if file.extension == "cc"]),
        ),
    ]

_grpc_sources_rule = rule(
    implementation = _grpc_sources,
    attrs = {
        "proto": attr.label(providers = [ProtoInfo], mandatory = True),
        "folder": attr.string(mandatory = True),
        "_protoc": attr.label(
            default = "@com_google_protobuf//:protoc",
            allow_single_file = True,
            cfg = "exec",
        ),
        "_plugin": attr.label(
            default = "@com_github_grpc_grpc//:grpc_cpp_plugin",
            allow_single_file = True,
            cfg = "exec",
        ),
    },
)

def grpc_stubs(name, proto, messages, **kwargs):
    """Client stubs and service classes as the cc_library `name`.

    Args:
      name: include its headers by the .proto's import path, ".grpc.pb.h".
      proto: the proto_library that has the service.
      messages: its cc_proto_library.
      **kwargs: visibility, testonly.
    """
    testonly = kwargs.get("testonly", False)
    _grpc_sources_rule(
        name = name + "_files",
        testonly = testonly,
        folder = name,
        proto = proto,
        visibility = ["//visibility:private"],
    )
    for group in ["headers", "sources"]:
        native.filegroup(
            name = name + "_" + group,
            testonly = testonly,
            srcs = [":" + name + "_files"],
            output_group = group,
            visibility = ["//visibility:private"],
        )
    native.cc_library(
        name = name,
        srcs = [":" + name + "_sources"],
        hdrs = [":" + name + "_headers"],
        includes = [name],
        deps = [messages, "@com_github_grpc_grpc//:grpc++"],
        **kwargs
    )
