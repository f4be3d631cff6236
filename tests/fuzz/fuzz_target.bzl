# SPDX-License-Identifier: Apache-2.0
"""fuzz_target: a libFuzzer program, and a test that replays its corpus."""

def fuzz_target(name, corpus, deps):
    """NAME_fuzz, built upon request with --config=fuzz, and NAME_replay_test.

    Args:
      name: NAME_fuzz.cc defines LLVMFuzzerTestOneInput().
      corpus: the files that the test replays.
      deps: as of a cc_test.
    """
    native.cc_binary(
        name = name + "_fuzz",
        testonly = True,
        srcs = [name + "_fuzz.cc"],
        linkopts = ["-fsanitize=fuzzer"],
        # Clang's, and with --config=fuzz, only.
        tags = ["manual"],
        deps = deps,
    )
    native.cc_test(
        name = name + "_replay_test",
        size = "small",
        srcs = [
            "replay_main.cc",
            name + "_fuzz.cc",
        ],
        args = ["$(locations %s)" % corpus],
        data = [corpus],
        deps = deps,
    )
