#!/usr/bin/env python3
"""A second, independent stand-in for Slack and PagerDuty that drives `blocks serve` from page to resolve.

Written from the collected wire facts and the published contracts alone, without a look at Blocks' adapters or at its
sandbox, so that one misreading is not shared. Standard library only; everything on loopback; every wait has a deadline.

    python3 standin.py --blocks target/release/blocks --workdir /tmp/fresh [--runbooks DIR]
    python3 standin.py --selftest        # shows that the checks can fail

Prints `ok N - text` / `not ok N - text: detail`, then `N passed, M failed`. Exit 0 only if all passed, 2 for bad usage.
"""
import argparse, hashlib, hmac, html, http.client, json, os, pathlib, re, secrets, shutil, signal, socket, subprocess
import sys, threading, time, urllib.parse
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRETS = {name: prefix + secrets.token_hex(16) for name, prefix in {
    "SLACK_BOT_TOKEN": "xoxb-1111-2222-", "SLACK_SIGNING_SECRET": "", "PAGERDUTY_WEBHOOK_SECRET": "pdwh", "PAGERDUTY_API_TOKEN": "u+"}.items()}
TEAM, APP, BOT_USER, BOT_ID = "T0STAND01", "A0STAND01", "U0BOT", "B0BOT"
ANA, BEN, MAL = "U0ANA", "U0BEN", "U0MAL"      # mal is in the workspace and no [[person]] of Blocks
SLACK_USERS = {ANA: "ana", BEN: "ben", MAL: "mal", BOT_USER: "blocks"}
PD_USERS = {"PANA001": ("Ana Example", "ana@example.com"), "PBEN001": ("Ben Example", "ben@example.com"), "PONC001": ("On Call", "oncall@example.com")}
INCIDENT, PD_SERVICE, TITLE_START = "PINC001XYZ", "PFLOW01", "Flow failures above 10 %"
TITLE = TITLE_START + " <!channel> & <https://evil.example|status page>"    # hostile on purpose: must not ping, must not link
FORGED_TITLE = "Forged page zq81"
# How a step's undo and probe fences are marked. The contract says only "marked so" (design section 6).
READ, ONCE, UNDO, PROBE = "bash {effect=read}", "bash {effect=once}", "bash {undo}", "bash {probe}"


# ---------------------------------------------------------------------------------------------- what was seen
class World:
    """Everything that happened, in order, under one condition variable."""

    def __init__(self):
        self.cond = threading.Condition(threading.RLock())
        self.calls, self.problems, self.said, self.messages = [], [], [], {}
        self.channels, self.users_of, self.files, self.responses = {}, {}, {}, {}
        self.version, self.effects, self.undos = "bad", 0, 0
        self.pd_status, self.pd_resolves, self.counter = "triggered", [], 0
        for name in ("general", "incidents", "ops-alerts", "engineering"):
            self.new_channel(name, "UADMIN")

    def add(self, where, item):
        with self.cond:
            where.append(item)
            self.cond.notify_all()
        return item

    def call(self, who, what, detail, reply=""):
        self.add(self.calls, {"n": len(self.calls), "who": who, "what": what, "detail": detail, "reply": reply})

    def problem(self, text):
        self.add(self.problems, text)

    def wait(self, predicate, seconds):
        """The first truthy value of predicate(), or None at the deadline."""
        deadline = time.monotonic() + seconds
        with self.cond:
            while not (value := predicate()):
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self.cond.wait(min(left, 0.1))   # 0.1: predicates may also look at files and at the child
            return value

    def say(self, how, channel, ts, args, user=None):
        """Something a person can now see; `user` set means only that one sees it."""
        self.add(self.said, {"how": how, "channel": channel, "ts": ts, "user": user, "text": flat(args), "args": args})

    def unique(self):
        with self.cond:
            self.counter += 1
            return self.counter

    def ts(self):
        return f"{int(time.time())}.{self.unique():06d}"

    def new_channel(self, name, creator):
        cid, now = f"C0{self.unique():07d}", int(time.time())
        note = {"value": "", "creator": creator, "last_set": now}
        self.channels[cid] = {
            "id": cid, "name": name, "name_normalized": name, "created": now, "updated": now * 1000, "creator": creator, "is_channel": True,
            "is_group": False, "is_im": False, "is_mpim": False, "is_private": False, "is_archived": False, "is_general": name == "general",
            "is_shared": False, "is_org_shared": False, "is_ext_shared": False, "is_pending_ext_shared": False, "is_member": True, "unlinked": 0,
            "context_team_id": TEAM, "shared_team_ids": [TEAM], "pending_shared": [], "previous_names": [], "topic": dict(note), "purpose": dict(note)}
        self.users_of[cid] = {BOT_USER}
        return self.channels[cid]


def flat(value, key=""):
    """All human text of a message in one line, unescaped."""
    if isinstance(value, str):
        return html.unescape(value) if key in ("text", "title", "initial_comment", "content", "alt_text", "fallback") else ""
    parts = [flat(v, k) for k, v in value.items()] if isinstance(value, dict) else [flat(v, key) for v in value] if isinstance(value, list) else []
    return " | ".join(p for p in parts if p)


# ---------------------------------------------------------------------------------------------- Block Kit, strictly
BLOCK_TYPES = {"section", "header", "context", "actions", "divider", "image", "input", "rich_text", "markdown", "table", "context_actions", "file", "video", "call"}


def block_problems(blocks):
    out, seen, total = [], set(), 0

    def bad(wrong, text, where):
        if wrong:
            out.append(f"{text} [json-pointer:{where}]")

    def text(o, limit, where, plain=False):
        if not isinstance(o, dict) or o.get("type") not in ("plain_text", "mrkdwn") or not isinstance(o.get("text"), str):
            return bad(True, "no text object", where)
        escaped = html.escape(o["text"], quote=False) if o["type"] == "plain_text" else re.sub(r"&(?!amp;|lt;|gt;)", "&amp;", o["text"])
        bad(plain and o["type"] != "plain_text", "must be plain_text", where)
        bad(not o["text"], "must be more than 0 characters", where)
        bad(len(escaped) > limit, f"must be less than {limit + 1} characters", where)

    def element(e, where):
        bad(len(e.get("action_id") or "") > 255, "action_id over 255", where)
        if e.get("type") == "button":
            text(e.get("text"), 75, where + "/text", plain=True)
            bad(e.get("style") not in (None, "primary", "danger"), "style must be primary or danger", where)
            for key, limit in {"value": 2000, "url": 3000, "accessibility_label": 75}.items():
                bad(len(e.get(key) or "") > limit, f"must be less than {limit + 1} characters", f"{where}/{key}")
        if "options" in e:
            bad(not 1 <= len(e["options"]) <= {"overflow": 5, "radio_buttons": 10, "checkboxes": 10}.get(e["type"], 100), "wrong number of options", where)
            for option in e["options"]:
                text(option.get("text"), 75, where + "/options")
        for key, limit in {"title": 100, "text": 300, "confirm": 30, "deny": 30}.items() if e.get("confirm") else ():
            text(e["confirm"].get(key), limit, f"{where}/confirm/{key}")

    bad(not isinstance(blocks, list) or len(blocks) > 50, "no more than 50 items allowed", "/blocks")
    for i, block in enumerate(blocks):
        where, kind = f"/blocks/{i}", block.get("type")
        bad(kind not in BLOCK_TYPES, f"unsupported type {kind!r}", where)
        bad(block.get("block_id") in seen or len(block.get("block_id") or "") > 255, "block_id too long or used twice", where)
        seen |= {block["block_id"]} if block.get("block_id") else set()
        total += len(flat(block))
        if kind in ("header", "section") and (block.get("text") or not block.get("fields")):
            text(block.get("text"), 150 if kind == "header" else 3000, where + "/text", plain=kind == "header")
        bad(len(block.get("fields") or []) > 10, "no more than 10 items", where + "/fields")
        for field in block.get("fields") or []:
            text(field, 2000, where + "/fields")
        bad(kind == "markdown" and not 0 < len(block.get("text") or "") <= 12000, "markdown needs 1 to 12000 characters", where)
        bad(kind == "image" and not (block.get("alt_text") and (block.get("image_url") or block.get("slack_file"))), "image needs alt_text and image_url", where)
        elements = block.get("elements") or ([block["accessory"]] if block.get("accessory") else [])
        most = {"actions": 25, "context": 10, "context_actions": 5}.get(kind)
        bad(most and not 1 <= len(elements) <= most, f"between 1 and {most} elements", where)
        for e in elements if kind != "rich_text" else []:
            if kind == "context" and e.get("type") != "image":
                text(e, 3000, where + "/elements")
            else:
                element(e, where + "/elements")
        actions = [e["action_id"] for e in elements if e.get("action_id")]
        bad(len(actions) != len(set(actions)), "action_id used twice in one block", where)
    bad(total >= 11341, "msg_blocks_too_long", "/blocks")   # measured: 9,597 passes, 11,341 does not
    return out


