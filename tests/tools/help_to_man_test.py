# SPDX-License-Identifier: Apache-2.0
#
# tools/help-to-man: a page has all that --help says, and troff reads nothing of it as
# a command of its own.
import collections
import re
import subprocess
import unittest

PROGRAMS = {
    "pinion-server": ["server/pinion-server"],
    "pinion": ["client/pinion"],
    "pinion-call": ["client/pinion", "call"],
    "pinion-bench": ["client/pinion", "bench"],
}
MACROS = {".TH", ".SH", ".SS", ".TP", ".PP", ".br", ".in", ".nf", ".fi", ".ad", ".nh"}


def page_of(help_text, *flags):
    done = subprocess.run(["tools/help-to-man", "--name=some-tool", "--section=8",
                           "--about=does a thing", "--date=2026-11-30", "--release=0.1.0", *flags],
                          input=help_text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def help_of(command):
    return subprocess.run([*command, "--help"], check=True, capture_output=True, text=True).stdout


def words(text):
    """How often each word is there; what ends it does not count."""
    return collections.Counter(word.rstrip(",.;") for word in text.split())


def shown(page):
    """What the page shows, without the headings that --help does not have."""
    lines = []
    for line in page.splitlines():
        heading = re.fullmatch(r'\.SS "(.*)"', line)
        if heading:
            lines.append(heading[1])
        elif line[0] != ".":
            lines.append(re.sub(r"\\f[BR]|^\\&", "", line).replace("\\-", "-").replace("\\e", "\\"))
    return "\n".join(lines[1:])  # The first is that of NAME.


class HelpToManTest(unittest.TestCase):

    def test_a_page_has_each_word_of_the_help_and_no_other(self):
        for name, command in PROGRAMS.items():
            with self.subTest(name):
                text = help_of(command)
                code, page, err = page_of(text)
                self.assertEqual((code, err), (0, ""))
                wanted = words(text.replace("usage:", "").replace("Exit codes:", ""))
                self.assertEqual(words(shown(page)), wanted)

    def test_only_macros_begin_with_a_stop_and_nothing_with_a_quote(self):
        for name, command in PROGRAMS.items():
            with self.subTest(name):
                for line in page_of(help_of(command))[1].splitlines():
                    self.assertTrue(line[0] != "." or line.split()[0] in MACROS, line)
                    self.assertNotEqual(line[0], "'", line)

    def test_what_troff_would_read_as_a_command_is_text(self):
        code, page, _ = page_of("usage: x\n\n.so /etc/passwd\n\n  'a \\fB --b-c\n\nExit codes: 0 .x.\n")
        self.assertEqual(code, 0)
        self.assertIn("\n\\&.so /etc/passwd\n", page)
        self.assertIn("\n\\&'a \\efB \\-\\-b\\-c\n", page)
        self.assertIn("\n\\fB0\\fR\n\\&.x\n", page)

    def test_the_parts_of_a_page_stand_in_the_order_of_man_pages(self):
        page = page_of(help_of(PROGRAMS["pinion-server"]), "--see=pinion(1), systemctl(1)")[1]
        self.assertTrue(page.startswith('.TH "SOME\\-TOOL" "8" "2026-11-30" "Pinion 0.1.0" ""\n'))
        self.assertEqual(re.findall(r'^\.SH "?([A-Z ]+)', page, re.M),
                         ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "SEE ALSO"])
        self.assertIn("\nsome\\-tool \\- does a thing\n", page)
        self.assertIn("\n\\fBpinion\\fR(1), \\fBsystemctl\\fR(1)\n", page)
        self.assertIn("\n.TP\n\\fB0\\fR\nafter a stop", page)

    def test_what_is_no_help_is_refused(self):
        for text, told in (("", "should begin with"), ("Usage: x\n", "should begin with"),
                           ("usage: x\n  --a (default: 1)\n", "--a stands below no heading")):
            code, page, err = page_of(text)
            self.assertEqual((code, page), (1, ""))
            self.assertIn(told, err)


if __name__ == "__main__":
    unittest.main()
