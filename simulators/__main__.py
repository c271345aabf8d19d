"""Run simulators as a process: ``python -m simulators wechat|sms|wechat-pay|all [options]``; see ``--help`` of each.

Each line on standard output names one that is ready: ``wechat http://127.0.0.1:9101``. SIGTERM and SIGINT stop it.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from simulators import sms, wechat, wechat_pay
from simulators.control import Simulator, serve

WECHAT_PORT, SMS_PORT, WECHAT_PAY_PORT = 9101, 9102, 9103


def _wechat_options(parser: argparse.ArgumentParser, prefix: str) -> None:
    defaults = wechat.WeChatSimSettings()
    parser.add_argument(f"--{prefix}port", dest="wechat_port", type=int, default=WECHAT_PORT, help="0: a free one")
    parser.add_argument("--appid", default=defaults.appid)
    parser.add_argument("--secret", default=defaults.secret)
    parser.add_argument("--push-token", default=defaults.push_token, help="message push Token")
    parser.add_argument(
        "--aes-key", default=defaults.encoding_aes_key, help="message push EncodingAESKey, 43 characters"
    )
    parser.add_argument("--push-form", choices=["xml", "json"], default=defaults.push_form)
    parser.add_argument("--callback-url", default="", help="where message pushes go")
    parser.add_argument("--templates", type=Path, help="subscribe templates: JSON array of {id, title, kind, fields}")
    parser.add_argument("--page", action="append", default=[], help="a published page; none given: any page is")
    parser.add_argument("--token-seconds", type=int, default=defaults.token_seconds)


def _sms_options(parser: argparse.ArgumentParser, prefix: str) -> None:
    defaults = sms.SmsSimSettings()
    parser.add_argument(f"--{prefix}port", dest="sms_port", type=int, default=SMS_PORT, help="0: a free one")
    parser.add_argument("--secret-id", default=defaults.secret_id)
    parser.add_argument("--secret-key", default=defaults.secret_key)
    parser.add_argument("--sdk-app-id", default=defaults.sdk_app_id)
    parser.add_argument("--sign-name", default=defaults.sign_name)
    parser.add_argument("--receipt-url", default="", help="where delivery receipts go")
    parser.add_argument("--sms-templates", type=Path, help="SMS templates: JSON array of {id, text} with {1}, {2} …")
    parser.add_argument("--per-30-seconds", type=int, default=defaults.per_30_seconds, help="same content; 0: no limit")
    parser.add_argument("--per-hour", type=int, default=defaults.per_hour)
    parser.add_argument("--per-day", type=int, default=defaults.per_day)
    parser.add_argument("--same-content-per-day", type=int, default=defaults.same_content_per_day)
    parser.add_argument("--param-length", type=int, default=defaults.param_length, help="characters in one parameter")
    parser.add_argument("--receipt-seconds", type=float, default=defaults.receipt_seconds)


def _wechat_pay_options(parser: argparse.ArgumentParser, prefix: str) -> None:
    defaults = wechat_pay.WeChatPaySimSettings
    parser.add_argument(f"--{prefix}port", dest="pay_port", type=int, default=WECHAT_PAY_PORT, help="0: a free one")
    keys = "folder of the keys, made at the first start" + ("; without it there is no WeChat Pay" if prefix else "")
    parser.add_argument(f"--{prefix}keys", dest="pay_keys", type=Path, required=not prefix, help=keys)
    if not prefix:
        parser.add_argument("--appid", default=defaults.appid)
    parser.add_argument("--mchid", default=defaults.mchid)
    parser.add_argument(
        "--time-factor", type=float, default=60.0, help="how many times faster notifications are repeated"
    )
    parser.add_argument("--refund-seconds", type=float, default=defaults.refund_seconds)
    parser.add_argument("--refund-apart", type=float, default=defaults.refund_apart, help="seconds between two refunds")
    parser.add_argument("--probe-every", type=int, default=defaults.probe_every, help="0: no SIGNTEST probes")


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators", description=__doc__)
    kinds = parser.add_subparsers(dest="which", required=True)
    for which in ("wechat", "sms", "wechat-pay", "all"):
        one = kinds.add_parser(which)
        one.add_argument("--address", default="127.0.0.1", help="control endpoints answer on loopback only")
        if which in ("wechat", "all"):
            _wechat_options(one, "" if which == "wechat" else "wechat-")
        if which in ("sms", "all"):
            _sms_options(one, "" if which == "sms" else "sms-")
        if which in ("wechat-pay", "all"):
            _wechat_pay_options(one, "" if which == "wechat-pay" else "wechat-pay-")
    return parser.parse_args(arguments)


def wechat_app(options: argparse.Namespace) -> Simulator:
    settings = wechat.WeChatSimSettings(
        appid=options.appid,
        secret=options.secret,
        push_token=options.push_token,
        encoding_aes_key=options.aes_key,
        callback_url=options.callback_url,
        templates=wechat.read_templates(options.templates) if options.templates else (),
        token_seconds=options.token_seconds,
        push_form=options.push_form,
        pages=tuple(options.page),
    )
    return wechat.make_app(settings)


def sms_app(options: argparse.Namespace) -> Simulator:
    settings = sms.SmsSimSettings(
        secret_id=options.secret_id,
        secret_key=options.secret_key,
        sdk_app_id=options.sdk_app_id,
        sign_name=options.sign_name,
        callback_url=options.receipt_url,
        templates=sms.read_templates(options.sms_templates) if options.sms_templates else (),
        per_30_seconds=options.per_30_seconds,
        per_hour=options.per_hour,
        per_day=options.per_day,
        same_content_per_day=options.same_content_per_day,
        param_length=options.param_length,
        receipt_seconds=options.receipt_seconds,
    )
    return sms.make_app(settings)


def wechat_pay_app(options: argparse.Namespace) -> Simulator:
    settings = wechat_pay.WeChatPaySimSettings(
        keys=wechat_pay.generate(options.pay_keys),
        mchid=options.mchid,
        appid=options.appid,
        time_factor=options.time_factor,
        refund_seconds=options.refund_seconds,
        refund_apart=options.refund_apart,
        probe_every=options.probe_every,
    )
    return wechat_pay.make_app(settings)


async def run(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    served = []
    if options.which in ("wechat", "all"):
        served.append(("wechat", serve(wechat_app(options), options.wechat_port, options.address)))
    if options.which in ("sms", "all"):
        served.append(("sms", serve(sms_app(options), options.sms_port, options.address)))
    if options.which in ("wechat-pay", "all") and options.pay_keys:
        served.append(("wechat-pay", serve(wechat_pay_app(options), options.pay_port, options.address)))
    for name, simulator in served:
        sys.stdout.write(f"{name} {simulator.url}\n")
    sys.stdout.flush()
    await stop.wait()
    for _, simulator in served:
        await simulator.stop()


def main() -> None:
    asyncio.run(run(parse(sys.argv[1:])))


if __name__ == "__main__":
    main()