def ping_problems(v, live=True):
    """Text from outside that Slack would turn into a ping or a link."""
    if isinstance(v, str):
        return [f"unescaped {m.group(0)!r} in {v[:80]!r}" for m in [re.search(r"<!(channel|here|everyone|subteam)|<https://evil\.example", v)] if m and live]
    if isinstance(v, list):
        return [p for item in v for p in ping_problems(item, False)]
    if not isinstance(v, dict):
        return []
    out = ["a rich text broadcast"] if v.get("type") == "broadcast" else []
    return out + [p for k, item in v.items() for p in ping_problems(item, k == "text" and v.get("type") in (None, "mrkdwn", "markdown"))]


def message_problems(args):
    """Why Slack, or a person who reads notifications, would not take this message."""
    out = block_problems(args["blocks"]) if args.get("blocks") is not None else []
    if not isinstance(args.get("text"), str) or not 0 < len(args["text"].strip()) <= 40000:
        out.append("no_text: the fallback `text` is missing or too long")
    if meta := args.get("metadata"):
        payload = meta.get("event_payload")
        if not meta.get("event_type") or not isinstance(payload, dict) or not all(isinstance(v, str) for v in payload.values()):
            out.append("metadata needs event_type and an event_payload of strings, or clicks on this message cannot be read")
    return out + ping_problems({k: args.get(k) for k in ("text", "blocks", "attachments")})


def buttons(message):
    for block in message.get("blocks") or []:
        for e in (block.get("elements") or []) + [block.get("accessory") or {}]:
            if isinstance(e, dict) and e.get("type") == "button":
                yield block.get("block_id"), e


def approve_button(message):
    return next(((b, e) for b, e in buttons(message) if re.match(r"\W*approve\b", e["text"]["text"], re.I)), None)


# ---------------------------------------------------------------------------------------------- the servers
class Handler(BaseHTTPRequestHandler):
    protocol_version, wbufsize, disable_nagle_algorithm, timeout = "HTTP/1.1", 65536, True, 60

    def answer(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 8 << 20))
        url = urllib.parse.urlsplit(self.path)
        try:
            status, kind, reply = self.server.app(self.command, url.path, dict(urllib.parse.parse_qsl(url.query)), self.headers, body)
        except Exception as e:   # a hole in the stand-in must be seen, not be taken for Blocks' fault
            self.server.world.problem(f"stand-in broke on {self.command} {self.path}: {e!r}")
            status, kind, reply = 500, "text/plain", repr(e)
        data = reply.encode() if isinstance(reply, str) else json.dumps(reply).encode()
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(data))), ("x-slack-req-id", secrets.token_hex(8))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

    def log_message(self, *_):
        pass


def start_server(world, app):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.world, server.app = True, world, app
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}"


class SlackError(Exception):
    """An `ok:false` answer; `fault` is set when a correct client never gets it."""

    def __init__(self, error, fault=None, faults=()):
        super().__init__(error)
        self.error, self.fault, self.faults = error, fault, list(faults)


def no(wrong, error, fault=None):
    if wrong:
        raise SlackError(error, fault)


