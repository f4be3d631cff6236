# SPDX-License-Identifier: Apache-2.0
"""pinion_server_binary: a program that is a server, with an allocator for it."""

def pinion_server_binary(name, **kwargs):
    """A cc_binary whose allocator returns memory after a load.

    It is for programs of ServerMain() (server_main.h), and for others that
    serve. A `malloc` of your own goes before.

    Args:
      name: the program's.
      **kwargs: what a cc_binary has.
    """
    if "malloc" not in kwargs:
        kwargs["malloc"] = str(Label("//server:program_malloc"))
    native.cc_binary(name = name, **kwargs)
