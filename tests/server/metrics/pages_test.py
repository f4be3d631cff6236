# SPDX-License-Identifier: Apache-2.0
"""docs/metrics.md has each metric of a real server, as that tells it, and no
other; the dashboard and the alerts ask for metrics and labels that it tells."""

import json
import re
import subprocess
import sys
import unittest

import yaml

HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")
# Labels that Prometheus adds, or that a histogram's bucket has.
ADDED = {"instance", "job", "le"}


class Metrics:
    """What the server tells: types, helps, and labels with their values."""

    def __init__(self, text):
        self.types = {}
        self.helps = {}
        self.labels = {}  # name -> label -> values
        for line in text.splitlines():
            if line.startswith("# HELP "):
                name, self.helps[name] = line[len("# HELP "):].split(" ", 1)
            elif line.startswith("# TYPE "):
                name, self.types[name] = line[len("# TYPE "):].split(" ")
                self.labels[name] = {}
            else:
                match = re.fullmatch(r"(\w+)(?:\{(.*)\})? \S+", line)
                if match is None:
                    raise ValueError(line)
                of = self.labels[self.family(match[1])]
                for label, value in re.findall(r'(\w+)="([^"]*)"', match[2] or ""):
                    of.setdefault(label, set()).add(value)

    def family(self, name):
        """The metric of which `name` is a line; None: there is none."""
        if name in self.types:
            return None if self.types[name] == "histogram" else name
        for part in HISTOGRAM_PARTS:
            stem = name.removesuffix(part)
            if stem != name and self.types.get(stem) == "histogram":
                return stem
        return None


def rows_of(page):
    """name -> (type, labels, meaning), of the tables of docs/metrics.md."""
    rows = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and re.fullmatch(r"`\w+`", cells[0]):
            name = cells[0].strip("`")
            if name in rows:
                raise ValueError(name + " is there twice")
            labels = re.findall(r"`(\w+)`", cells[2])
            rows[name] = (cells[1], labels, cells[3])
    return rows


# Words of PromQL that are followed by no name of a metric.
WORDS = {
    "and", "or", "unless", "by", "on", "ignoring", "without", "group_left",
    "group_right", "sum", "count", "max", "min", "avg", "rate", "increase",
    "histogram_quantile", "time", "bool", "label_values",
}


def mistakes_of(expression, metrics):
    """What `expression` asks for and the server does not tell."""
    mistakes = []
    used_labels = set()
    # The selectors first: a metric, its labels and the values asked for.
    for name, labels in re.findall(r"\b([a-z]\w*_\w+)\b(?:\{([^}]*)\})?", expression):
        if name in WORDS:
            continue
        family = metrics.family(name)
        if family is None:
            if not any(name in known for known in metrics.labels.values()):
                mistakes.append(f"there is no metric {name}")
            continue
        known = metrics.labels[family]
        used_labels |= set(known)
        for label, operator, value in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', labels):
            if label in ADDED:
                continue
            if label not in known:
                mistakes.append(f"{name} has no label {label}")
            elif not value.startswith("$"):
                for each in value.split("|"):
                    if each not in known[label]:
                        mistakes.append(f"{name}: {label} is never {each}")
    for group in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression):
        for label in re.split(r"\s*,\s*", group.strip()):
            if label not in used_labels | ADDED:
                mistakes.append(f"no metric there has the label {label}")
    return mistakes


class PagesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        text = subprocess.run(
            ["tests/server/metrics/print_metrics"],
            check=True, capture_output=True, text=True,
        ).stdout
        cls.metrics = Metrics(text)
        with open("docs/metrics.md", encoding="utf-8") as page:
            cls.rows = rows_of(page.read())

    def test_the_page_has_each_metric_and_no_other(self):
        self.assertGreater(len(self.rows), 60)
        self.assertEqual(sorted(self.rows), sorted(self.metrics.types))

    def test_the_page_says_what_the_server_says(self):
        for name, (kind, labels, meaning) in self.rows.items():
            with self.subTest(name):
                self.assertEqual(kind, self.metrics.types[name])
                told = set(self.metrics.labels[name]) - {"le"}
                self.assertEqual(set(labels), told)
                self.assertEqual(meaning, self.metrics.helps[name])

    def test_the_dashboard_asks_for_what_there_is(self):
        with open("docs/grafana/pinion.json", encoding="utf-8") as file:
            dashboard = json.load(file)
        asked = [
            target["expr"]
            for panel in dashboard["panels"]
            for target in panel.get("targets", [])
        ]
        self.assertGreater(len(asked), 30)
        for expression in asked:
            with self.subTest(expression):
                self.assertEqual(mistakes_of(expression, self.metrics), [])
        for variable in dashboard["templating"]["list"]:
            if variable["type"] != "query":
                continue
            name, label = re.fullmatch(
                r"label_values\((\w+), (\w+)\)", variable["definition"]
            ).groups()
            self.assertIn(label, set(self.metrics.labels[name]) | ADDED)

    def test_each_part_of_the_dashboard_has_panels(self):
        with open("docs/grafana/pinion.json", encoding="utf-8") as file:
            panels = json.load(file)["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        kinds = [panel["type"] for panel in panels]
        rows = [i for i, kind in enumerate(kinds) if kind == "row"]
        self.assertGreaterEqual(len(rows), 9)
        for row in rows:
            self.assertEqual(kinds[row + 1], "timeseries", panels[row]["title"])

    def test_the_alerts_ask_for_what_there_is(self):
        with open("docs/alerts/pinion.yaml", encoding="utf-8") as file:
            rules = yaml.safe_load(file)["groups"][0]["rules"]
        self.assertGreater(len(rules), 8)
        for rule in rules:
            with self.subTest(rule["alert"]):
                self.assertEqual(mistakes_of(rule["expr"], self.metrics), [])
                self.assertIn(rule["labels"]["severity"], ("page", "ticket"))
                self.assertIn("summary", rule["annotations"])

    def test_what_is_not_there_is_found(self):
        for expression, mistake in (
            ("pinion_no_such_total > 1", "no metric pinion_no_such_total"),
            ('pinion_worker_stalled{service="a"} > 0', "no label service"),
            ("grpc_server_handling_seconds > 0", "no metric grpc_server_handling"),
            ('pinion_calls_answered_total{outcome="lost"}', "outcome is never lost"),
            ("sum by (key) (pinion_worker_stalled)", "the label key"),
        ):
            with self.subTest(expression):
                self.assertIn(mistake, str(mistakes_of(expression, self.metrics)))


if __name__ == "__main__":
    sys.exit(unittest.main())
