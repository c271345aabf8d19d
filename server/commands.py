"""The command line: ``python -m server api|worker|demo|init|load|import|add-staff|replay|settings|openapi|new-key``."""

from __future__ import annotations

import argparse
import asyncio
import base64
import getpass
import json
import secrets
import sys
from pathlib import Path

import uvloop
from prometheus_client import start_http_server

from handlers.metrics import Metrics
from handlers.openapi import document
from kernel.errors import BanshiError
from kernel.machine import Actor
from server import app, demo, logs, settings
from server.setup import initialise, load_data
from server.wiring import House, load, open_house
from services.events.actions import do_replay
from services.identity.staff.model import Role
from workers import run as worker
from workers.consumers import consumers


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0 done, 1 refused with a reason, 2 wrong words."""
    given = _parser().parse_args(arguments)
    if given.command == "new-key":
        print(base64.b64encode(secrets.token_bytes(96)).decode())
        return 0
    if given.command == "settings":
        print(settings.documentation(), end="")
        return 0
    if given.command == "openapi":
        print(json.dumps(document(app.ROUTES), ensure_ascii=False, indent=1))
        return 0
    if given.command == "demo":
        return demo.main(reset=given.reset, folder=given.folder)
    try:
        read = settings.read()
        logs.set_up(read.log_level, given.command)
        # uvloop gains about a tenth on every request.
        status: int = uvloop.run(_run(given, read))
    except (settings.SettingsError, BanshiError) as error:
        print(error, file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("api", help="serve the API until SIGTERM")
    commands.add_parser("worker", help="relay events, run timers, send messages until SIGTERM")
    one = commands.add_parser("demo", help="everything on this machine, with embedded servers and simulators")
    one.add_argument("--reset", action="store_true", help="start with an empty database")
    one.add_argument("--folder", type=Path, default=demo.FOLDER, help="where everything is kept")
    commands.add_parser("init", help="indexes, migrations, encryption keys")
    one = commands.add_parser("load", help="import all of the data folder")
    one.add_argument("--if-empty", action="store_true", help="only when nothing is published yet")
    one = commands.add_parser("import", help="import one file of items, centres or bills (CSV), all lines or none")
    one.add_argument("kind", choices=["items", "centres", "bills"])
    one.add_argument("file", type=Path, help="JSONL, or CSV by its ending")
    one = commands.add_parser("add-staff", help="a staff account; the password is read from standard input")
    one.add_argument("username")
    one.add_argument("--role", action="append", required=True, choices=[role.value for role in Role])
    one.add_argument("--centre", help="code of the centre of work; none: the whole city")
    one.add_argument("--department", help="name of the department whose tasks an approver decides")
    one = commands.add_parser("replay", help="hand dead letters to their consumers once more")
    one.add_argument("--consumer")
    commands.add_parser("settings", help="print docs/settings.md")
    commands.add_parser("openapi", help="print the OpenAPI document")
    commands.add_parser("new-key", help="print a new master key")
    return parser


async def _run(given: argparse.Namespace, read: settings.Settings) -> int:
    if given.command == "api":
        await app.run(read)
        return 0
    async with open_house(read) as house:
        if given.command == "worker":
            return await _work(house)
        if given.command == "init":
            await initialise(house)
            return 0
        await load(house)
        if given.command == "load":
            if given.if_empty and len(house.city.catalogue):
                return 0
            report = await load_data(house, Path(read.data_folder))
            print("\n".join(report))
            return 1 if any("NOTHING" in line for line in report) else 0
        if given.command == "import":
            return await _import(house, given.kind, given.file)
        if given.command == "add-staff":
            return await _add_staff(house, given)
        return await _replay(house, given.consumer)


async def _work(house: House) -> int:
    stop = app.stop_event()
    seen = await load(house)
    names = [one.name for one in consumers(house.city, house.redis)]
    metrics = Metrics(consumers=names, pay_calls=house.city.till.calls)
    if house.settings.worker_metrics_port:
        start_http_server(house.settings.worker_metrics_port, "127.0.0.1", metrics.registry)
    work = [worker.run(house.city, house.redis, metrics.delivery), app.keep_fresh(house, seen)]
    tasks = [asyncio.create_task(one) for one in work]
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return 0


async def _import(house: House, kind: str, file: Path) -> int:
    text, as_csv = file.read_bytes(), file.suffix.lower() == ".csv"
    city = house.city
    if kind == "bills":
        report = await city.bill_imports.do_import(text, "import", Actor.SYSTEM)
        summary = f"{report.made} bills made, {report.known} known; {report.accounts} accounts opened"
        rejections = report.rejections
    elif kind == "items":
        parsed, published = await city.catalogue_actions.do_import(text, by="import", as_csv=as_csv)
        summary = f"{len(parsed.records)} items, {published} published"
        rejections = parsed.rejections
    else:
        centres = await city.centre_actions.do_import(text, as_csv=as_csv)
        summary, rejections = f"{len(centres.records)} centres", centres.rejections
    for rejection in rejections:
        print(rejection)
    print(f"nothing imported: {len(rejections)} faults" if rejections else summary)
    return 1 if rejections else 0


async def _add_staff(house: House, given: argparse.Namespace) -> int:
    if given.centre is not None:
        house.city.centres.get(given.centre)
    password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    roles = [Role(role) for role in given.role]
    made = await house.city.staff.do_create_staff(
        given.username, password, roles, by="add-staff", centre=given.centre, department=given.department
    )
    print(f"{made.username} {made.staff_id} {', '.join(made.roles)}")
    return 0


async def _replay(house: House, consumer: str | None) -> int:
    known = {one.name: one for one in consumers(house.city, house.redis)}
    taken, refused = await do_replay(house.city.dead_letters, known, consumer)
    print(f"{taken} taken, {refused} refused again")
    return 1 if refused else 0
