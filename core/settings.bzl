# SPDX-License-Identifier: Apache-2.0
"""Build settings that only a transition can change.

    load("//core:settings.bzl", "transition_setting")
    transition_setting(name = "interleaving_points", build_setting_default = False)
"""

def _holds_a_value(_ctx):
    return []

# No flag of the command line, so that nobody ships a build meant for tests.
transition_setting = rule(
    implementation = _holds_a_value,
    build_setting = config.bool(flag = False),
    doc = "True or False; a transition names it among its outputs.",
)
