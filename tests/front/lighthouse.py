"""Lighthouse's accessibility score of every page of the residents: `make lighthouse` prints the table of
docs/performance.md and fails when a page is under 0.95. Not a part of the tests: Lighthouse is 185 MB and slow; axe, on
which its score rests, runs there on every page in three modes."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from playwright.async_api import BrowserContext, async_playwright

from server import embedded
from tests.browser import Watch, build, chromium
from tests.cases import ITEM, officer, publish
from tests.city import CENTRE, ID_CARD_LOST, TestCity, running_city
from tests.front.support import MINIPROGRAM, PHONE, Phone, served
from tests.front.test_pages import OPEN_PAGES
from tests.front.test_story_case import agree_and_submit, fill_in, known_person
from tests.story.test_payments import billed

LEAST = 0.95
PROGRAM = MINIPROGRAM / "scripts" / "lighthouse" / "node_modules" / "lighthouse" / "cli" / "index.js"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def pages_of_a_person(phone: Phone, city: TestCity) -> dict[str, str]:
    """Somebody with a booking, an application that waits for them, a bill, a complaint, a conversation."""
    await publish(city)
    me = await known_person(phone, city)
    await me.api.ok("PUT", "/api/me/privacy", {"version": "2026-12"})
    days = (await me.api.ok("GET", f"/api/calendar?item={ID_CARD_LOST}&centre={CENTRE}"))["days"]
    free = [time["start"] for day in days for time in day["times"] if time["free"]]
    body = {"item": ID_CARD_LOST, "centre": CENTRE, "start": free[0]}
    held = (await me.api.ok("POST", "/api/bookings", body))["id"]
    complaint = await me.api.ok("POST", "/api/complaints", {"kind": "complaint", "matter": "路灯坏了"})
    await fill_in(phone)
    await agree_and_submit(phone)
    case = (await me.api.ok("GET", "/api/cases"))["cases"][0]["id"]
    window = await officer(city, "window_officer")
    await window.ok("POST", f"/staff/cases/{case}/accept")
    await window.ok("POST", f"/staff/cases/{case}/notices", {"missing": ["经营场所照片"], "message": "请补齐"})
    bill = await billed(city, me.api)
    await city.work()
    return {
        "confirm a booking": f"pages/booking/confirm?id={held}",
        "booking": f"pages/booking/detail?id={held}",
        "bookings": "pages/booking/mine",
        "messages": "pages/account/messages",
        "application form": f"pages/case/apply?item={ITEM}",
        "receipt": f"pages/case/receipt?id={case}",
        "cases": "pages/case/list",
        "case": f"pages/case/detail?id={case}",
        "supplement": f"pages/case/supplement?id={case}",
        "look up": "pages/case/lookup",
        "bills": "pages/payment/list",
        "bill": f"pages/payment/bill?id={bill.id}",
        "complaints": "pages/complaint/list",
        "new complaint": "pages/complaint/new",
        "complaint": f"pages/complaint/detail?id={complaint['id']}",
        "consultation": "pages/consultation/index",
    }


async def score(url: str, port: int) -> tuple[float, list[str]]:
    """The score, and what cost it something."""
    words = [
        "node", str(PROGRAM), url, f"--port={port}", "--only-categories=accessibility", "--disable-storage-reset",
        "--output=json", "--quiet", "--max-wait-for-load=20000",
    ]  # fmt: skip
    done = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, complaint = await asyncio.wait_for(done.communicate(), 180)
    if done.returncode:
        raise RuntimeError(complaint.decode()[-2000:])
    report = json.loads(out)
    faults = [name for name, audit in report["audits"].items() if audit["score"] == 0]
    return float(report["categories"]["accessibility"]["score"]), faults


async def measure(context: BrowserContext, city: TestCity, port: int) -> int:
    phone = Phone(context.pages[0], context, served(city), Watch())
    pages = {name: address for name, (address, _) in OPEN_PAGES.items() if not name.startswith("no ")}
    pages |= await pages_of_a_person(phone, city)
    await phone.page.goto("about:blank")
    bad = 0
    for name, address in pages.items():
        found, faults = await score(f"{phone.url}/#/{address}", port)
        bad += found < LEAST
        say(f"| {name} | {found:.2f} | {', '.join(faults)} |")
    say(f"\n{len(pages)} pages, {bad} under {LEAST}")
    return bad


async def main() -> int:
    h5 = build(MINIPROGRAM, "build:h5", "dist/build/h5")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        place, port = Path(folder), embedded.free_port()
        for name in ("database", "valkey", "profile"):
            (place / name).mkdir()
        database = embedded.start_database(place / "database", embedded.free_port())
        valkey = embedded.start_valkey(place / "valkey", embedded.free_port())
        try:
            async with (
                running_city(database.port, valkey.port, "lighthouse", h5_folder=str(h5)) as city,
                async_playwright() as playwright,
            ):
                context = await playwright.chromium.launch_persistent_context(
                    place / "profile", executable_path=chromium(), args=[f"--remote-debugging-port={port}"],
                    viewport={"width": PHONE["width"], "height": PHONE["height"]}, locale="zh-CN",
                    timezone_id="Asia/Shanghai",
                )  # fmt: skip
                try:
                    return await measure(context, city, port)
                finally:
                    await context.close()
        finally:
            valkey.stop()
            database.stop()


if __name__ == "__main__":
    sys.exit(1 if asyncio.run(main()) else 0)
