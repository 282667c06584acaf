#!/usr/bin/env python3
"""The dashboard in a real browser: how it looks, and that nobody's file name runs in it.

    run.py --build DIR [--out DIR]

Needs Chromium (Debian's chromium-headless-shell).  Pictures of each scene at 1280 and
390 pixels, light and dark, are left in --out, to be looked at.
"""

import argparse
import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
import cdp
import pagescene

WIDTHS = (1280, 390)
# What is wider than the screen, and where somebody's name became an element of its own.
WIDE = "document.documentElement.scrollWidth > innerWidth"
FOREIGN = "document.querySelectorAll('img, iframe, object, script:not([nonce]), [onerror], [onmouseover]').length"
# Everything that can be seen must be on the screen, but in boxes that can be moved.
OUTSIDE = """[...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll, svg, .visually-hidden') &&
    e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 90))"""


class Server:
    """Each connection gets a tftpd-status, as from xinetd."""

    def __init__(self, program, *args):
        self.command = [str(program), *map(str, args)]
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                with client:
                    process = subprocess.Popen(self.command, stdin=client, stdout=client, cwd="/")
                threading.Thread(target=process.wait, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def check(is_right, what):
    if not is_right:
        raise AssertionError(what)


class Scene:
    """A folder with log, live table and state, and what serves them."""

    def __init__(self, args, name):
        self.args, self.name = args, name

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="tftpd-page-")))
        self.folder.chmod(0o755)
        (self.folder / "state").mkdir(0o777)
        (self.folder / "state").chmod(0o777)
        self.log, self.live = self.folder / "transfers.jsonl", self.folder / "live"
        self.table = None
        how = ["--user", "nobody"] if os.geteuid() == 0 else []
        self.server = Server(self.args.build / "tftpd-status", "--log", self.log, "--table", self.live,
                             "--state", self.folder / "state", *how)
        self.stack.callback(self.server.close)
        return self

    def __exit__(self, *problem):
        self.stack.close()

    def run_table(self, **how):
        self.table = pagescene.Table(self.live, self.log, **how)
        self.stack.callback(self.table.file.close)
        return self.table


def look(browser, scene, path="", also=None):
    """At each width, in light and dark; then it is told of."""
    for width in WIDTHS:
        for dark in (False, True):
            page = browser.page(width=width, height=900 if width > 600 else 844, dark=dark)
            where = f"{scene.name} at {width}, {'dark' if dark else 'light'}"
            page.go(scene.server.url + path)
            page.picture(scene.args.out / f"{scene.name}-{width}-{'dark' if dark else 'light'}.png")
            check(not page.run(WIDE), f"{where}: it is wider than the screen")
            check(page.run(OUTSIDE) == [], f"{where}: outside of the screen: {page.run(OUTSIDE)}")
            check(page.run(FOREIGN) == 0, f"{where}: a name became an element")
            check(page.run("document.title").startswith("tftpd on "), f"{where}: the title was changed")
            check(all(url.startswith((scene.server.url, "data:image/svg")) for url in page.requests()),
                  f"{where}: it asks others: {page.requests()}")
            if also:
                also(page, where)
            check(page.complaints() == [], f"{where}: {page.complaints()}")
            page.close()


def nothing(browser, args):
    with Scene(args, "no-log") as scene:
        look(browser, scene, also=lambda page, where: check(
            page.run("document.querySelector('#no-log').innerText").startswith("There is no log yet"), where))
    with Scene(args, "no-requests") as scene:
        pagescene.Log().add(3 * 86400, b"old").save(scene.log)
        scene.run_table()
        look(browser, scene, also=lambda page, where: check(
            page.run("document.querySelector('#no-requests') !== null"), where))


def some(browser, args):
    with Scene(args, "one-live") as scene:
        pagescene.Log().day().save(scene.log)
        scene.run_table().add(b"images/debian-13/initrd.gz", done=0.42, seconds=12)
        look(browser, scene, also=lambda page, where: check(
            page.run("document.querySelectorAll('#live tbody tr').length") == 1, f"{where}: rows"))


