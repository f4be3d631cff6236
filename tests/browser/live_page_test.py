#!/usr/bin/env -S /usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""The live page of a real server in a real browser: a worker sticks, the page
says which, on what and where; it recovers, and the page says so.

With --pictures FOLDER it also writes the pictures of docs/pictures there.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import NARROW, WIDE, Browser  # pylint: disable=wrong-import-position

SERVER = 'server/pinion-server'
TOOL = 'client/pinion'
METHOD = '/pinion.echo.v1.EchoService/EchoKeyed'
# A stranger may choose a key like this.
KEY = '<img src=x onerror=document.title=1><b>cart</b>'

pictures = None


def key_request(key, block_us=0):
    escaped = key.replace('"', '\\"')
    return f'{{"key": "{escaped}", "block_us": {block_us}}}'


class LivePageTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='pinion-')
        self.addCleanup(folder.cleanup)
        self.socket = os.path.join(folder.name, 'admin')
        self.children = []
        self.server = subprocess.Popen(
            [
                SERVER, '--listen=127.0.0.1:0', '--admin=127.0.0.1:0',
                f'--admin_socket={self.socket}', '--echo', '--workers=2',
                '--show_keys', '--sample_calls=1', '--stall_after=100ms',
            ],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.end_all)
        self.address = self.page_address = None
        while self.address is None or self.page_address is None:
            line = self.server.stdout.readline()
            self.assertTrue(line, 'the server ended before it said where its '
                            'page is')
            found = re.match(r'listening on (\S+?);', line)
            if found:
                self.address = found.group(1)
            found = re.match(r'admin page on (\S+)', line)
            if found:
                self.page_address = f'http://{found.group(1)}/'

    def end_all(self):
        for child in self.children:
            child.kill()
            child.wait()
        self.server.terminate()
        self.server.stdout.read()
        self.server.wait()

    def begin_call(self, key, block_us=0):
        child = subprocess.Popen(
            [TOOL, 'call', f'--target={self.address}', '--timeout=60s', METHOD,
             key_request(key, block_us)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.children.append(child)

    def call(self, key):
        subprocess.run([TOOL, 'call', f'--target={self.address}', METHOD,
                        key_request(key)],
                       check=True, stdout=subprocess.DEVNULL)

    def fits(self, page):
        return page.value('document.documentElement.scrollWidth <= '
                          'document.documentElement.clientWidth')

    def draw(self, page, name):
        if pictures is not None:
            page.picture(os.path.join(pictures, name))

    def test_it_tells_which_worker_sticks_on_what_and_that_it_recovers(self):
        for key in 'apples', 'pears', 'plums':
            self.call(key)
        with Browser() as browser:
            page = browser.open(self.page_address)
            page.show_as(WIDE, dark=False)
            page.await_true('document.getElementById("link") !== null && '
                            'document.getElementById("link").className === '
                            '"live"')
            page.await_true('document.querySelectorAll('
                            '"#workers tbody tr[id]").length === 2')
            self.assertIsNone(page.value(
                'document.querySelector("tr.stalled")'))

            # Until the caller is killed, below.
            self.begin_call(KEY, block_us=60_000_000)  # The most.
            page.await_true('document.querySelector("tr.stalled") !== null')
            row = page.value('document.querySelector("tr.stalled").innerText')
            self.assertIn('STALLED', row)
            self.assertIn(METHOD, row)
            self.assertIn(KEY, row)

            # Those who wait behind it are counted in its row.
            for _ in range(3):
                self.begin_call(KEY)
            page.await_true('[...document.querySelectorAll("tr.stalled td")]'
                            '.some((cell) => cell.dataset.name === "waiting" '
                            '&& cell.textContent === "3")')

            # It is busy, though its round has not ended.
            page.await_true('document.querySelector("tr.stalled").innerText'
                            '.includes("100 %")')

            # The stall and the line of code in which it is.
            page.await_true('document.querySelector("#stalls pre") !== null')
            self.assertIn(KEY, page.value(
                'document.querySelector("#stalls").innerText'))
            self.assertRegex(
                page.value('document.querySelector("#stalls pre").innerText'),
                'AskedWork|Block|wait')
            self.assertIn('it was blocked', page.value(
                'document.querySelector("#stalls").innerText'))

            # What a stranger named is text.
            self.assertEqual(0, page.value(
                'document.querySelectorAll("img, b > b, main b:not(.tile b)")'
                '.length'))
            self.assertNotEqual('1', page.value('document.title'))

            self.assertTrue(self.fits(page))
            self.draw(page, 'live_page.png')
            page.show_as(NARROW, dark=True)
            self.assertTrue(self.fits(page), 'a narrow window scrolls sideways')
            self.assertNotEqual(
                'rgb(251, 251, 250)',
                page.value('getComputedStyle(document.body).backgroundColor'))
            self.draw(page, 'live_page_narrow.png')
            page.show_as(WIDE, dark=False)
            self.draw_top(browser)

            # The caller gives up, and the worker goes on.
            self.children[0].kill()
            page.await_true('document.querySelector("tr.stalled") === null')
            page.await_true('document.querySelector("#stalls").innerText'
                            '.includes("it has ended")')
            page.await_true('document.querySelector("#slow").innerText'
                            f'.includes({METHOD!r})')
            page.await_true('document.querySelector("#hot").innerText'
                            '.includes("plums")')

            wrong, asked = page.complaints()
            self.assertEqual([], wrong)
            for address in asked:
                self.assertTrue(address.startswith(self.page_address), address)

    def test_numbers_keys_and_codes_are_as_people_read_them(self):
        with Browser() as browser:
            page = browser.open(self.page_address)
            page.await_true('document.getElementById("link") !== null && '
                            'document.getElementById("link").className === '
                            '"live"')
            for expression, text in [
                    ('count(0.123)', '0.12'),
                    ('count(0.997)', '1.0'),
                    ('count(9.94)', '9.9'),
                    ('count(9.96)', '10'),
                    ('count(99.7)', '100'),
                    ('count(1234567)', '1,234,567'),
                    ('span(999)', '999 ns'),
                    ('span(1000)', '1.00 us'),
                    ('span(999499)', '999 us'),
                    ('span(999999)', '1.00 ms'),
                    ('span(999499999)', '999 ms'),
                    ('span(999999999)', '1.0 s'),
                    # As the tool has it.
                    ('keyText({hash: "17", slot: 12})',
                     '#0000000000000011 slot 12'),
            ]:
                self.assertEqual(text, page.value(expression), expression)
            codes = page.value(
                'showSlow({slowest: [{code: 5}, {kept: true}]});'
                '[...document.querySelectorAll("#slow td")]'
                '.filter((cell) => cell.dataset.name === "code")'
                '.map((cell) => cell.textContent).join()')
            self.assertEqual('5,kept', codes)

    def test_there_are_no_rates_between_two_processes(self):
        with Browser() as browser:
            page = browser.open(self.page_address)
            page.await_true('document.querySelectorAll('
                            '"#workers tbody tr[id]").length === 2')
            # At once, so that no event of the server comes between.
            kept = page.value('[[1, 5], [1, 5], [2, 5], [2, 6]].map((info) => {'
                              '  before = {};'
                              '  showInfo({process_id: info[0],'
                              '            started_ms: `${info[1]}`});'
                              '  return before !== null;'
                              '})')
            self.assertEqual([False, True, False, False], kept)

    def draw_top(self, browser):
        """The same moment, as `pinion top` has it."""
        text = subprocess.run(
            [TOOL, 'top', '--once', f'--admin={self.socket}'], check=True,
            capture_output=True, text=True,
            env={**os.environ, 'COLUMNS': '100'}).stdout
        self.assertIn('STALLED', text)
        page = browser.open('about:blank')
        page.show_as((860, 420), dark=True)
        page.value('document.body.append(document.createElement("pre"))')
        page.value('document.querySelector("pre").textContent = '
                   f'{json.dumps(text)}')
        page.value('document.body.style.cssText = "margin: 0; padding: 12px;'
                   'background: #15171a; color: #e4e6e8;'
                   'font: 13px/1.35 DejaVu Sans Mono, monospace"')
        self.draw(page, 'pinion_top.png')

    def test_it_says_when_the_server_is_gone(self):
        with Browser() as browser:
            page = browser.open(self.page_address)
            page.await_true('document.getElementById("link") !== null && '
                            'document.getElementById("link").className === '
                            '"live"')
            self.server.terminate()
            page.await_true('document.getElementById("link").className === '
                            '"lost"')
            self.assertIn('trying again', page.value(
                'document.getElementById("link").innerText'))

    def test_it_says_when_a_frozen_server_sends_nothing(self):
        with Browser() as browser:
            page = browser.open(self.page_address)
            page.await_true('document.getElementById("link") !== null && '
                            'document.getElementById("link").className === '
                            '"live"')
            self.server.send_signal(signal.SIGSTOP)
            self.addCleanup(self.server.send_signal, signal.SIGCONT)
            page.await_true('document.getElementById("link").className === '
                            '"lost"')
            self.assertRegex(
                page.value('document.getElementById("link").innerText'),
                r'no news \(state\) for \d+ s; what you see of it is old')
            self.server.send_signal(signal.SIGCONT)
            page.await_true('document.getElementById("link").className === '
                            '"live"')
            # One of the events alone, at once, so that none comes between.
            self.assertEqual('no news (slow) for 11 s; what you see of it is '
                             'old', page.value(
                                 'kinds.slow.heard = performance.now() - 11000;'
                                 'sayIfLive();'
                                 'document.getElementById("link").innerText'))


if __name__ == '__main__':
    if len(sys.argv) > 2 and sys.argv[1] == '--pictures':
        pictures = os.path.abspath(sys.argv[2])
        del sys.argv[1:3]
    unittest.main(verbosity=2)
