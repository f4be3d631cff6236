# SPDX-License-Identifier: Apache-2.0
"""binary_without_accounting: a cc_binary whose tasks' costs are not counted.

    load(":without_accounting.bzl", "binary_without_accounting")
    binary_without_accounting(
        name = "accounting_without",
        srcs = ["accounting.cc"],
        deps = ["//core:scheduler", ...],
    )

It takes what cc_binary takes. What it is made of is compiled once more for it.
"""

def _without(_settings, _attr):
    return {"//core:accounting": False}

_without_transition = transition(
    implementation = _without,
    inputs = [],
    outputs = ["//core:accounting"],
)

def _impl(ctx):
    # An attribute with a transition is a list, here of one.
    binary = ctx.attr.binary[0][DefaultInfo]
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(
        output = executable,
        target_file = binary.files_to_run.executable,
        is_executable = True,
    )
    return [DefaultInfo(executable = executable, runfiles = binary.default_runfiles)]

_built_without = rule(
    implementation = _impl,
    attrs = {
        "binary": attr.label(cfg = _without_transition, mandatory = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    executable = True,
)

def binary_without_accounting(name, testonly = False, **kwargs):
    """Makes the program `name`.

    Args:
      name: the program's.
      testonly: as of a cc_binary.
      **kwargs: as of a cc_binary.
    """
    native.cc_binary(
        name = name + "_binary",
        testonly = testonly,
        # Only as a part of the other is it built without.
        tags = ["manual"],
        visibility = ["//visibility:private"],
        **kwargs
    )
    _built_without(
        name = name,
        testonly = testonly,
        binary = name + "_binary",
    )
