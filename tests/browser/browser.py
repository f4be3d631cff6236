# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium that a test drives by its DevTools protocol, over pipes.

Threads: the test's only.
Example:
    with Browser() as browser:
        page = browser.open('http://127.0.0.1:8080/')
        page.await_true('document.querySelector("h1") !== null')
        page.picture('page.png')

Needs /usr/bin/chromium-headless-shell, or the program that CHROMIUM names.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile

# Where a browser draws a page for a person with a wide or a narrow window.
WIDE = (1180, 900)
NARROW = (390, 844)


class Browser:
    def __init__(self):
        self._folder = tempfile.mkdtemp(prefix='pinion-browser-')
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()

        def hand_over():  # It expects its pipes as descriptors 3 and 4.
            os.dup2(to_browser, 103)
            os.dup2(from_browser, 104)
            os.dup2(103, 3)
            os.dup2(104, 4)

        program = os.environ.get('CHROMIUM', 'chromium-headless-shell')
        self._process = subprocess.Popen(
            [
                program,
                '--remote-debugging-pipe',
                '--no-sandbox',  # A test may run as root.
                '--disable-gpu',
                '--disable-dev-shm-usage',
                '--no-proxy-server',
                f'--user-data-dir={self._folder}',
                'about:blank',
            ],
            pass_fds=(3, 4),
            preexec_fn=hand_over,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, 'HOME': self._folder},
        )
        os.close(to_browser)
        os.close(from_browser)
        self._rest = b''
        self._number = 0
        self.events = []  # What it has told, besides answers.

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Closing its pipe ends it.
        os.close(self._write)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)
        shutil.rmtree(self._folder, ignore_errors=True)

    def call(self, method, session=None, **parameters):
        """Asks the browser for something, and returns its answer."""
        self._number += 1
        message = {'id': self._number, 'method': method, 'params': parameters}
        if session is not None:
            message['sessionId'] = session
        os.write(self._write, json.dumps(message).encode() + b'\0')
        while True:
            told = self._next()
            if told.get('id') != self._number:
                self.events.append(told)
            elif 'error' in told:
                raise RuntimeError(f'{method}: {told["error"]}')
            else:
                return told['result']

    def open(self, address):
        target = self.call('Target.createTarget', url='about:blank')
        session = self.call('Target.attachToTarget',
                            targetId=target['targetId'],
                            flatten=True)['sessionId']
        page = Page(self, session)
        page.go(address)
        return page

    def _next(self):
        while b'\0' not in self._rest:
            more = os.read(self._read, 1 << 16)
            if not more:
                raise RuntimeError('the browser has ended')
            self._rest += more
        message, self._rest = self._rest.split(b'\0', 1)
        return json.loads(message)


class Page:
    def __init__(self, browser, session):
        self._browser = browser
        self._session = session
        for domain in 'Page', 'Runtime', 'Log', 'Network':
            self.call(domain + '.enable')

    def call(self, method, **parameters):
        return self._browser.call(method, self._session, **parameters)

    def go(self, address):
        answer = self.call('Page.navigate', url=address)
        if 'errorText' in answer:
            raise RuntimeError(f'{address}: {answer["errorText"]}')

    def value(self, expression):
        """What the JavaScript expression is on the page; awaits a promise."""
        answer = self.call('Runtime.evaluate', expression=expression,
                           returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in answer:
            raise RuntimeError(f'{expression}: {answer["exceptionDetails"]}')
        return answer['result'].get('value')

    def await_true(self, expression):
        """Waits until the expression is true, looking at each change of the
        page. It has no limit of its own: the test's holds."""
        self.value(f'''new Promise((resolve) => {{
          const look = () => {{
            if (!({expression})) return;
            watch.disconnect();
            resolve();
          }};
          const watch = new MutationObserver(look);
          watch.observe(document, {{subtree: true, childList: true,
                                    attributes: true, characterData: true}});
          look();
        }})''')

    def show_as(self, size, dark):
        """The window's size in pixels, and whether its colours are dark."""
        self.call('Emulation.setDeviceMetricsOverride', width=size[0],
                  height=size[1], deviceScaleFactor=1, mobile=False)
        self.call('Emulation.setEmulatedMedia', features=[{
            'name': 'prefers-color-scheme',
            'value': 'dark' if dark else 'light',
        }])

    def picture(self, path):
        answer = self.call('Page.captureScreenshot', format='png',
                           captureBeyondViewport=True)
        with open(path, 'wb') as file:
            file.write(base64.b64decode(answer['data']))

    def complaints(self):
        """What the browser has found wrong with the page, and the addresses that
        the page has asked, so far."""
        self.call('Runtime.evaluate', expression='0')  # All before has come.
        wrong, asked = [], set()
        for event in self._browser.events:
            if event.get('sessionId') != self._session:
                continue
            told = event['params']
            if event['method'] == 'Runtime.exceptionThrown':
                wrong.append(told['exceptionDetails'])
            elif event['method'] == 'Log.entryAdded':
                if told['entry']['level'] in ('error', 'warning'):
                    wrong.append(told['entry'])
            elif event['method'] == 'Network.requestWillBeSent':
                asked.add(told['request']['url'])
        return wrong, asked