class Slack:
    def __init__(self, world):
        self.w = w = world
        self.server, self.base = start_server(world, self.app)
        end = {"response_metadata": {"next_cursor": ""}}
        self.methods = {
            "api.test": lambda a: {"args": a},
            "auth.test": lambda a: {"url": self.base + "/", "team": "Stand-in", "user": "blocks", "team_id": TEAM, "user_id": BOT_USER, "bot_id": BOT_ID, "is_enterprise_install": False},
            "chat.postMessage": self.post, "chat.update": self.update, "chat.postEphemeral": self.ephemeral, "conversations.create": self.create, "conversations.invite": self.invite,
            "chat.delete": lambda a: {"channel": self.channel(a)["id"], "ts": w.messages.pop((a["channel"], self.known(a)["ts"]))["ts"]},
            "chat.getPermalink": lambda a: {"channel": self.channel(a)["id"], "permalink": f"https://standin.slack.com/archives/{a['channel']}/p{self.known(a, 'message_ts')['ts'].replace('.', '')}"},
            "conversations.setTopic": lambda a: self.note(a, "topic"), "conversations.setPurpose": lambda a: self.note(a, "purpose"),
            "conversations.info": lambda a: {"channel": self.channel(a)}, "conversations.join": lambda a: {"channel": self.channel(a)},
            "conversations.list": lambda a: {"channels": list(w.channels.values()), **end}, "users.conversations": lambda a: {"channels": list(w.channels.values()), **end},
            "conversations.members": lambda a: {"members": sorted(w.users_of[self.channel(a)["id"]]), **end},
            "conversations.history": lambda a: {"messages": [m for m in self.held(a) if m.get("thread_ts", m["ts"]) == m["ts"]][::-1], "has_more": False, "pin_count": 0, **end},
            "conversations.replies": lambda a: {"messages": [m for m in self.held(a) if m.get("thread_ts", m["ts"]) == self.known(a)["ts"]], "has_more": False, **end},
            "pins.add": lambda a: self.known(a, "timestamp") and {}, "reactions.add": lambda a: self.known(a, "timestamp") and self.need(a, "name") or {},
            "bookmarks.add": lambda a: self.need(a, "title", "type") or {"bookmark": {"id": f"Bk{w.unique():06d}", "channel_id": self.channel(a, "channel_id")["id"], "title": a["title"], "link": a.get("link"), "type": a["type"]}},
            "users.info": lambda a: {"user": self.user(lambda u, n: u == a.get("user"), "user_not_found")}, "users.list": lambda a: {"members": [self.user(lambda u, n: u == x) for x in SLACK_USERS], "cache_ts": int(time.time()), **end},
            "users.lookupByEmail": lambda a: {"user": self.user(lambda u, n: f"{n}@example.com" == a.get("email"), "users_not_found")},
            "files.getUploadURLExternal": self.announce, "files.completeUploadExternal": self.complete}

    def app(self, method, path, query, headers, body):
        if path.startswith("/response/"):
            return self.response(path.rsplit("/", 1)[1], headers, body)
        if path.startswith("/upload/"):
            return self.upload(path.rsplit("/", 1)[1], headers, body)
        name, args, fault = path.removeprefix("/api/"), {}, None
        try:
            given = headers.get("Authorization")
            no(given != "Bearer " + SECRETS["SLACK_BOT_TOKEN"], "invalid_auth" if given else "not_authed", "without the bot token in the Authorization header")
            args = self.arguments(query, headers, body)
            no(name not in self.methods, "unknown_method", "this stand-in, and the facts, know no such method")
            with self.w.cond:
                reply = {"ok": True, **self.methods[name](args)}
        except SlackError as e:
            reply, fault = {"ok": False, "error": e.error, **({"errors": e.faults, "response_metadata": {"messages": e.faults}} if e.faults else {})}, e.fault
        if fault:
            self.w.problem(f"slack {name}: {reply['error']}: {fault}")
        self.w.call("slack", name, args or body.decode("utf-8", "replace"), reply.get("error", "ok"))
        return 200, "application/json; charset=utf-8", reply

    @staticmethod
    def arguments(query, headers, body):
        kind = (headers.get("Content-Type") or "").split(";")[0].strip()
        no(body and kind not in ("application/json", "application/x-www-form-urlencoded"), "invalid_post_type", f"content type {kind!r}")
        try:
            args = json.loads(body) if kind == "application/json" and body else dict(urllib.parse.parse_qsl(body.decode()))
            for key in ("blocks", "metadata", "files", "attachments"):
                args.update({key: json.loads(args[key])} if isinstance(args.get(key), str) else {})
        except (ValueError, AttributeError) as e:
            raise SlackError("invalid_json", str(e))
        return {**query, **args}

    def need(self, args, *names):
        no(missing := [n for n in names if args.get(n) in (None, "", [])], "invalid_arguments", f"{missing} missing")

    def channel(self, args, key="channel", by_name=False):
        given = str(args.get(key))
        found = self.w.channels.get(given) or by_name and next((c for c in self.w.channels.values() if c["name"] == given.removeprefix("#")), None)
        no(not found, "channel_not_found", f"unknown channel {given!r}")
        return found

    def held(self, args):
        cid = self.channel(args)["id"]
        return [m for (c, _), m in self.w.messages.items() if c == cid]

    def known(self, args, key="ts"):
        m = self.w.messages.get((self.channel(args)["id"], args.get(key)))
        no(not m, "message_not_found", f"no message {args.get(key)}")
        return m

    def content(self, args, channel, ts, old=None):
        """A message as Slack stores it: ids given where the sender left them out."""
        if faults := message_problems(args):
            raise SlackError("invalid_blocks" if args.get("blocks") is not None else "no_text", "; ".join(faults), faults)
        m = {**(old or {"type": "message", "user": BOT_USER, "bot_id": BOT_ID, "app_id": APP, "team": TEAM, "ts": ts}), "text": args["text"], "blocks": json.loads(json.dumps(args.get("blocks") or []))}
        for block in m["blocks"]:
            block.setdefault("block_id", secrets.token_hex(3))
            for e in block.get("elements", []) if block["type"] == "actions" else []:
                e.setdefault("action_id", secrets.token_hex(3))
        m.update({key: args[key] for key in ("metadata", "thread_ts") if args.get(key)})
        self.w.messages[(channel, ts)] = m
        return m

    def post(self, args):
        c, ts = self.channel(args, by_name=True)["id"], self.w.ts()
        no(args.get("thread_ts") and (c, args["thread_ts"]) not in self.w.messages, "thread_not_found", f"no message {args.get('thread_ts')}")
        m = self.content(args, c, ts)
        self.w.say("post", c, ts, args)
        return {"channel": c, "ts": ts, "message": m}

    def update(self, args):
        c, old = self.channel(args)["id"], self.known(args)
        m = self.content(args, c, old["ts"], old)
        self.w.say("update", c, old["ts"], args)
        return {"channel": c, "ts": old["ts"], "text": m["text"], "message": m}

    def ephemeral(self, args):
        c, ts, faults = self.channel(args)["id"], self.w.ts(), message_problems(args)
        no(args.get("user") not in SLACK_USERS, "user_not_found", f"user {args.get('user')!r}")
        no(faults, "invalid_blocks", "; ".join(faults))
        self.w.say("ephemeral", c, ts, args, args["user"])
        return {"message_ts": ts}

    def create(self, args):
        name = str(args.get("name") or "")
        no(len(name) > 80, "invalid_name_maxlength", name)
        no(not re.fullmatch(r"[a-z0-9_-]+", name), "invalid_name_specials", name)
        no(any(c["name"] == name for c in self.w.channels.values()), "name_taken")
        return {"channel": self.w.new_channel(name, BOT_USER)}

    def invite(self, args):
        self.need(args, "users")
        c, users = self.channel(args), args["users"] if isinstance(args["users"], list) else args["users"].split(",")
        no(strangers := [u for u in users if u not in SLACK_USERS], "user_not_found", f"invites {strangers}")
        no(BOT_USER in users, "cant_invite_self", "invites itself")
        no(set(users) <= self.w.users_of[c["id"]], "already_in_channel")
        self.w.users_of[c["id"]] |= set(users)
        return {"channel": c}

    def note(self, args, key):
        c = self.channel(args)
        self.need(args, key)
        no(len(args[key]) > 250, "too_long", f"{key} over 250")
        c[key] = {"value": args[key], "creator": BOT_USER, "last_set": int(time.time())}
        return {"channel": c, key: args[key]}

    def user(self, wanted, error="user_not_found"):
        uid, name = next(((u, n) for u, n in SLACK_USERS.items() if wanted(u, n)), (None, None))
        no(not uid, error)
        return {"id": uid, "team_id": TEAM, "name": name, "real_name": name.title(), "deleted": False, "is_bot": uid == BOT_USER, "tz": "Etc/UTC", "tz_label": "UTC", "tz_offset": 0,
                "updated": 1700000000, "profile": {"real_name": name.title(), "display_name": name, "email": f"{name}@example.com", "avatar_hash": "0" * 12, "team": TEAM}}

    def announce(self, args):
        self.need(args, "filename", "length")
        fid = f"F0{self.w.unique():07d}"
        self.w.files[fid] = {"name": args["filename"], "length": int(args["length"]), "content": None}
        return {"upload_url": f"{self.base}/upload/{fid}", "file_id": fid}

    def upload(self, fid, headers, body):
        f = self.w.files.get(fid, {"length": None})
        if boundary := re.search(r'multipart/form-data.*boundary="?([^";]+)', headers.get("Content-Type") or ""):
            body = body.split(b"--" + boundary.group(1).encode())[1].split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")
        if len(body) != f["length"]:
            self.w.problem(f"slack upload: {len(body)} bytes sent, {f['length']} announced")
            return 400, "text/plain", "bad length"
        f["content"] = body.decode("utf-8", "replace")
        return 200, "text/plain", f"OK - {len(body)}"

    def complete(self, args):
        self.need(args, "files")
        c, out, now = self.channel(args, "channel_id")["id"] if args.get("channel_id") else None, [], int(time.time())
        for item in args["files"]:
            f = self.w.files.get(item.get("id"))
            no(not f or f["content"] is None, "file_not_found", f"{item} was not uploaded")
            out.append({"id": item["id"], "title": item.get("title") or f["name"], "name": f["name"], "created": now, "timestamp": now, "mimetype": "text/markdown", "filetype": "markdown",
                        "pretty_type": "Markdown", "user": BOT_USER, "size": f["length"], "mode": "hosted", "is_external": False, "is_public": True,
                        "url_private": f"{self.base}/files/{item['id']}", "permalink": f"https://standin.slack.com/files/{item['id']}"})
            if c:   # without a channel the file stays private to the bot: nobody sees it
                self.w.say("file", c, None, {"title": f["name"], "text": item.get("title") or "", "initial_comment": args.get("initial_comment") or "", "content": f["content"]})
        return {"files": out}

    def new_response_url(self, channel, user, ts=None):
        key = secrets.token_urlsafe(18)
        self.w.responses[key] = {"left": 5, "channel": channel, "user": user, "ts": ts}   # 30 minutes outlast this script
        return f"{self.base}/response/{key}", key

    def response(self, key, headers, body):
        with self.w.cond:
            r = self.w.responses.get(key)
            if not r or r["left"] == 0:
                self.w.problem("slack response_url: unknown or used up")
                return 404, "text/plain", "used_url"
            r["left"] -= 1
            if headers.get("Authorization"):
                self.w.problem("slack response_url: the bot token was sent to it")
            try:
                args = {"text": "", **json.loads(body)}
            except (ValueError, TypeError):
                self.w.problem("slack response_url: body is not a JSON object")
                return 400, "text/plain", "invalid_payload"
            self.w.call("slack", "response_url", args, "ok")
            self.shown("response", r, args)
        return 200, "text/plain", "ok"

    def shown(self, how, r, args):
        """What a reply in the acknowledgement or through a response_url does to the screen."""
        original, ts, public = (r["channel"], r["ts"]), self.w.ts(), args.get("response_type") == "in_channel"
        if args.get("delete_original"):
            self.w.messages.pop(original, None)
        if not args.get("text") and not args.get("blocks"):
            return
        if faults := message_problems(args):
            return self.w.problem(f"slack {how}: " + "; ".join(faults))
        if args.get("replace_original") and original in self.w.messages:
            ts, public = r["ts"], True
        if public:
            self.content(args, r["channel"], ts, self.w.messages.get((r["channel"], ts)))
        self.w.say(how, r["channel"], ts, args, None if public else r["user"])


