# SPDX-License-Identifier: Apache-2.0
"""interleaved_test: a cc_test for which PINION_POINT calls the test's hook.

    load(":interleaved_test.bzl", "interleaved_test")
    interleaved_test(
        name = "late_append_test",
        srcs = ["late_append_test.cc"],
        deps = ["//core/base:interleaving", "//core:work_lists", ...],
    )

It takes what cc_test takes. What the test is made of is compiled once more for
it, with the points of core/base/interleaving.h; all other targets are built without,
and none of them is built twice.
"""

def _with_points(_settings, _attr):
    return {"//core:interleaving_points": True}

_points_transition = transition(
    implementation = _with_points,
    inputs = [],
    outputs = ["//core:interleaving_points"],
)

def _interleaved_test(ctx):
    # An attribute with a transition is a list, here of one.
    binary = ctx.attr.binary[0][DefaultInfo]
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(
        output = executable,
        target_file = binary.files_to_run.executable,
        is_executable = True,
    )
    data = [target[DefaultInfo] for target in ctx.attr.data]
    runfiles = ctx.runfiles(transitive_files = depset(transitive = [info.files for info in data]))
    for info in [binary] + data:
        runfiles = runfiles.merge(info.default_runfiles)
    return [
        DefaultInfo(executable = executable, runfiles = runfiles),
        testing.TestEnvironment({
            name: ctx.expand_location(value, ctx.attr.data)
            for name, value in ctx.attr.env.items()
        }),
    ]

_run_interleaved_test = rule(
    implementation = _interleaved_test,
    attrs = {
        "binary": attr.label(cfg = _points_transition, mandatory = True),
        # Not built with points: a program the test starts is what users get.
        "data": attr.label_list(allow_files = True),
        "env": attr.string_dict(),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    test = True,
)

# What says how a test is run rather than what it is made of.
_OF_THE_RUN = [
    "args",
    "data",
    "env",
    "flaky",
    "local",
    "shard_count",
    "size",
    "timeout",
    "visibility",
]

def interleaved_test(name, srcs, deps, tags = [], **kwargs):
    """Makes the test `name`, of the program `name`_with_points.

    Args:
      name: the test's.
      srcs: as of a cc_test.
      deps: as of a cc_test.
      tags: as of a cc_test.
      **kwargs: as of a cc_test.
    """
    run = {key: kwargs.pop(key) for key in _OF_THE_RUN if key in kwargs}
    native.cc_binary(
        name = name + "_with_points",
        testonly = True,
        srcs = srcs,
        # Only as a part of the test is it built with points.
        tags = tags + ["manual"],
        visibility = ["//visibility:private"],
        deps = deps,
        **kwargs
    )
    _run_interleaved_test(
        name = name,
        binary = name + "_with_points",
        tags = tags,
        **run
    )
