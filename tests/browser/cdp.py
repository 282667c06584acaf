"""A headless Chromium, told what to do through its debugging pipe.

    with Browser() as browser:
        page = browser.page(width=390, height=844, dark=True)
        page.go("http://127.0.0.1:9169/")
        page.run("document.title")
"""

import base64
import collections
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
SECONDS = 60


def program():
    """The first of them that is here."""
    return next((found for found in map(shutil.which, NAMES) if found), None)


class Browser:
    def __init__(self):
        self.number, self.rest = 0, b""
        self.events = collections.defaultdict(list)     # by session

    def __enter__(self):
        self.profile = tempfile.TemporaryDirectory(prefix="tftpd-browser-")
        told, self.tell = os.pipe()
        self.hear, said = os.pipe()
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" 3<&{told} 4>&{said}', "sh", program(), "--headless", "--no-sandbox",
             "--remote-debugging-pipe", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--hide-scrollbars", "--force-color-profile=srgb", f"--user-data-dir={self.profile.name}"],
            pass_fds=(told, said), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(told)
        os.close(said)
        return self

    def __exit__(self, *_):
        os.close(self.tell)
        os.close(self.hear)
        self.process.kill()
        self.process.wait()
        # its children may still write into it
        shutil.rmtree(self.profile.name, ignore_errors=True)
        self.profile._finalizer.detach()

    def message(self, deadline):
        """The next thing that it says."""
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.hear], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("the browser says nothing")
            part = os.read(self.hear, 1 << 20)
            if not part:
                raise EOFError("the browser has gone")
            self.rest += part
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session=None, **params):
        self.number += 1
        said = {"id": self.number, "method": method, "params": params}
        if session:
            said["sessionId"] = session
        os.write(self.tell, json.dumps(said).encode() + b"\0")
        deadline = time.monotonic() + SECONDS
        while True:
            told = self.message(deadline)
            if told.get("id") == self.number:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']}")
                return told["result"]
            self.events[told.get("sessionId")].append(told)

    def page(self, **how):
        return Page(self, **how)


class Page:
    def __init__(self, browser, width=1280, height=900, dark=False, scripts=True):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.target = target
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", media="screen", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        if not scripts:
            self.call("Emulation.setScriptExecutionDisabled", value=True)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def seen(self, method):
        return [event["params"] for event in self.browser.events[self.session] if event["method"] == method]

    def wait(self, method, count=1):
        deadline = time.monotonic() + SECONDS
        while len(self.seen(method)) < count:
            told = self.browser.message(deadline)
            self.browser.events[told.get("sessionId")].append(told)

    def go(self, url):
        loads = len(self.seen("Page.loadEventFired"))
        told = self.call("Page.navigate", url=url)
        if "errorText" in told:
            raise RuntimeError(f"{url}: {told['errorText']}")
        self.wait("Page.loadEventFired", loads + 1)

    def run(self, expression):
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise RuntimeError(f"{expression}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def until(self, expression, what, seconds=30):
        """Until it is true."""
        deadline = time.monotonic() + seconds
        while not self.run(expression):
            if time.monotonic() > deadline:
                raise AssertionError(f"not seen: {what}")
            time.sleep(0.1)

    def complaints(self):
        """Errors and warnings of the console, violations of the policy, scripts that failed, dialogs."""
        self.run("0")
        return ([f"{e['entry']['source']}: {e['entry']['text']} {e['entry'].get('url', '')}"
                 for e in self.seen("Log.entryAdded") if e["entry"]["level"] in ("warning", "error")] +
                [f"console: {e['args']}" for e in self.seen("Runtime.consoleAPICalled")] +
                [f"exception: {e['exceptionDetails']['text']}" for e in self.seen("Runtime.exceptionThrown")] +
                [f"dialog: {e['message']}" for e in self.seen("Page.javascriptDialogOpening")])

    def requests(self):
        return [e["request"]["url"] for e in self.seen("Network.requestWillBeSent")]

    def picture(self, path):
        """All of the page, as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        told = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                         clip={"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16000),
                               "scale": 1})
        pathlib.Path(path).write_bytes(base64.b64decode(told["data"]))

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)