class PagerDuty:
    """REST and Events v2."""

    def __init__(self, world):
        self.w = world
        self.server, self.base = start_server(world, self.app)

    def incident(self):
        now = stamp()
        status = self.w.pd_status
        return {"id": INCIDENT, "type": "incident", "self": f"https://api.pagerduty.com/incidents/{INCIDENT}", "html_url": f"https://standin.pagerduty.com/incidents/{INCIDENT}",
                "number": 4711, "incident_number": 4711, "summary": f"[#4711] {TITLE}", "title": TITLE, "status": status, "incident_key": "flowengine/failures", "created_at": now, "last_status_change_at": now,
                "incident_type": {"name": "incident_default"}, "service": ref("service", PD_SERVICE, "FlowEngine"), "escalation_policy": ref("escalation_policy", "PESC001", "Default"), "teams": [],
                "assignees": [] if status == "resolved" else [ref("user", "PANA001", "Ana Example")], "priority": ref("priority", "PPRI001", "P1"), "urgency": "high", "conference_bridge": None, "resolve_reason": None}

    def app(self, method, path, query, headers, body):
        status, reply = self.events(path, body) if path.startswith("/v2/") else self.rest(method, path, query, headers, body)
        self.w.call("pagerduty", f"{method} {path}", {"from": headers.get("From"), "body": body.decode("utf-8", "replace")}, status)
        return status, "application/json", reply

    def refuse(self, status, message, code, path):
        self.w.problem(f"pagerduty {path}: {status} {message}")
        return status, {"error": {"message": message, "code": code, "errors": [message]}}

    def events(self, path, body):
        try:
            e = json.loads(body)
            p = e.get("payload") or {}
            trigger = p.get("summary") and p.get("source") and p.get("severity") in ("critical", "error", "warning", "info")
            fine = p.get("summary") if path == "/v2/change/enqueue" else trigger if e.get("event_action") == "trigger" else e.get("event_action") in ("acknowledge", "resolve") and e.get("dedup_key")
            fine = fine and len(e.get("routing_key") or "") == 32 and len(p.get("summary") or "") <= 1024
        except (ValueError, AttributeError):
            fine = False
        if not fine:
            self.w.problem(f"pagerduty {path}: invalid event")
            return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": ["see the facts"]}
        return 202, {"status": "success", "message": "Event processed", "dedup_key": e.get("dedup_key") or secrets.token_hex(16)}

    def rest(self, method, path, query, headers, body):
        if headers.get("Authorization") != "Token token=" + SECRETS["PAGERDUTY_API_TOKEN"]:
            return self.refuse(401, "Authentication failed", 2006, path)
        if (headers.get("Accept") or "").replace(" ", "") != "application/vnd.pagerduty+json;version=2":
            return self.refuse(406, f"Accept {headers.get('Accept')!r} does not name version 2", 2001, path)
        parts, page, me = path.strip("/").split("/"), {"limit": 25, "offset": 0, "more": False, "total": None}, ref("user", "PANA001", "Ana Example")
        if parts[0] == "incidents" and len(parts) > 1 and parts[1] != INCIDENT:
            return self.refuse(404, "Incident Not Found", 2100, path)
        if method == "GET":
            people = [{**ref("user", uid, name), "type": "user", "name": name, "email": mail, "role": "user", "time_zone": "Etc/UTC"} for uid, (name, mail) in PD_USERS.items()]
            levels = [{**ref("priority", f"PPRI00{i}", f"P{i}"), "name": f"P{i}", "order": 9 - i} for i in range(1, 5)]
            service = {**ref("service", PD_SERVICE, "FlowEngine"), "type": "service", "name": "FlowEngine", "status": "critical"}
            lists = {"incidents": [self.incident()], "users": [p for p in people if query.get("query", "") in p["name"] + p["email"]], "priorities": levels, "services": [service], "oncalls": [], "change_events": []}
            if len(parts) == 3 and parts[0] == "incidents":   # notes, alerts, log_entries, ...
                return 200, {parts[2]: [], **page}
            if len(parts) == 3 and parts[0] == "services" and parts[1] == PD_SERVICE and parts[2] == "change_events":
                return 200, {"change_events": [], **page}
            if parts[0] in lists and len(parts) == 1:
                return 200, {parts[0]: lists[parts[0]], **page}
            one = next((x for x in lists.get(parts[0], []) if x["id"] == parts[-1]), None)
            return (200, {{"incidents": "incident", "users": "user", "services": "service", "priorities": "priority"}[parts[0]]: one}) if one else self.refuse(404, "Not Found", 2100, path)
        try:
            args = json.loads(body)
        except ValueError:
            return self.refuse(400, "body is not JSON", 2001, path)
        if not (headers.get("Content-Type") or "").startswith("application/json"):
            return self.refuse(400, "Content-Type must be application/json", 2001, path)
        if headers.get("From") not in [mail for _, mail in PD_USERS.values()]:
            return self.refuse(400, f"From {headers.get('From')!r} is not the address of a user", 2001, path)
        if method == "POST" and parts == ["incidents"]:   # a page of its own
            w = args.get("incident") or {}
            to = [(a.get("assignee") or {}).get("id") for a in w.get("assignments") or []]
            if w.get("type") == "incident" and w.get("title") and (w.get("service") or {}).get("id") == PD_SERVICE and all(t in PD_USERS for t in to):
                return 201, {"incident": {**self.incident(), "id": "PPAGE01", "title": w["title"], "incident_key": w.get("incident_key")}}
        if method == "POST" and parts[2:] == ["notes"] and (args.get("note") or {}).get("content"):
            return 201, {"note": {"id": "PNOTE01", "content": args["note"]["content"], "created_at": stamp(), "user": me}}
        if method == "POST" and parts[2:] == ["status_updates"] and args.get("message"):
            return 201, {"status_update": {"id": "PSTAT01", "message": args["message"], "created_at": stamp(), "sender": me}}
        if method == "PUT" and parts[0] == "incidents" and len(parts) < 3:
            wanted = args.get("incident") if len(parts) == 2 else next((i for i in args.get("incidents") or [] if i.get("id") == INCIDENT), None)
            return self.change(wanted or {}, headers, path, len(parts) == 1)
        return self.refuse(400, "no such call in the facts, or a part is missing", 2001, path)

    def change(self, wanted, headers, path, many):
        status, w = wanted.get("status"), self.w
        if wanted.get("type") not in ("incident_reference", "incident"):
            return self.refuse(400, "incident with type incident_reference is required", 2001, path)
        with w.cond:
            if status == w.pd_status or w.pd_status == "resolved":   # not a fault: an honest race
                return 400, {"error": {"message": "Incident Already " + w.pd_status.title(), "code": 1001 if w.pd_status == "resolved" else 1002, "errors": []}}
            w.pd_status = status if status in ("acknowledged", "resolved", "triggered") else w.pd_status
            w.pd_resolves += [headers.get("From")] if status == "resolved" else []
        return 200, {"incidents": [self.incident()]} if many else {"incident": self.incident()}


