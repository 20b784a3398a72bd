"""One visit to an account by imaplib; libraries.rs describes what each visit does and prints.

    python3 imaplib_client.py PORT USER PASSWORD VISIT DIRECTORY
"""

import imaplib
import os
import re
import sys
import time

LETTERS = [("\\Draft", "D"), ("\\Flagged", "F"), ("\\Answered", "R"), ("\\Seen", "S"), ("\\Deleted", "T")]


def good(answer):
    kind, data = answer
    if kind != "OK":
        sys.exit(f"the server refuses: {kind} {data}")
    return data


def tell(*words):
    print(*words, sep="\t", flush=True)


def quoted(name):
    return f'"{name}"'


def find(imap, *criteria):
    return good(imap.uid("SEARCH", *criteria))[0].split()


def the(imap, identity):
    (uid,) = find(imap, "HEADER", "X-Id", identity)
    return uid


def letters(response):
    flags = imaplib.ParseFlags(response)
    return "".join(letter for flag, letter in LETTERS if flag.encode() in flags)


def messages(imap):
    """Identity and flags of every message."""
    for item in good(imap.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (X-Id)])")):
        if isinstance(item, tuple):
            start, header = item
            yield header.decode().split(":")[1].strip(), letters(start)


def look(imap, directory):
    for line in good(imap.list()):
        attributes, name = re.fullmatch(rb'\((.*?)\) "\." "?(.*?)"?', line).groups()
        if b"\\noselect" in attributes.lower() or b"\\nonexistent" in attributes.lower():
            continue
        name = name.decode()
        # `1:*` is an error where there is no message (RFC 3501 §9).
        if good(imap.select(quoted(name), readonly=True)) == [b"0"]:
            continue
        for identity, flags in messages(imap):
            tell("message", name, identity, flags)
    good(imap.select("INBOX", readonly=True))
    for identity in ["inbox-0007", "inbox-0008", "inbox-0009"]:
        text = good(imap.uid("FETCH", the(imap, identity), "(BODY.PEEK[])"))[0][1]
        with open(os.path.join(directory, identity), "wb") as file:
            file.write(text)


def move(imap, uid, mailbox):
    if "MOVE" in imap.capabilities:
        good(imap.uid("MOVE", uid, mailbox))
    else:
        good(imap.uid("COPY", uid, mailbox))
        good(imap.uid("STORE", uid, "+FLAGS.SILENT", "(\\Deleted)"))
        good(imap.expunge())


def change(imap, _directory):
    good(imap.select("INBOX"))
    tell("found", "unseen", len(find(imap, "UNSEEN")))
    tell("found", "flagged", len(find(imap, "OR", "FLAGGED", "SUBJECT", '"no such"')))
    imap.literal = "Grüße".encode()
    tell("found", "text", len(find(imap, "CHARSET", "UTF-8", "TEXT")))
    good(imap.uid("STORE", the(imap, "inbox-0004"), "+FLAGS", "(\\Flagged $Work)"))
    good(imap.uid("STORE", the(imap, "inbox-0005"), "-FLAGS", "(\\Seen)"))
    good(imap.uid("STORE", the(imap, "inbox-0006"), "+FLAGS", "(\\Deleted)"))
    good(imap.expunge())
    good(imap.select(quoted("&U,BTFw-")))
    move(imap, the(imap, "trip-0007"), quoted("Entw&APw-rfe"))
    good(imap.uid("COPY", the(imap, "trip-0008"), quoted("Lists.R&-D")))
    text = b"Subject: appended\r\nX-Id: appended\r\n\r\nBy the client.\r\n"
    good(imap.append(quoted("Entw&APw-rfe"), "(\\Seen \\Draft)", '"01-Feb-2003 04:05:06 +0000"', text))
    good(imap.create(quoted("&AMk-t&AOk-")))
    good(imap.rename(quoted("&AMk-t&AOk-"), quoted("&ANw-berall")))
    good(imap.subscribe(quoted("&ANw-berall")))
    good(imap.create("Short"))
    good(imap.delete("Short"))


def arrange(imap, _directory):
    good(imap.select("Talk", readonly=True))
    tell("sorted", good(imap.uid("SORT", "(SUBJECT DATE)", "UTF-8", "ALL"))[0].decode())
    tell("threads", good(imap.uid("THREAD", "REFERENCES", "UTF-8", "ALL"))[0].decode())
    good(imap.uid("SEARCH", "RETURN", "(MIN COUNT)", "SUBJECT", "pears"))
    extended = imap.response("ESEARCH")[1][0].decode()
    tell("counted", *re.search(r" MIN (\d+) COUNT (\d+)", extended).groups())


def watch(imap, directory):
    """Waits for a new message, a changed flag and an expunged message."""
    good(imap.select("INBOX"))
    number = int(good(imap.search(None, "HEADER", "X-Id", "inbox-0011"))[0])
    imap.response("EXISTS")
    open(os.path.join(directory, "ready"), "w").close()
    unheard = {"message", "flag", "expunge"}
    deadline = time.monotonic() + 20
    while unheard and time.monotonic() < deadline:
        good(imap.noop())
        heard = set()
        if any(imap.response("EXISTS")[1]) and find(imap, "HEADER", "X-Id", "watched"):
            heard.add("message")
        if any(imap.response("EXPUNGE")[1]):
            heard.add("expunge")
        for line in filter(None, imap.response("FETCH")[1]):
            if line.startswith(b"%d " % number) and "F" in letters(line):
                heard.add("flag")
        for one in sorted(heard & unheard):
            tell("heard", one)
        unheard -= heard
        time.sleep(0.05)


def main():
    port, user, password, visit, directory = sys.argv[1:]
    imap = imaplib.IMAP4("127.0.0.1", int(port))
    good(imap.login(user, password))
    # It asks before it logs in only.
    imap.capabilities = tuple(good(imap.capability())[0].decode().upper().split())
    {"look": look, "change": change, "arrange": arrange, "watch": watch}[visit](imap, directory)
    imap.logout()


main()