def many(browser, args):
    with Scene(args, "1000-live") as scene:
        pagescene.Log().day(900, hours=168).save(scene.log)
        scene.run_table(problem="/etc/tftpd.conf:12: 'max-tranfers' is not an option").many(1000)

        def count(page, where):
            check(page.run("document.querySelector('#active').value") == "1000", f"{where}: how many")
            check(page.run("document.querySelectorAll('#live tbody tr').length") == 50, f"{where}: rows")
        look(browser, scene, "?window=7d", count)


def hostile(browser, args):
    with Scene(args, "hostile") as scene:
        pagescene.Log().hostile().save(scene.log)
        table = scene.run_table()
        for name in pagescene.HOSTILE:
            table.add(name)
        look(browser, scene, "?window=15m", lambda page, where: check(
            page.run("document.querySelectorAll('#live tbody tr').length") == len(pagescene.HOSTILE),
            f"{where}: rows"))


def refreshed(browser, args):
    """The page takes what is new, and where it was scrolled to and what had the focus stays."""
    with Scene(args, "refresh") as scene:
        log = pagescene.Log().day(30)
        log.save(scene.log)
        table = scene.run_table()
        table.many(40)
        page = browser.page(width=390, height=844)
        page.go(scene.server.url)
        page.run("document.querySelector('#over-time').open = true;"
                 "document.querySelector('#live-box').scrollTop = 120;"
                 "document.querySelector('#window-7d').focus(); scrollTo(0, 900)")
        table.add(b"brand-new", seconds=0.1)
        log.add(1, b"just-ended").save(scene.log)
        before = page.run("document.querySelector('#requests').value")
        page.until("document.querySelector('#active').value === '41'", "the new transfer")
        check(int(page.run("document.querySelector('#requests').value")) == int(before) + 1, "the new end")
        check(page.run("document.querySelector('#over-time').open"), "the table was closed")
        check(page.run("document.querySelector('#live-box').scrollTop") == 120, "the box was moved")
        check(page.run("document.activeElement.id") == "window-7d", "the focus was lost")
        check(page.run("scrollY") == 900, f"the page was moved to {page.run('scrollY')}")
        page.run("document.querySelector('#pause').click()")
        check(page.run("document.querySelector('#fresh').innerText") == "Paused", "it is paused")
        page.run("document.querySelector('#pause').click()")
        page.until("document.querySelector('#fresh').innerText.startsWith('Updated')", "it goes on")
        check(page.complaints() == [], f"complaints: {page.complaints()}")
        scene.server.close()
        page.until("document.querySelector('#lost').innerText === 'Connection lost'", "the connection is lost")
        page.close()


def without_scripts(browser, args):
    """It reloads by itself, and has nothing that does not work."""
    with Scene(args, "no-script") as scene:
        pagescene.Log().day(30).save(scene.log)
        scene.run_table().many(3)
        page = browser.page(width=1280, scripts=False)
        page.go(scene.server.url)
        page.picture(args.out / "no-script-1280-light.png")
        text = page.call("DOM.getOuterHTML", nodeId=page.call("DOM.getDocument", depth=-1)["root"]["nodeId"])
        check('http-equiv="refresh"' in text["outerHTML"], "no refresh")
        check('id="pause" aria-pressed="false" hidden' in text["outerHTML"], "a button that does nothing")
        page.close()


TESTS = (("no log, no requests", nothing), ("one transfer runs", some), ("a thousand run", many),
         ("hostile names", hostile), ("it is refreshed", refreshed), ("without scripts", without_scripts))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help="where tftpd-status was built")
    parser.add_argument("--out", type=pathlib.Path, help="where the pictures go; default: BUILD/browser")
    args = parser.parse_args()
    args.build = args.build.resolve()
    args.out = (args.out or args.build / "browser").resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    if not cdp.program():
        print("SKIP no Chromium here (Debian: chromium-headless-shell)")
        return 77
    failed = 0
    with cdp.Browser() as browser:
        for name, test in TESTS:
            try:
                test(browser, args)
                print(f"ok   {name}", flush=True)
            except (AssertionError, RuntimeError, TimeoutError) as error:
                failed += 1
                print(f"FAIL {name}: {error}", flush=True)
    print(f"{len(TESTS) - failed} of {len(TESTS)} passed; pictures: {args.out}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