class Target:
    """The service that is broken: what runs against it is counted here."""

    def __init__(self, world):
        self.w = world
        self.server, self.base = start_server(world, self.app)

    def app(self, method, path, _query, _headers, _body):
        w = self.w
        with w.cond:
            if (method, path) == ("POST", "/rollback"):
                w.version, w.effects = "good", w.effects + 1
            elif (method, path) == ("POST", "/rollforward"):
                w.version, w.undos = "bad", w.undos + 1
            known = path in ("/health", "/version", "/rollback", "/rollforward")
            w.call("target", f"{method} {path}", "", w.version)
            return (200 if known else 404), "text/plain", f"version: {w.version}\n" if known else "not found\n"


def ref(kind, rid, summary):
    plural = {"priority": "priorities", "escalation_policy": "escalation_policies"}.get(kind, kind + "s")
    return {"id": rid, "type": kind + "_reference", "summary": summary, "self": f"https://api.pagerduty.com/{plural}/{rid}", "html_url": f"https://standin.pagerduty.com/{plural}/{rid}"}


def stamp():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def hex_mac(secret, data):
    return hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def slack_headers(body, secret=None, at=None, signature=None):
    ts = str(int(time.time() if at is None else at))
    return {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)", "X-Slack-Request-Timestamp": ts,
            "X-Slack-Signature": signature or "v0=" + hex_mac(secret or SECRETS["SLACK_SIGNING_SECRET"], b"v0:" + ts.encode() + b":" + body)}


def webhook(event_type, data, agent=None):
    return json.dumps({"event": {"id": "01" + secrets.token_hex(12).upper(), "event_type": event_type, "resource_type": event_type.split(".")[0], "occurred_at": stamp(), "agent": agent, "client": None, "data": data}}).encode()


# ---------------------------------------------------------------------------------------------- the report
class Report:
    def __init__(self, quiet=False):
        self.lines, self.failed, self.quiet = 0, [], quiet

    def check(self, text, passed, detail=""):
        self.lines += 1
        if not passed:
            self.failed.append(text)
        if not self.quiet:
            print(f"ok {self.lines} - {text}" if passed else f"not ok {self.lines} - {text}: {detail or 'no'}", flush=True)
        return bool(passed)

    def must(self, text, passed, detail=""):
        if not self.check(text, passed, detail):
            raise Stop(text)
        return passed


class Stop(Exception):
    """The walk cannot go on from here."""


REFUSED = r"refus|not allowed|cannot|can.?t\b|may not|must not|not permitted|denied|unknown|don.?t know|second person|another person|other person|someone else|your own|not a (person|member)"
FINGERPRINT = r"(?i)(code|fingerprint)[^0-9a-z]{0,12}[0-9a-f]{4,64}\b"


def pir_problems(name, text, days):
    out = []
    m = re.fullmatch(r"PIR_(\d{4}-\d{2}-\d{2})_INC-1\.md", name)
    if not m or m.group(1) not in days:
        out.append(f"file name {name!r}")
    out += [f"does not name {word}" for word in ("INC-1", "P1", "ana", "ben") if not re.search(rf"\b{word}\b", text)]
    return out + ([] if TITLE_START in html.unescape(text).replace("\\", "") else ["does not carry the title"])


def judge_whole(r, w, incident_channel, card_ts, log, folder_text):
    """What must hold over the whole conversation, looked at when nothing more is to come."""
    created = [c for c in w.channels.values() if c["creator"] == BOT_USER]
    first = next((s for s in w.said if s["ts"] == card_ts and s["how"] == "post"), {"args": {}})
    looks = lambda s: (s["args"].get("text"), flat((s["args"].get("blocks") or [None])[0]))
    cards = [s for s in w.said if s["how"] == "post" and s["channel"] == incident_channel and not s["args"].get("thread_ts") and any(a and a == b for a, b in zip(looks(s), looks(first)))]
    everything = json.dumps(w.calls, ensure_ascii=False)
    r.check("one incident channel in the end", len(created) == 1, [c["name"] for c in created])
    r.check("one card in the end, edited in place", len(cards) == 1 and cards[0]["ts"] == card_ts, [c["text"][:80] for c in cards])
    r.check("no second incident was opened", "INC-2" not in everything, "INC-2 was mentioned")
    r.check("the forged page left no trace", FORGED_TITLE not in everything + log + folder_text, "its title appeared")
    r.check("the rollback had its effect exactly once", (w.effects, w.undos) == (1, 0), f"{w.effects} effects, {w.undos} undos")
    leaked = [n for n, v in SECRETS.items() if v in log or v in folder_text or v in everything]
    r.check("no secret in log, messages or files", not leaked, leaked)
    r.check("no response_url in the log (each is a bearer secret)", not any(key in log for key in w.responses), "one was logged")
    r.check("every call was one that Slack and PagerDuty would take", not w.problems, " // ".join(w.problems[:8]))


