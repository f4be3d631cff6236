# SPDX-License-Identifier: Apache-2.0
"""Profile: what callgrind has written of one run, and which part of the program
each instruction belongs to.

A function that begins a part belongs to it. Any other function belongs to the
parts of its callers, to each by what that one's calls of it cost. So the copying
of bytes, or the allocator, belongs to whoever needed it.
"""
import collections

# What hands out memory. One may call another, which counts once.
ALLOCATORS = ("malloc", "calloc", "realloc", "aligned_alloc", "memalign", "posix_memalign",
              "operator new(", "operator new[](")

# So often shares are passed on from callers to callees: as often as calls are
# nested, and more where functions call each other in circles.
ROUNDS = 200
CLOSE_ENOUGH = 1e-9

Function = collections.namedtuple("Function", "object name")


class Edge:
    """All calls of one function by another."""

    def __init__(self):
        self.calls, self.cost = 0, 0


class Profile:
    """`own`: instructions of each function without those that it calls.
    `edges`: by caller and callee."""

    def __init__(self, lines):
        self.own = collections.Counter()
        self.edges = collections.defaultdict(Edge)
        self._read(lines)

    def _read(self, lines):
        """Callgrind's format, with names and positions that are not shortened."""
        obj = callee_obj = callee = function = None
        calls = 0
        for line in lines:
            key, equals, value = line.rstrip("\n").partition("=")
            if key == "ob":
                obj = value
            elif key == "fn":
                function, callee_obj = Function(obj, value), obj
            elif key == "cob":
                callee_obj = value
            elif key == "cfn":
                callee, callee_obj = Function(callee_obj, value), obj
            elif key == "calls":
                calls = int(value.split()[0])
            elif not equals and line[:1].isdigit() and function is not None:
                words = line.split()
                cost = int(words[1]) if len(words) > 1 else 0
                if callee is None:
                    self.own[function] += cost
                    continue
                edge = self.edges[function, callee]
                edge.calls, edge.cost, callee = edge.calls + calls, edge.cost + cost, None

    def functions(self):
        functions = set(self.own)
        for caller, callee in self.edges:
            functions |= {caller, callee}
        return functions

    def instructions(self):
        return sum(self.own.values())

    def shares(self, part_of, part_behind):
        """Of each function, the shares of the parts that it belongs to; they add up
        to 1. `part_of(function)` is the part that it begins, or None.
        `part_behind(part, callee)` is the part of a function that begins none,
        for its caller's part."""
        begins = {function: part_of(function) for function in self.functions()}
        callers = collections.defaultdict(list)
        for (caller, callee), edge in self.edges.items():
            if caller != callee and begins[callee] is None:
                # A call that has cost nothing says as little about its callee.
                callers[callee].append((caller, max(edge.cost, 1)))
        shares = {f: {part: 1.0} if part else {} for f, part in begins.items()}
        for _ in range(ROUNDS):
            change = 0.0
            for function, edges in callers.items():
                sums = collections.Counter()
                for caller, cost in edges:
                    for part, share in shares[caller].items():
                        sums[part_behind(part, function)] += share * cost
                total = sum(sums.values())
                new = {part: one / total for part, one in sums.items()} if total else {}
                change += sum(abs(new.get(p, 0) - shares[function].get(p, 0))
                              for p in new.keys() | shares[function].keys())
                shares[function] = new
            if change < CLOSE_ENOUGH:
                break
        return shares

    def instructions_of_parts(self, shares, rest):
        """What nothing leads to belongs to `rest`."""
        parts = collections.Counter()
        for function, cost in self.own.items():
            for part, share in (shares[function] or {rest: 1.0}).items():
                parts[part] += share * cost
        return parts

    def allocations_of_parts(self, shares, rest):
        """How often memory was asked for."""
        parts = collections.Counter()
        for (caller, callee), edge in self.edges.items():
            if is_allocator(callee) and not is_allocator(caller):
                for part, share in (shares[caller] or {rest: 1.0}).items():
                    parts[part] += share * edge.calls
        return parts


def is_allocator(function):
    return function.name.startswith(ALLOCATORS[-2:]) or function.name in ALLOCATORS
