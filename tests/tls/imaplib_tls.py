"""Prints the text of the first message, read under TLS by imaplib.

    python3 imaplib_tls.py implicit|starttls PORT USER PASSWORD AUTHORITY
"""

import imaplib
import ssl
import sys


def good(answer):
    kind, data = answer
    if kind != "OK":
        sys.exit(f"the server refuses: {kind} {data}")
    return data


def main():
    way, port, user, password, authority = sys.argv[1:]
    context = ssl.create_default_context(cafile=authority)
    if way == "implicit":
        imap = imaplib.IMAP4_SSL("localhost", int(port), ssl_context=context)
    else:
        imap = imaplib.IMAP4("localhost", int(port))
        if "LOGINDISABLED" not in imap.capabilities:
            sys.exit("a password would be taken in clear text")
        good(imap.starttls(context))
    if "LOGINDISABLED" in imap.capabilities or "STARTTLS" in imap.capabilities:
        sys.exit(f"the capabilities are those of before: {imap.capabilities}")
    good(imap.login(user, password))
    good(imap.select("INBOX", readonly=True))
    print(good(imap.fetch("1", "(BODY.PEEK[TEXT])"))[0][1].decode().strip())
    good(imap.close())
    imap.logout()


main()