# ---------------------------------------------------------------------------------------------- the walk
class Walk:
    def __init__(self, args):
        self.dir = pathlib.Path(args.workdir).resolve()
        self.w, self.r = World(), Report()
        self.slack, self.pd, self.target = Slack(self.w), PagerDuty(self.w), Target(self.w)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.blocks, self.extra, self.child, self.log = args.blocks, args.runbooks, None, self.dir / "blocks.log"
        self.channel, self.card_ts, self.first_day = None, None, datetime.now(timezone.utc).date()

    # -- set-up
    def write_files(self):
        (self.dir / "runbooks").mkdir(parents=True, exist_ok=True)
        front = "---\ntitle: %s\nservice: flowengine\nkind: %s\nparams:\n  service_url:\n    default: " + json.dumps(self.target.base) + "\n---\n\n# %s\n\n"

        def step(title, *fences):
            return f"## {title}\n\n" + "".join(f"```{info}\n{text}\n```\n\n" for info, text in fences)

        health = (READ, "curl -sS -o /dev/null -w '%{http_code}\\n' \"$service_url/health\"\n# Expected: HTTP 200")
        version = "curl -fsS \"$service_url/version\"\n# Expected: version: good"
        triage = front % ("Look at flowengine", "triage", "Look at flowengine") + step("Step 1: Does it answer (1 min)", health) + step("Step 2: Which release is live (1 min)", (READ, version))
        rollback = front % ("Return flowengine", "rollback", "Return flowengine") + step(
            "Step 1: Switch the release (1 min)", (ONCE, "curl -fsS -X POST \"$service_url/rollback\"\n# Expected: version: good"),
            (UNDO, "curl -fsS -X POST \"$service_url/rollforward\""), (PROBE, version)) + step("Step 2: Verify the release (1 min)", health, (READ, version))
        (self.dir / "runbooks/standin_triage.md").write_text(triage)
        (self.dir / "runbooks/standin_rollback.md").write_text(rollback)
        for extra in pathlib.Path(self.extra).glob("*.md") if self.extra else []:   # same name: replaces ours; TARGET_URL becomes ours
            (self.dir / "runbooks" / extra.name).write_text(extra.read_text().replace("TARGET_URL", self.target.base))
        person = {"roles": ["commander", "responder"]}
        config = {   # a dict is a table, a list of dicts an array of tables; TOML's strings and arrays are JSON's
            "server": {"listen": f"127.0.0.1:{self.port}"}, "store": {"url": "sqlite:blocks-data/blocks.db"}, "runbooks": {"paths": ["runbooks"]}, "pir": {"dir": "incidents"}, "time": {"zone": "UTC"},
            "slack": {"mode": "http", "api_url": self.slack.base + "/api", "channel_per_incident": ["P1", "P2"]},
            "pagerduty": {"mode": "webhook", "api_url": self.pd.base, "events_url": self.pd.base, "from": "oncall@example.com"}, "approvals": {"irreversible": 1},
            "service": [{"name": "flowengine", "pagerduty_id": PD_SERVICE, "channel": "incidents", "severity": "P2", "triage": "standin_triage", "rollback": "standin_rollback"}],
            "person": [{"name": n, "slack_id": u, "pagerduty_email": f"{n}@example.com", **person} for n, u in (("ana", ANA), ("ben", BEN))]}
        tables = [(f"[[{k}]]" if isinstance(v, list) else f"[{k}]", t) for k, v in config.items() for t in (v if isinstance(v, list) else [v])]
        (self.dir / "blocks.toml").write_text("".join(head + "\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in table.items()) for head, table in tables))

    def start(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("SLACK_", "PAGERDUTY_", "BLOCKS_")) and not k.lower().endswith("_proxy")}
        self.child = subprocess.Popen([os.path.abspath(self.blocks), "serve", "--config", str(self.dir / "blocks.toml")], cwd=self.dir, env={**env, **SECRETS},
                                      stdin=subprocess.DEVNULL, stdout=open(self.log, "wb"), stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 30   # asked outside the lock: Blocks may call Slack before it is ready
        while not (ready := self.send("GET", "/ready")[0] == 200) and self.child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        self.r.must("blocks serve becomes ready within 30 s", ready and self.child.poll() is None, f"exit status {self.child.poll()}")

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(15)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait(5)
        return self.child.returncode if self.child else None

    # -- sending
    def send(self, method, path, body=b"", headers=None):
        """(status, body, seconds); status 0 when there was no answer."""
        began, status, data = time.monotonic(), 0, b""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            c.request(method, path, body, headers or {})
            answer = c.getresponse()
            status, data = answer.status, answer.read(1 << 20)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            c.close()
        return status, data, time.monotonic() - began

    def page(self, body, webhook_id=None, secret=None, signature=None):
        mac = hex_mac(secret or SECRETS["PAGERDUTY_WEBHOOK_SECRET"], body)
        headers = {"Content-Type": "application/json", "User-Agent": "PagerDuty-Webhook/V3.0", "x-webhook-subscription": "PSUB001", "X-Webhook-Id": webhook_id or secrets.token_hex(16)}
        if signature != "none":
            headers["X-PagerDuty-Signature"] = (signature or "v1={}").format(mac)
        status, _, took = self.send("POST", "/hooks/pagerduty", body, headers)
        return status if took < 5 else f"{status}, but after {took:.1f} s"

    def slash(self, text, user, channel, **signing):
        url, key = self.slack.new_response_url(channel, user)
        form = {"token": "legacy", "team_id": TEAM, "team_domain": "standin", "channel_id": channel, "channel_name": self.w.channels[channel]["name"], "user_id": user, "user_name": SLACK_USERS[user],
                "command": "/blocks", "text": text, "api_app_id": APP, "is_enterprise_install": "false", "response_url": url, "trigger_id": f"{self.w.unique()}.1.{secrets.token_hex(8)}"}
        body = urllib.parse.urlencode(form).encode()
        status, data, took = self.send("POST", "/slack/commands", body, slack_headers(body, **signing))
        if status == 200 and data.strip():
            try:
                reply = json.loads(data)
            except ValueError:
                reply = {"text": data.decode("utf-8", "replace")}
            if reply:
                self.slack.shown("ack", self.w.responses[key], reply)
        return status if took < 3 else f"{status}, but after {took:.1f} s"

    def click_body(self, message, user, at=None):
        url, _ = self.slack.new_response_url(self.channel, user, message["ts"])
        block_id, e = approve_button(message)
        now, name = time.time(), SLACK_USERS[user]
        payload = {"type": "block_actions", "user": {"id": user, "username": name, "name": name, "team_id": TEAM}, "api_app_id": APP, "token": "legacy", "team": {"id": TEAM, "domain": "standin"},
                   "enterprise": None, "is_enterprise_install": False, "trigger_id": f"{self.w.unique()}.2.{secrets.token_hex(8)}", "response_url": url,
                   "container": {"type": "message", "message_ts": message["ts"], "channel_id": self.channel, "is_ephemeral": False}, "channel": {"id": self.channel, "name": self.w.channels[self.channel]["name"]},
                   "message": message, "state": {"values": {}}, "actions": [{"type": "button", "action_id": e["action_id"], "block_id": block_id, "text": e["text"], "action_ts": f"{now:.6f}", **({"value": e["value"]} if "value" in e else {})}]}
        if message.get("thread_ts"):
            payload["container"]["thread_ts"] = message["thread_ts"]
        return urllib.parse.urlencode({"payload": json.dumps(payload)}).encode()

    def click(self, message, user, **signing):
        body = self.click_body(message, user)
        status, _, took = self.send("POST", "/slack/interactions", body, slack_headers(body, **signing))
        return status if took < 3 else f"{status}, but after {took:.1f} s"

    # -- looking
    def since(self, mark, pattern, **wanted):
        """The first thing said after `mark` that matches; `user`: only what that one alone sees."""
        return next((s for s in self.w.said[mark:] if re.search(pattern, s["text"]) and all(s[k] == v for k, v in wanted.items())), None)

    def metrics(self):
        text = self.send("GET", "/metrics")[1].decode("utf-8", "replace")
        return {m[1]: float(m[2]) for m in re.finditer(r"^([a-zA-Z_:][^#\n]*?)\s+([0-9.eE+-]+)$", text, re.M) if re.search(r"(?i)signature|unauthori|reject|refus|forg|invalid|denied|401", m[1])}

    def recent(self, mark):
        return " // ".join(s["text"][:160] for s in self.w.said[mark:]) or "nothing was said in Slack"

    def status(self, text, got, expected):
        self.r.check(f"{text}: {expected}", got == expected, got)

    def expect(self, text, predicate, seconds, mark, must=False):
        found = self.w.wait(predicate, seconds)
        (self.r.must if must else self.r.check)(text, found, self.recent(mark))
        return found

    # -- the story
    def run(self):
        self.write_files()
        self.start()
        for part in (self.forged, self.paged, self.carded, self.acknowledged, self.misspelt, self.planned, self.refused, self.approved, self.resolved):
            part()

    def forged(self):
        before, body = self.metrics(), webhook("incident.triggered", {**self.pd.incident(), "id": "PFORGED", "title": FORGED_TITLE})
        self.status("a webhook with a bad signature", self.page(body, secret="not the secret"), 401)
        self.status("a webhook without a signature", self.page(body, signature="none"), 401)
        self.status("a right digest under an unknown version", self.page(body, signature="v2={}"), 401)
        after = self.metrics()
        self.r.check("/metrics counts them", any(v > before.get(k, 0) for k, v in after.items()), f"before {before}, after {after}")

    def paged(self):
        body, wid = webhook("incident.triggered", self.pd.incident()), secrets.token_hex(16)
        self.status("a signed P1 page, within 5 s", self.page(body, wid), 202)
        self.status("the same delivery again", self.page(body, wid), 202)
        self.status("an unknown event type", self.page(webhook("incident.teleported", {"type": "incident_teleport", "id": "X1", "incident": ref("incident", INCIDENT, None)})), 202)
        self.status("a verified body that is not JSON", self.page(b'{"event": this is not JSON'), 202)
        self.status("PagerDuty's ping", self.page(webhook("pagey.ping", {"message": "Hello from your friend Pagey!", "type": "ping"}, {"id": "PANA001", "type": "user_reference"})), 202)

    def carded(self):
        r, w = self.r, self.w
        made = self.expect("a channel is created for the incident", lambda: [c for c in w.channels.values() if c["creator"] == BOT_USER], 20, 0, must=True)
        self.channel = made[0]["id"]
        card = self.expect("a card with blocks is posted there", lambda: next((s for s in w.said if s["channel"] == self.channel and s["how"] == "post" and s["args"].get("blocks") and "INC-1" in s["text"]), None), 20, 0, must=True)
        self.card_ts = card["ts"]
        r.check("the card names INC-1, P1 and the title", all(t in card["text"] for t in ("INC-1", "P1", TITLE_START)), card["text"][:300])
        r.check("the card keeps Block Kit's limits and has a fallback text", not message_problems(card["args"]), message_problems(card["args"]))
        # Triage may be quicker than Slack: then the first post has it already. That the card is edited in place is seen below.
        found = r"Which release is live|version: (bad|good)"
        self.expect("the card shows what triage found", lambda: re.search(found, card["text"]) or self.since(0, found, how="update", ts=self.card_ts), 30, 0)
        asked = [c["what"] for c in w.calls if c["who"] == "target"]
        r.check("triage really asked the target, and changed nothing", {"GET /health", "GET /version"} <= set(asked) and not any(a.startswith("POST") for a in asked), asked)

    def acknowledged(self):
        w, mark = self.w, len(self.w.said)
        w.pd_status = "acknowledged"
        body = webhook("incident.acknowledged", self.pd.incident(), ref("user", "PANA001", "Ana Example"))
        self.status("an acknowledgement with two signatures (rotation), one right", self.page(body, signature="v1=" + "0" * 64 + ",v1={}"), 202)
        self.expect("the card shows who acknowledged", lambda: self.since(mark, r"(?i)U0ANA|\bana\b", how="update", ts=self.card_ts), 15, mark)
        known = lambda: any(re.search(r"U0ANA|\bana\b", s["text"].replace("Ana Example", "")) for s in w.said[mark:])
        self.expect("she is recognised as ana of the configuration (user looked up, matched by e-mail)", known, 5, mark)
        created = [c["name"] for c in w.channels.values() if c["creator"] == BOT_USER]
        self.r.check("neither the repeated delivery nor the others doubled anything", len(created) == 1 and "INC-2" not in json.dumps(w.said), created)

    def misspelt(self):
        mark = len(self.w.said)
        self.status("an unknown word, within 3 s", self.slash("runbok", ANA, self.channel), 200)
        self.expect("only ana sees the usage, which names `runbook`", lambda: self.since(mark, r"\brunbook\b", user=ANA), 5, mark)
        self.status("a forged slash command", self.slash("runbook rollback flowengine", ANA, self.channel, secret="wrong"), 401)

    def planned(self):
        r, w, mark = self.r, self.w, len(self.w.said)
        self.status("/blocks runbook rollback flowengine, within 3 s", self.slash("runbook rollback flowengine", ANA, self.channel), 200)
        open_plan = lambda: next((s for s in w.said[mark:] if s["user"] is None and approve_button(w.messages.get((s["channel"], s["ts"]), {}))), None)
        self.plan = self.expect("a plan appears with an Approve button that others can see", open_plan, 15, mark, must=True)
        text = " | ".join(s["text"] for s in w.said[mark:])
        r.check("the plan shows the code of its fingerprint", re.search(FINGERPRINT, text), text[:400])
        r.check("the plan shows exactly what would run", "/rollback" in text and "curl" in text, text[:400])
        r.check("the plan shows its risk and its undo", re.search(r"(?i)irreversible", text) and re.search(r"(?i)undo|/rollforward", text), text[:400])
        r.check("asking alone starts nothing", w.effects == 0, w.effects)

    def message(self):
        return self.w.messages.get((self.plan["channel"], self.plan["ts"]), {})

    def refused(self):
        for user, who in ((ANA, "the requester's own approval"), (MAL, "an approval by someone unknown")):
            mark = len(self.w.said)
            self.status(f"{who}, within 3 s", self.click(self.message(), user), 200)
            self.expect(f"{who} is refused, to that person", lambda: self.since(mark, "(?i)" + REFUSED, user=user), 10, mark)
            self.r.check(f"{who} starts nothing", self.w.effects == 0, f"{self.w.effects} effects")
            self.r.must("the Approve button is still there for others", approve_button(self.message()), self.recent(mark))
        self.status("a forged click", self.click(self.message(), BEN, secret="wrong"), 401)
        self.status("a click signed 301 s ago", self.click(self.message(), BEN, at=time.time() - 301), 401)
        self.status("a click signed 301 s ahead", self.click(self.message(), BEN, at=time.time() + 302), 401)
        self.r.check("none of them started the run", self.w.effects == 0 and self.w.version == "bad", f"{self.w.effects} effects")

    def approved(self):
        r, w, mark, first = self.r, self.w, len(self.w.said), len(self.w.calls)
        shown, answers = json.loads(json.dumps(self.message())), []
        body = self.click_body(shown, BEN)
        headers = slack_headers(body)
        twice = [threading.Thread(target=lambda: answers.append(self.send("POST", "/slack/interactions", body, headers)[0])) for _ in range(2)]
        for step in (threading.Thread.start, lambda t: t.join(15)):
            for t in twice:
                step(t)
        self.status("ben's click, delivered twice", answers, [200, 200])

        def verified():
            asked = [c["what"] for c in w.calls[first:] if c["who"] == "target"]
            return "POST /rollback" in asked and {"GET /version", "GET /health"} <= set(asked[asked.index("POST /rollback"):])
        self.expect("the approved run changes the target and verifies it", verified, 40, mark, must=True)
        self.expect("Slack shows that the run succeeded", lambda: self.since(mark, r"(?i)\bsucceeded\b|\bsuccess|\bfinished\b|\bcompleted?\b|\bdone\b"), 20, mark)
        r.check("the double click had one effect", w.effects == 1 and w.version == "good", w.effects)
        self.status("a late click on a screen that is old", self.click(shown, BEN), 200)

    def resolved(self):
        r, w, mark, folder = self.r, self.w, len(self.w.said), self.dir / "incidents"
        self.status("/blocks incident resolve, within 3 s", self.slash("incident resolve", ANA, self.channel), 200)
        self.expect("Blocks resolves the incident in PagerDuty", lambda: w.pd_resolves, 15, mark, must=True)
        r.check("in the name of a person: From is ana, or the configured address", w.pd_resolves[0] in ("ana@example.com", "oncall@example.com"), w.pd_resolves)
        self.status("the webhook that comes back", self.page(webhook("incident.resolved", self.pd.incident(), ref("user", "PANA001", "Ana Example"))), 202)
        self.expect("the card says resolved", lambda: self.since(mark, r"(?i)\bresolved\b", how="update", ts=self.card_ts), 15, mark)
        found = self.expect("the review is written", lambda: sorted(folder.glob("PIR_*")), 20, mark, must=True)
        faults = lambda: pir_problems(found[0].name, found[0].read_text(), [str(self.first_day), str(datetime.now(timezone.utc).date())])
        r.check("PIR_<day>_INC-1.md names incident, severity, title and people", w.wait(lambda: not faults(), 5) and len(found) == 1, faults())
        self.expect("the review reaches Slack, as post or file", lambda: self.since(mark, r"PIR|[Pp]ost-incident review"), 15, mark)
        self.status("Blocks is alive and ready", [self.send("GET", path)[0] for path in ("/health", "/ready")], [200, 200])

    def end(self):
        """Stops the child first: after it is gone nothing can be doubled any more."""
        code = self.stop()
        self.r.check("it ends on SIGTERM with status 0 within 15 s", code == 0, code)
        files = [p for p in self.dir.rglob("*") if p.is_file() and p != self.log and p.stat().st_size < 64 << 20]
        judge_whole(self.r, self.w, self.channel, self.card_ts, self.log.read_text(errors="replace"), "\n".join(p.read_bytes().decode("utf-8", "replace") for p in files))

    def tell(self):
        print("# what Blocks sent:")
        for c in self.w.calls[-60:]:
            print(f"#   {c['n']} {c['who']} {c['what']} -> {c['reply']} {json.dumps(c['detail'], ensure_ascii=False)[:400]}")
        print(*(f"# problem: {p}" for p in self.w.problems), f"# the end of {self.log}:", sep="\n")
        if self.log.exists():
            print(*(f"#   {line[:400]}" for line in self.log.read_text(errors="replace").splitlines()[-60:]), sep="\n", flush=True)


# ---------------------------------------------------------------------------------------------- do the checks bite?
def selftest():
    r, w = Report(), World()
    slack, pd = Slack(w), PagerDuty(w)
    body = "token=legacy&team_id=T0001&team_domain=acme&channel_id=C0001&channel_name=incidents&user_id=U0001&user_name=oncall&command=%2Fblocks&text=runbook+rollback+checkout&api_app_id=A0001&is_enterprise_install=false&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT0001%2F1%2Fabc&trigger_id=1.2.abc"
    r.check("our Slack signature is the published one", slack_headers(body.encode(), "runbook-test-signing-secret", 1789000000)["X-Slack-Signature"] == "v0=2b3400cb7caf1f06fb37797b7ea718ecc25299031e02fc48d871777497b998d1")
    ping = b'{"event":{"id":"01TEST","event_type":"pagey.ping","resource_type":"pagey","occurred_at":"2026-01-01T00:00:00.000Z","agent":null,"client":null,"data":{"message":"hi","type":"ping"}}}'
    r.check("our PagerDuty signature is the recorded one", hex_mac("pd-test-secret", ping) == "1e01e2b28e509f0b093eae004532d6cf4333f46aca1a3c4eb1481558f4755eb8")

    def ask(base, method, path, args, headers):
        c = http.client.HTTPConnection(urllib.parse.urlsplit(base).netloc, timeout=5)
        c.request(method, path, args if isinstance(args, bytes) else json.dumps(args), {"Content-Type": "application/json", **headers})
        answer = c.getresponse()
        out = answer.status, answer.read().decode()
        c.close()
        return out

    home = next(iter(w.channels))
    token = {"Authorization": "Bearer " + SECRETS["SLACK_BOT_TOKEN"]}
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "fine"}}
    button = {"type": "button", "text": {"type": "plain_text", "text": "Approve"}, "action_id": "a"}
    wrong = [   # a recorded conversation in which every line is wrong, and the word that must be said about it
        ("no token", "chat.postMessage", {"channel": home, "text": "x"}, {}, "not_authed"),
        ("not JSON", "chat.postMessage", b"{", token, "invalid_json"),
        ("unknown channel", "chat.postMessage", {"channel": "C999", "text": "x"}, token, "channel_not_found"),
        ("no fallback text", "chat.postMessage", {"channel": home, "blocks": [section]}, token, "invalid_blocks"),
        ("header too long", "chat.postMessage", {"channel": home, "text": "x", "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "&" * 31}}]}, token, "less than 151"),
        ("51 blocks", "chat.postMessage", {"channel": home, "text": "x", "blocks": [section] * 51}, token, "no more than 50"),
        ("26 buttons", "chat.postMessage", {"channel": home, "text": "x", "blocks": [{"type": "actions", "elements": [{**button, "action_id": str(i)} for i in range(26)]}]}, token, "1 and 25"),
        ("same action_id", "chat.postMessage", {"channel": home, "text": "x", "blocks": [{"type": "actions", "elements": [button, button]}]}, token, "action_id used twice"),
        ("text past the total", "chat.postMessage", {"channel": home, "text": "x", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "y" * 2900}}] * 4}, token, "msg_blocks_too_long"),
        ("a ping from outside", "chat.postMessage", {"channel": home, "text": "x", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": TITLE}}]}, token, "unescaped"),
        ("a number in metadata", "chat.postMessage", {"channel": home, "text": "x", "metadata": {"event_type": "e", "event_payload": {"n": 1}}}, token, "no_text"),
        ("unknown message", "chat.update", {"channel": home, "ts": "1.1", "text": "x"}, token, "message_not_found"),
        ("bad channel name", "conversations.create", {"name": "INC 1"}, token, "invalid_name"),
        ("file never uploaded", "files.completeUploadExternal", {"files": [{"id": "F1"}]}, token, "file_not_found"),
        ("method of no one", "chat.shout", {}, token, "unknown_method")]
    for text, method, args, headers, expected in wrong:
        before, (_, answer) = len(w.problems), ask(slack.base, "POST", "/api/" + method, args, headers)
        r.check(f"slack refuses: {text}", expected in answer and (len(w.problems) > before or expected == "invalid_json"), answer[:200])
    status, answer = ask(slack.base, "POST", "/api/chat.postMessage", {"channel": home, "text": html.escape(TITLE), "blocks": [section, {"type": "actions", "elements": [button]}]}, token)
    r.check("slack takes a good message", json.loads(answer)["ok"] and json.loads(answer)["message"]["ts"], answer)
    url, _ = slack.new_response_url(home, ANA)
    statuses = [ask(slack.base, "POST", urllib.parse.urlsplit(url).path, {"text": "x"}, {})[0] for _ in range(6)]
    r.check("a response_url works five times", statuses == [200] * 5 + [404], statuses)
    rest = {"Authorization": "Token token=" + SECRETS["PAGERDUTY_API_TOKEN"], "Accept": "application/vnd.pagerduty+json;version=2"}
    resolve = {"incident": {"type": "incident_reference", "status": "resolved"}}
    for text, headers, args, expected in (("no token", {}, resolve, 401), ("no Accept", {"Authorization": rest["Authorization"]}, resolve, 406), ("no From", rest, resolve, 400),
                                          ("no type", {**rest, "From": "ana@example.com"}, {"incident": {"status": "resolved"}}, 400), ("all right", {**rest, "From": "ana@example.com"}, resolve, 200)):
        status, answer = ask(pd.base, "PUT", "/incidents/" + INCIDENT, args, headers)
        r.check(f"pagerduty answers {expected}: {text}", status == expected, answer[:200])

    def whole(world, log="", folder=""):
        inner, made = Report(quiet=True), [c for c in world.channels.values() if c["creator"] == BOT_USER]
        judge_whole(inner, world, made[0]["id"], "1.1", log, folder)
        return inner.failed
    good = World()
    cid = good.new_channel("inc-1", BOT_USER)["id"]
    good.say("post", cid, "1.1", {"text": f"INC-1 P1 {TITLE_START}"})
    good.effects = 1
    r.check("a good conversation passes", whole(good) == [], whole(good))
    good.say("post", cid, "1.2", {"text": f"INC-1 P1 {TITLE_START}"})
    good.new_channel("inc-1-again", BOT_USER)
    good.effects, good.problems = 2, ["x"]
    good.call("slack", "chat.postMessage", {"text": f"INC-2 {FORGED_TITLE}"})
    _, key = Slack(good).new_response_url(cid, ANA)
    failed = whole(good, log=SECRETS["SLACK_BOT_TOKEN"] + key)
    r.check("a wrong one fails each of the eight final checks", len(failed) == 8, failed)
    r.check("a review without ben, under a wrong name, is seen", len(pir_problems("PIR_1.md", f"INC-1 P1 {TITLE_START} ana", ["2026-01-01"])) == 2)
    r.check("words: a code, a refusal, and neither", re.search(FINGERPRINT, "code `4F2A`") and re.search(REFUSED, "a second person must approve") and not re.search(FINGERPRINT, "code") and not re.search(REFUSED, "approved, running"))
    return r


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--blocks", help="path of the blocks binary")
    p.add_argument("--workdir", help="a fresh folder")
    p.add_argument("--runbooks", help="folder of *.md that replace or join the stand-in's own; TARGET_URL in them becomes the target's address")
    p.add_argument("--selftest", action="store_true", help="show that the checks can fail")
    args = p.parse_args()
    if args.selftest:
        r = selftest()
    else:
        if not args.blocks or not args.workdir or not os.access(args.blocks, os.X_OK) or (pathlib.Path(args.workdir) / "blocks-data").exists():
            p.error("--blocks must be executable and --workdir must be a folder not used before")
        missing = [tool for tool in ("bash", "curl") if not shutil.which(tool)]
        if missing:
            p.error(f"missing: {missing}")
        walk = Walk(args)
        r = walk.r
        try:
            walk.run()
            walk.end()
        except Stop as e:
            print(f"# the walk stops here: {e}")
        finally:
            walk.stop()
        if r.failed:
            walk.tell()
    print(f"{r.lines - len(r.failed)} passed, {len(r.failed)} failed")
    return 1 if r.failed else 0


if __name__ == "__main__":
    sys.exit(main())
